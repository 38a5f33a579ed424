"""Large records and durable ones, beside what the file and its sync take by themselves."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from threading import Barrier, Thread
from time import perf_counter

import google_crc32c

from benchmarks.peers import ours
from benchmarks.records import BLOB_SIZE, AnyRecord, blobs, notifications
from benchmarks.results import Outcome
from benchmarks.timing import drain, interleaved, ratio

BLOBS = 128
DURABLE = 400
"""Records that one thread writes durably."""
THREADS = 16


def plain(rounds: int) -> list[Outcome]:
    """Compare blobs of 1 MiB with plain writes and reads of them and their checksums."""
    records = blobs(BLOBS)
    with tempfile.TemporaryDirectory() as folder:
        here, archive = Path(folder, "plain"), Path(folder, "archive")
        taken = interleaved(
            {
                "write": lambda: write_ours(archive, records),
                "plain write": lambda: write_plain(here, records),
                "read": lambda: drain(ours.read(archive)),
                "plain read": lambda: read_plain(here),
            },
            rounds,
        )
    return [
        Outcome(
            f"1 MB blobs: {action}, none, to plain {action} and CRC-32C",
            ratio(taken[f"plain {action}"], taken[action]),
            0.9,
        )
        for action in ("write", "read")
    ]


def write_ours(path: Path, records: Sequence[AnyRecord]) -> None:
    """Write an archive anew."""
    path.unlink(missing_ok=True)
    ours.write(path, records, compression="none")


def write_plain(path: Path, records: Sequence[AnyRecord]) -> None:
    """Write the same bytes anew, and sync them."""
    path.unlink(missing_ok=True)
    with path.open("wb", buffering=0) as file:
        for _, payload in records:
            google_crc32c.value(payload)
            file.write(payload)  # type: ignore[arg-type] # blobs
        os.fsync(file.fileno())


def read_plain(path: Path) -> None:
    """Read them."""
    with path.open("rb", buffering=0) as file:
        while data := file.read(BLOB_SIZE):
            google_crc32c.value(data)


def durable(rounds: int) -> list[Outcome]:
    """Compare `durability = record` with a bare sync of each, and many threads with one."""
    records = notifications(DURABLE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "durable")
        rates: dict[str, list[float]] = {"one": [], "many": [], "bare": []}
        for _ in range(rounds):
            rates["bare"].append(bare(path, records))
            rates["one"].append(threaded(path, records, 1))
            rates["many"].append(threaded(path, records, THREADS))
    return [
        Outcome(
            f"durability = record: {THREADS} threads, to one", ratio(rates["many"], rates["one"]), 5
        ),
        Outcome(
            "durability = record: one thread, to bare write and fdatasync",
            ratio(rates["one"], rates["bare"]),
            0.8,
        ),
    ]


def bare(path: Path, records: Sequence[AnyRecord]) -> float:
    """Return how many records a second are written, each with a sync of its own."""
    path.unlink(missing_ok=True)
    data = ["".join((*it.keys(), *it.values(), str(payload))).encode() for it, payload in records]
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    start = perf_counter()
    for each in data:
        os.write(fd, each)
        os.fdatasync(fd)
    seconds = perf_counter() - start
    os.close(fd)
    return len(records) / seconds


def threaded(path: Path, records: Sequence[AnyRecord], threads: int) -> float:
    """Return how many records a second all threads write; each writes all of them."""
    path.unlink(missing_ok=True)
    with ours.manager(path, durability="record", compression="none") as manager:
        manager.write({}, "which opens the archive")
        ready = Barrier(threads + 1)

        def work() -> None:
            ready.wait()
            for metadata, payload in records:
                manager.write(metadata, payload)

        workers = [Thread(target=work) for _ in range(threads)]
        for each in workers:
            each.start()
        ready.wait()
        start = perf_counter()
        for each in workers:
            each.join()
        return threads * len(records) / (perf_counter() - start)
