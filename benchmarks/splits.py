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
from time import perf_counter, process_time
from typing import NamedTuple

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
    taken = [(timed(pool, whole), timed(pool, shares)) for _ in range(rounds + 1)][1:]
    one, several = (
        Taken(*map(min, zip(*column, strict=True))) for column in zip(*taken, strict=True)
    )
    assert one.records == several.records  # noqa: S101
    print(
        f"{one.records} notifications, {compression}: one process {one.seconds:.2f} s, {WORKERS} "
        f"{several.seconds:.2f} s, {one.seconds / several.seconds:.2f} times as fast "
        f"({one.processor / several.processor:.2f} in processor time)"
    )


class Taken(NamedTuple):
    """What reading takes."""

    records: int
    seconds: float
    processor: float
    """Seconds of it, of the reader that takes longest: what is left where others are busy too."""


def timed(pool: Pool, splits: list[Split]) -> Taken:
    """Read the splits, one in each worker."""
    start = perf_counter()
    found = pool.map(read, splits, chunksize=1)
    seconds = perf_counter() - start
    return Taken(sum(it.records for it in found), seconds, max(it.processor for it in found))


def read(split: Split) -> Taken:
    """Read a split."""
    wall, processor = perf_counter(), process_time()
    with split.open() as reader:
        records = sum(1 for _metadata, _payload in reader)
    return Taken(records, perf_counter() - wall, process_time() - processor)


if __name__ == "__main__":
    sys.exit(main())
