"""How long a `write` waits at most while archives are sealed, compressed and shipped."""

from __future__ import annotations

import gc
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.records import Record, notifications
from benchmarks.results import Outcome
from shoebox.roll_checker import SizeRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager
from shoebox_plugins.storage.local import LocalBackend

RECORDS = 40_000
ROLL_MB = 2.0


def longest(rounds: int) -> list[Outcome]:
    """Compare the longest `write` of each round with the median of those that write a block."""
    records = notifications(RECORDS)
    gc.freeze()  # so that the collector's pauses are not those of what lies here
    ratios, seconds = zip(*(once(records) for _ in range(rounds)), strict=True)
    gc.unfreeze()
    note = f"{statistics.median(seconds) * 1000:.1f} ms; worst round {max(ratios):.1f}"
    what = "longest `write` during rolls, to the median that writes a block"
    return [Outcome(what, statistics.median(ratios), 10, at_most=True, note=note)]


def once(records: list[Record]) -> tuple[float, float]:
    """Return the ratio and the longest in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        taken = sorted(durations(here, records))
        # A record that did not fill a block waits for nothing: the others took longest.
        usual = statistics.median(taken[-blocks(here) :])
    return taken[-1] / usual, taken[-1]


def durations(here: Path, records: list[Record]) -> list[float]:
    """Return the seconds of each `write`, after the one that opens the first archive."""
    taken = []
    spool, store = here / "spool", here / "store"
    spool.mkdir()
    store.mkdir()
    with WritingRollManager(
        "bench_%f.events",
        SizeRollChecker(roll_size_mb=ROLL_MB),
        spool,
        storage=[LocalBackend(path=str(store))],
        close_timeout=60,
    ) as manager:
        write = manager.write
        write(*records[0])
        for metadata, payload in records[1:]:
            start = perf_counter()
            write(metadata, payload)
            taken.append(perf_counter() - start)
    return taken


def blocks(here: Path) -> int:
    """Return how many blocks were shipped."""
    with ReadingRollManager("*.events", here / "store") as reader:
        return len({(it.archive, it.position.offset) for it in reader.records()})
