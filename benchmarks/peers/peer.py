"""What a peer is, and the end that all of them come to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from benchmarks.records import AnyRecord

ZSTD_LEVEL = 3
"""zstd's own default, where a peer has none of its own."""

GZIP_LEVEL = 6
"""gzip's own default, where a peer has none of its own."""

Write = Callable[[Path, Sequence[AnyRecord]], None]
Read = Callable[[Path], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class Peer:
    """Something that keeps records in a file, compressed with "none", "zstd" or "gzip"."""

    name: str
    compression: str
    write: Write
    read: Read
    """Gives each record in the peer's own form, which is decoded all the same."""
    plain: Callable[[Any], tuple[Any, ...]] = tuple
    """What that is as metadata, payload and nanoseconds."""
    slow: bool = False
    """Whether a few of the records are enough to wait for."""


@contextmanager
def synced(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing, which is synced at the end."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
