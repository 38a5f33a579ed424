"""The rates of a run as dots: a row for each peer, a colour for each compression."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.goals import OURS
from benchmarks.report import LARGE
from benchmarks.results import Measured, Run

COLOURS = {"none": "#1f77b4", "zstd": "#d62728", "gzip": "#7f7f7f"}
MARKS = {"none": "o", "zstd": "D", "gzip": "s"}


def draw(run: Run, path: Path) -> None:
    """Write the plot as SVG whose bytes depend on the run alone."""
    kinds = list(dict.fromkeys(it.kind for it in run.measured))
    with mpl.rc_context({"svg.hashsalt": "shoebox", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9, 3 * len(kinds) + 0.4), layout="constrained")
        rows = figure.subplots(len(kinds), 2, sharey="row", squeeze=False)
        for kind, axes in zip(kinds, rows, strict=True):
            of_kind = [it for it in run.measured if it.kind == kind]
            for action, each in zip(("write", "read"), axes, strict=True):
                panel(each, of_kind, action)
        handles, labels = rows[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        figure.suptitle(run.machine, fontsize=9)
        figure.savefig(path, format="svg", metadata={"Date": None})


def panel(axes: Any, of_kind: list[Measured], action: str) -> None:
    """Draw one kind's rates of writing or of reading."""
    peers = list(dict.fromkeys(it.peer for it in of_kind))[::-1]
    large = of_kind[0].record_bytes >= LARGE
    factor = of_kind[0].record_bytes / 1e6 if large else 1
    for compression, colour in COLOURS.items():
        dots = [it for it in of_kind if it.compression == compression]
        axes.scatter(
            [getattr(it, f"{action}_rate") * factor for it in dots],
            [peers.index(it.peer) for it in dots],
            color=colour,
            marker=MARKS[compression],
            label=compression,
            zorder=3,
        )
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_yticks(range(len(peers)), [it.replace("`", "") for it in peers])
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == OURS else "normal")
    axes.grid(axis="both", color="#dddddd", linewidth=0.6)
    axes.set_title(f"{of_kind[0].kind}: {action}, {'MB' if large else 'records'} a second")
