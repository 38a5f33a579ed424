"""How fast records are written that are synced one by one.

`python -m benchmarks.durability`. One thread is compared with bare write and fdatasync of
the same bytes, sixteen threads with one. Each round measures all three, and the median of
the rounds' ratios counts. `--directory` says on which disk: fdatasync is to be real there.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import shoebox
from benchmarks.records import Record, notifications, small
from shoebox.archive import ArchiveReader
from shoebox.format import v2
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingRollManager

THREADS = 16
GOAL_OF_ONE, GOAL_OF_MANY = 0.8, 5.0


class Round(NamedTuple):
    """Records a second."""

    bare: float
    one: float
    many: float


def main() -> None:
    """Print two ratios and what they are to be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--records", type=int, default=500, help="of each thread")
    parser.add_argument("--small", action="store_true", help="records of 100 bytes")
    parser.add_argument("--directory", default=".")
    options = parser.parse_args()
    records = (small if options.small else notifications)(options.records)
    rounds = [measure(records, options.directory) for _ in range(options.rounds)]
    ours = "compiled" if shoebox.compiled() else "pure Python"
    print(f"shoebox ({ours}), Python {platform.python_version()}, {os.cpu_count()} processors")
    one = statistics.median(it.one / it.bare for it in rounds)
    many = statistics.median(it.many / it.one for it in rounds)
    bare_rate, one_rate, many_rate = map(statistics.median, zip(*rounds, strict=True))
    print(
        f"one thread: {one_rate:.0f}/s, bare write and fdatasync: {bare_rate:.0f}/s, "
        f"ratio {one:.2f} (goal {GOAL_OF_ONE})"
    )
    print(
        f"{THREADS} threads: {many_rate:.0f}/s, one thread: {one_rate:.0f}/s, "
        f"ratio {many:.2f} (goal {GOAL_OF_MANY:.0f})"
    )


def measure(records: list[Record], directory: str) -> Round:
    """Return the rates of one round."""
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        here = Path(folder)
        one = synced(here / "one.events", records, 1)
        bare = written_bare(here / "bare", blocks(here / "one.events"))
        return Round(bare, one, synced(here / "many.events", records, THREADS))


def synced(path: Path, records: list[Record], threads: int) -> float:
    """Return the rate at which so many threads write the records, each of them all."""
    with (
        WritingRollManager(
            path.name,
            NeverRollChecker(),
            directory=path.parent,
            durability="record",
            compression="none",
        ) as manager,
        ThreadPoolExecutor(threads) as pool,
    ):
        manager.write({}, "the archive is open")
        start = perf_counter()
        list(pool.map(lambda _: write_each(manager, records), range(threads)))
        return threads * len(records) / (perf_counter() - start)


def write_each(manager: WritingRollManager, records: list[Record]) -> None:
    """Write the records one by one."""
    for metadata, payload in records:
        manager.write(metadata, payload)


def blocks(path: Path) -> list[bytes]:
    """Return the bytes of an archive's blocks, one for each record."""
    data = path.read_bytes()
    with ArchiveReader(path) as reader:
        return [data[it.at : it.end] for it in reader.frames() if it.is_a(v2.BLOCK)]


def written_bare(path: Path, pieces: list[bytes]) -> float:
    """Return the rate at which the pieces are appended and synced with nothing else."""
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    start = perf_counter()
    for piece in pieces:
        os.write(fd, piece)
        os.fdatasync(fd)
    seconds = perf_counter() - start
    os.close(fd)
    return len(pieces) / seconds


if __name__ == "__main__":
    sys.exit(main())
