"""shoebox: a record at a time, many at once, and in the format of 2014."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peers.peer import Peer
from benchmarks.records import AnyRecord
from shoebox.archive import Record
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager


def manager(path: Path, **options: Any) -> WritingRollManager:
    """Return a writer of one archive."""
    return WritingRollManager(path.name, NeverRollChecker(), path.parent, **options)


def write(path: Path, records: Sequence[AnyRecord], **options: Any) -> None:
    """Write a record at a time."""
    with manager(path, **options) as archive:
        take = archive.write
        for metadata, payload in records:
            take(metadata, payload)


def write_many(path: Path, records: Sequence[AnyRecord], **options: Any) -> None:
    """Write all with one call."""
    with manager(path, **options) as archive:
        archive.write_many(records)


def read(path: Path) -> Iterable[Any]:
    """Read as most do: metadata and payload."""
    return ReadingRollManager(path.name, path.parent)


def read_records(path: Path) -> Iterable[Record]:
    """Read all that is known of each record."""
    return ReadingRollManager(path.name, path.parent).records()


def _plain(record: Record) -> tuple[object, ...]:
    return record.metadata, record.payload, record.timestamp


def _both(compression: str) -> tuple[Peer, Peer]:
    one = partial(write, compression=compression)
    many = partial(write_many, compression=compression)
    return (
        Peer("shoebox", compression, one, read),
        Peer("shoebox, `write_many` and `records()`", compression, many, read_records, _plain),
    )


PEERS = (
    *_both("none"),
    Peer("the format of 2014 (no time)", "none", partial(write, format_version=1), read),
    *_both("zstd"),
    *_both("gzip"),
)
