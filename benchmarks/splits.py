"""How much faster two processes read than one, each its own split of the same archives.

Everything is read by one of two workers, and a split by each, in rounds that are
interleaved. Both are there before the clock starts.
"""

from __future__ import annotations

import tempfile
from multiprocessing import get_context
from multiprocessing.pool import Pool

from benchmarks.records import notifications
from benchmarks.results import Outcome
from benchmarks.timing import interleaved, ratio
from shoebox.roll_checker import SizeRollChecker
from shoebox.roll_manager import ReadingRollManager, Split, WritingRollManager

WORKERS = 2
RECORDS = 20_000
"""Different ones; they are written again and again."""
GOAL = 1.8


def parallel(rounds: int, gib: float) -> list[Outcome]:
    """Read so much, before it was compressed, in one process and in two."""
    with get_context("spawn").Pool(WORKERS) as pool:
        return [compared(pool, compression, rounds, gib) for compression in ("none", "zstd")]


def compared(pool: Pool, compression: str, rounds: int, gib: float) -> Outcome:
    """Return how many times as fast two are."""
    with tempfile.TemporaryDirectory() as here:
        write(here, compression, int(gib * (1 << 30)))
        with ReadingRollManager("bench_*.events", here) as manager:
            whole, shares = manager.splits(1), manager.splits(WORKERS)
        taken = interleaved(
            {
                "one": lambda: pool.map(read, whole, chunksize=1),
                "two": lambda: pool.map(read, shares, chunksize=1),
            },
            rounds,
        )
    what = f"reading {gib:g} GiB of notifications, {compression}: two processes, to one"
    return Outcome(what, ratio(taken["one"], taken["two"]), GOAL)


def write(here: str, compression: str, size: int) -> None:
    """Write so many bytes, before they are compressed."""
    records = notifications(RECORDS)
    each = sum(len(payload) for _, payload in records)
    with WritingRollManager(
        "bench_%f.events", SizeRollChecker(roll_size_mb=300), here, compression=compression
    ) as writer:
        for _ in range(-(-size // each)):
            writer.write_many(records)


def read(split: Split) -> int:
    """Read a split; return how many records it has."""
    with split.open() as reader:
        return sum(1 for _metadata, _payload in reader)
