"""How fast shoebox writes and reads, beside peers in the same run, and whether goals are met.

Everything is wall time on one machine, in rounds that are interleaved, since machines are
noisy: the ratios say more than the rates.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import shoebox
from benchmarks import goals, limits, memory, opening, splits, waits
from benchmarks.comparing import Kind, compare
from benchmarks.peers import PEERS
from benchmarks.records import blobs, notifications, small
from benchmarks.report import goal_table, rate_tables
from benchmarks.results import Outcome, Run, save

KINDS: dict[str, Callable[[], Kind]] = {
    goals.NOTIFICATIONS: lambda: Kind(goals.NOTIFICATIONS, notifications(20_000)),
    goals.SMALL: lambda: Kind(goals.SMALL, small(100_000)),
    goals.BLOBS: lambda: Kind(goals.BLOBS, blobs(32)),
}

LIMITS: dict[str, Callable[[int, float], list[Outcome]]] = {
    "plain": lambda rounds, _: limits.plain(rounds),
    "durability": lambda rounds, _: limits.durable(rounds),
    "waits": lambda rounds, _: waits.longest(rounds),
    "memory": lambda _, gib: memory.growth(gib),
    "opening": opening.jumps,
    "splits": splits.parallel,
}


def main() -> None:
    """Measure, and print tables in Markdown."""
    options = arguments()
    chosen = options.only or [*KINDS, *LIMITS]
    run = Run(machine(), shoebox.compiled())
    print(run.machine, flush=True)
    for name in chosen:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        if name in KINDS:
            run.measured += compare(KINDS[name](), PEERS, options.rounds)
        else:
            run.outcomes += LIMITS[name](options.rounds, options.gib)
    reached = goals.outcomes(run.measured, compiled=run.compiled)
    run.outcomes = [*reached, *run.outcomes]
    print("\n".join([*rate_tables(run), "", *goal_table([run])]))
    if options.json:
        save(run, options.json)
    if options.plot:
        from benchmarks.plot import draw  # noqa: PLC0415 - slow to import, and not always wanted

        draw(run, options.plot)


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="that count, after one that doesn't")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*KINDS, *LIMITS],
        metavar="NAME",
        help=f"a part of it, repeatable: {', '.join([*KINDS, *LIMITS])}",
    )
    parser.add_argument(
        "--gib", type=float, default=1.0, help="size of what is large, for memory and opening"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="keep what was measured")
    parser.add_argument("--plot", type=Path, metavar="PATH", help="draw the rates, as SVG")
    return parser.parse_args()


def machine() -> str:
    """Return what was measured, and where."""
    modules = "compiled" if shoebox.compiled() else "pure Python"
    return (
        f"shoebox {version('shoebox')} ({modules}), Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    )


if __name__ == "__main__":
    main()
