"""What runs have found, as tables in Markdown: `python -m benchmarks.report RUN.json...`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks import goals
from benchmarks.results import Measured, Outcome, Run, load
from benchmarks.timing import ratio

LARGE = 100_000
"""Bytes of a record from which on megabytes a second say more than records a second."""


def main() -> None:
    """Print the goals of all runs side by side, and then what each has measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN.json")
    parser.add_argument("--plot", type=Path, help="draw the first run's rates, as SVG")
    options = parser.parse_args()
    runs = [load(path) for path in options.runs]
    print("\n".join(goal_table(runs)))
    for run in runs:
        print(f"\n{run.machine}", *rate_tables(run), sep="\n")
    if options.plot:
        from benchmarks.plot import draw  # noqa: PLC0415 - slow to import, and not always wanted

        draw(runs[0], options.plot)


def goal_table(runs: Sequence[Run]) -> Iterator[str]:
    """Yield a row for each goal, with columns for each run."""
    heads = ["compiled" if run.compiled else "pure Python" for run in runs]
    columns = [column for head in heads for column in (head, "processor", "goal")]
    found = [{it.what: it for it in run.outcomes} for run in runs]
    rows = [
        [what, *(cell for outcomes in found for cell in _reached(outcomes.get(what)))]
        for what in dict.fromkeys(what for outcomes in found for what in outcomes)
    ]
    yield from table(["", *columns], rows, 1)


def _reached(outcome: Outcome | None) -> tuple[str, str, str]:
    if outcome is None:
        return "", "", ""
    measured = f"{outcome.measured:.2f}{outcome.unit}"
    note = f" ({outcome.note})" if outcome.note else ""
    processor = "" if outcome.processor is None else f"{outcome.processor:.2f}"
    goal = f"{'≤ ' if outcome.at_most else ''}{outcome.goal:g}{outcome.unit}"
    return f"{measured if outcome.met else f'**{measured}**'}{note}", processor, goal


def rate_tables(run: Run) -> Iterator[str]:
    """Yield a table for each kind of records."""
    for kind in dict.fromkeys(it.kind for it in run.measured):
        of_kind = [it for it in run.measured if it.kind == kind]
        large = of_kind[0].record_bytes >= LARGE
        unit = "MB/s" if large else "records/s"
        yield f"\n{kind}, {of_kind[0].record_bytes:,} bytes:\n"
        head = ["", "", f"write, {unit}", f"read, {unit}", "stored", "shoebox writes", "reads"]
        yield from table(head, [_rates(it, of_kind, large=large) for it in _grouped(of_kind)], 2)


def _grouped(measured: Iterable[Measured]) -> list[Measured]:
    return sorted(measured, key=lambda it: ("none", "zstd", "gzip").index(it.compression))


def _rates(row: Measured, of_kind: Iterable[Measured], *, large: bool) -> list[str]:
    factor = row.record_bytes / 1e6 if large else 1
    [ours] = (it for it in of_kind if (it.peer, it.compression) == (goals.OURS, row.compression))
    ratios = (ratio(ours.write, row.write), ratio(ours.read, row.read))
    return [
        row.compression,
        row.peer,
        f"{row.write_rate * factor:,.0f}",
        f"{row.read_rate * factor:,.0f}",
        f"{row.stored:.2f}",
        *(["", ""] if row is ours else [f"{it:.2f} ×" for it in ratios]),  # noqa: RUF001 - times
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], names: int) -> Iterator[str]:
    """Yield the lines of a table; the first `names` columns are text, the others numbers."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = ["-" * width + ("-" if at < names else ":") for at, width in enumerate(widths)]
    yield _line(head, widths, names)
    yield f"|{'|'.join(f'-{it}' for it in rule)}|"
    for row in rows:
        yield _line(row, widths, names)


def _line(cells: Sequence[str], widths: Sequence[int], names: int) -> str:
    pads = [str.ljust if at < names else str.rjust for at in range(len(cells))]
    padded = (pad(cell, width) for pad, cell, width in zip(pads, cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


if __name__ == "__main__":
    main()
