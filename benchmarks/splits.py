"""How much faster two processes read than one, each its own split of the same archives.

`python -m benchmarks.splits`. About 1 GiB of notifications, in archives of 300 MB, is read
in rounds that are interleaved: everything by one of two workers, and a split by each. Both
are there before the clock starts. The least of the rounds are compared.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from multiprocessing import get_context
from multiprocessing.pool import Pool
from time import perf_counter

import shoebox
from benchmarks.records import notifications
from shoebox.roll_checker import SizeRollChecker
from shoebox.roll_manager import ReadingRollManager, Split, WritingRollManager

WORKERS = 2
RECORDS = 20_000
"""Different ones; they are written again and again."""


def main() -> None:
    """Print a line for each way to compress."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--megabytes", type=int, default=1024)
    options = parser.parse_args()
    python = f"Python {platform.python_version()}, {platform.machine()}"
    ours = "compiled" if shoebox.compiled() else "pure Python"
    print(f"shoebox ({ours}), {python}, {os.cpu_count()} processors")
    with get_context("spawn").Pool(WORKERS) as pool:
        for compression in ("none", "zstd"):
            with tempfile.TemporaryDirectory() as here:
                write(here, compression, options.megabytes)
                compare(pool, here, compression, options.rounds)


def write(here: str, compression: str, megabytes: int) -> None:
    """Write so much, before it is compressed."""
    records = notifications(RECORDS)
    size = sum(len(payload) for _, payload in records)
    with WritingRollManager(
        "bench_%f.events", SizeRollChecker(roll_size_mb=300), here, compression=compression
    ) as writer:
        for _ in range(-(-megabytes * 10**6 // size)):
            writer.write_many(records)


def compare(pool: Pool, here: str, compression: str, rounds: int) -> None:
    """Print how long one takes, how long two, and the ratio."""
    with ReadingRollManager("bench_*.events", here) as manager:
        whole, shares = manager.splits(1), manager.splits(WORKERS)
    expected = sum(pool.map(read, whole))
    taken = [(timed(pool, whole, expected), timed(pool, shares, expected)) for _ in range(rounds)]
    one, several = map(min, zip(*taken, strict=True))
    print(
        f"{expected} notifications, {compression}: one process {one:.2f} s, {WORKERS} "
        f"{several:.2f} s, {one / several:.2f} times as fast"
    )


def timed(pool: Pool, splits: list[Split], expected: int) -> float:
    """Return the seconds of reading the splits, one in each worker."""
    start = perf_counter()
    found = sum(pool.map(read, splits, chunksize=1))
    seconds = perf_counter() - start
    assert found == expected  # noqa: S101
    return seconds


def read(split: Split) -> int:
    """Read a split; return how many records it has."""
    with split.open() as reader:
        return sum(1 for _metadata, _payload in reader)


if __name__ == "__main__":
    sys.exit(main())
