"""How much memory grows with what is written and read, in processes of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path

from benchmarks.comparing import size_of
from benchmarks.records import notifications
from benchmarks.results import Outcome
from shoebox.roll_checker import SizeRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager
from shoebox_plugins.storage.local import LocalBackend

MOST = 64
"""MiB that memory may grow by."""


def growth(gib: float) -> list[Outcome]:
    """Write so much, with storage, index and zstd, and read it."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            Outcome(
                f"memory grows while {gib:g} GiB are {what}",
                apart(work, Path(folder), gib),
                MOST,
                at_most=True,
                unit=" MiB",
            )
            for what, work in (("written", written), ("read", read))
        ]


def apart(work: Callable[[Path, float], float], here: Path, gib: float) -> float:
    """Return what the work returns in a new process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(work, here, gib).result()


def written(here: Path, gib: float) -> float:
    """Return the MiB by which memory has grown after the first record was written."""
    records = notifications(10_000)
    sizes = [size_of(it) for it in records]
    left = int(gib * (1 << 30))
    spool, store = here / "spool", here / "store"
    spool.mkdir()
    store.mkdir()
    with WritingRollManager(
        "bench_%f.events",
        SizeRollChecker(),
        spool,
        storage=[LocalBackend(path=str(store))],
        close_timeout=600,
    ) as manager:
        manager.write(*records[0])
        before = peak(reset=True)
        for record, size in cycle(zip(records, sizes, strict=True)):
            manager.write(*record)
            left -= size
            if left < 0:
                break
    return peak() - before


def read(here: Path, _: float) -> float:
    """Return the MiB by which memory has grown after the first record was read."""
    with ReadingRollManager("*.events", here / "store") as reader:
        reader.read()
        before = peak(reset=True)
        for _record in reader:
            pass
        return peak() - before


def peak(*, reset: bool = False) -> float:
    """Return the MiB that this process has had in memory at most, or from now on.

    `getrusage` would count the process that it was made from, too.
    """
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    [line] = (it for it in lines if it.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
