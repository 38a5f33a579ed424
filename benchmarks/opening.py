"""How the time to open an archive, and to jump to its middle, grows with its size."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.comparing import size_of
from benchmarks.peers import ours
from benchmarks.records import Record, notifications
from benchmarks.results import Outcome
from benchmarks.timing import interleaved, ratio
from shoebox.roll_manager import ReadingRollManager

SMALL_GIB = 0.1
MOST = 1.25
"""The times of one size differ by so much, too."""
REPEATS = 10
"""Of what takes milliseconds, in one round."""
ROUNDS = 3
"""As many rounds as elsewhere are too few for it."""


WAYS = ("open an archive", "jump by `since`", "jump by `position`")


def jumps(rounds: int, gib: float) -> list[Outcome]:
    """Compare an archive of so much with a small one."""
    records = notifications(10_000)
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        fast = ways(small, fill(small, records, SMALL_GIB) // 2)
        slow = ways(large, fill(large, records, gib) // 2)
        taken = {
            way: interleaved(
                {"small": repeated(small, fast[way]), "large": repeated(large, slow[way])},
                ROUNDS * rounds,
            )
            for way in WAYS
        }
    return [
        Outcome(
            f"{way}: {gib:g} GiB, to {SMALL_GIB:g} GiB",
            ratio(it["large"], it["small"]),
            MOST,
            at_most=True,
            note=f"{statistics.median(it['large']) / REPEATS * 1000:.1f} ms",
        )
        for way, it in taken.items()
    ]


def fill(path: Path, records: list[Record], gib: float) -> int:
    """Write an archive of so much, the time of each record its number; return how many."""
    size = sum(map(size_of, records)) / len(records)
    count = int(gib * (1 << 30) / size)
    with ours.manager(path, compression="none") as manager:
        for number, (metadata, payload) in zip(range(count), cycle(records), strict=False):
            manager.write(metadata, payload, number)
    return count


def ways(path: Path, middle: int) -> dict[str, dict[str, Any]]:
    """Return what a reader is told for each way to a record."""
    with ReadingRollManager(path.name, path.parent, since=middle) as reader:
        reader.read()
        position = reader.position
    return dict(zip(WAYS, ({}, {"since": middle}, {"position": position}), strict=True))


def repeated(path: Path, options: dict[str, Any]) -> Callable[[], None]:
    """Return what opens the archive again and again, and reads one record."""

    def run() -> None:
        for _ in range(REPEATS):
            with ReadingRollManager(path.name, path.parent, **options) as reader:
                reader.read()

    return run
