"""How fast shoebox writes and reads, as ratios to bare msgpack in the same run.

Bare msgpack has no lock, timestamp, copy, check, roll, checksum or index. Both sync
the file at the end. The rounds of both are interleaved, since machines are noisy, and
the medians are compared.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, time_ns

import msgpack

import shoebox
from benchmarks.records import Record, notifications, small
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager


def main() -> None:
    """Print a table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    python = f"Python {platform.python_version()}, {platform.machine()}"
    ours = "compiled" if shoebox.compiled() else "pure Python"
    print(f"shoebox {version('shoebox')} ({ours}), {python}, {os.cpu_count()} processors")
    print(f"{'records':26} {'shoebox':>12} {'msgpack':>12}  ratio of rates (median of rounds)")
    compare("notifications", notifications(20_000), options.rounds)
    compare("100 bytes", small(200_000), options.rounds)


def compare(name: str, records: list[Record], rounds: int) -> None:
    """Measure writing and reading of these records."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        pairs = {
            "write": (lambda: write_shoebox(here, records), lambda: write_msgpack(here, records)),
            "write_many": (
                lambda: write_shoebox_many(here, records),
                lambda: write_msgpack(here, records),
            ),
            "read": (lambda: read_shoebox(here), lambda: read_msgpack(here)),
        }
        for action, (ours, theirs) in pairs.items():
            seconds = interleaved(ours, theirs, rounds)
            ours_rate, theirs_rate = (
                len(records) / statistics.median(column) for column in zip(*seconds, strict=True)
            )
            ratio = statistics.median(second / first for first, second in seconds)
            print(
                f"{name + ', ' + action:26} {ours_rate:10.0f}/s {theirs_rate:10.0f}/s  {ratio:.2f}"
            )


def interleaved(
    ours: Callable[[], None], theirs: Callable[[], None], rounds: int
) -> list[tuple[float, float]]:
    """Return the seconds of both, round by round, after one that does not count."""
    ours(), theirs()
    return [(timed(ours), timed(theirs)) for _ in range(rounds)]


def timed(run: Callable[[], None]) -> float:
    """Return the seconds of one run."""
    gc.collect()
    start = perf_counter()
    run()
    return perf_counter() - start


def write_shoebox(here: Path, records: list[Record]) -> None:
    """Write an archive."""
    for path in here.glob("bench*"):
        path.unlink()
    with WritingRollManager(
        "bench.events", NeverRollChecker(), directory=here, compression="none"
    ) as manager:
        write = manager.write
        for metadata, payload in records:
            write(metadata, payload)


def write_shoebox_many(here: Path, records: list[Record]) -> None:
    """Write an archive, many records with one call."""
    for path in here.glob("bench*"):
        path.unlink()
    with WritingRollManager(
        "bench.events", NeverRollChecker(), directory=here, compression="none"
    ) as manager:
        manager.write_many(records)


def write_msgpack(here: Path, records: list[Record]) -> None:
    """Write a stream of the same."""
    (here / "stream").unlink(missing_ok=True)
    pack = msgpack.Packer().pack
    with (here / "stream").open("wb") as file:
        write = file.write
        for metadata, payload in records:
            write(pack((metadata, payload, time_ns())))
        file.flush()
        os.fsync(file.fileno())


def read_shoebox(here: Path) -> None:
    """Read the archive."""
    with ReadingRollManager("bench.events", directory=here) as manager:
        for _metadata, _payload in manager:
            pass


def read_msgpack(here: Path) -> None:
    """Read the stream."""
    with (here / "stream").open("rb") as file:
        for _metadata, _payload, _timestamp in msgpack.Unpacker(file, use_list=False):
            pass


if __name__ == "__main__":
    sys.exit(main())
