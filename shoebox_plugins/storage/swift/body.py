"""The bytes of a file that a request sends, and the segments that a large file is cut into."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from threading import Event
from typing import BinaryIO, Protocol

from shoebox.errors import StorageUnavailable
from shoebox.storage import digests

_CHUNK = 1 << 20


class Body:
    """A part of a file, read once, without the file's own place being moved.

    `failure` is why it could not be read: the SDK takes any error of a read for one of
    the network.
    """

    def __init__(self, fd: int, offset: int, size: int, stop: Event | None = None) -> None:
        self._fd = fd
        self._at = offset
        self._end = offset + size
        self._stop = stop
        self.failure: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        """Return what comes next, up to `size` bytes; nothing at the part's end."""
        left = self._end - self._at
        try:
            data = os.pread(self._fd, left if size < 0 else min(size, left), self._at)
            self._check(data, left)
        except Exception as error:
            self.failure = error
            raise
        self._at += len(data)
        return data

    def _check(self, data: bytes, left: int) -> None:
        if left and not data:
            raise StorageUnavailable("the file became shorter while it was sent; try again")
        if self._stop is not None and self._stop.is_set():
            raise StorageUnavailable("another segment has failed")


@dataclass(frozen=True)
class Segment:
    """A part of a file: its number, where it lies, and the MD5 of its bytes."""

    number: int
    offset: int
    size: int
    md5: str


@dataclass(frozen=True)
class Source:
    """The file that is put."""

    file: BinaryIO
    size: int

    @property
    def fd(self) -> int:
        """Its descriptor."""
        return self.file.fileno()

    @cached_property
    def md5(self) -> str:
        """Its MD5, for which it is read once."""
        self.file.seek(0)
        return digests(self.file, {"md5"})["md5"]


class Digest(Protocol):
    """What takes bytes in, one after the other."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes in."""


def cut(fd: int, size: int, segment_size: int, whole: Digest) -> Iterator[Segment]:
    """Yield the segments of a file; `whole` takes in all of it, in the same pass."""
    for number, offset in enumerate(range(0, size, segment_size)):
        length = min(segment_size, size - offset)
        body = Body(fd, offset, length)
        digest = md5()
        while data := body.read(_CHUNK):
            digest.update(data)
            whole.update(data)
        yield Segment(number, offset, length, digest.hexdigest())


def md5() -> hashlib._Hash:
    """Return a new MD5: what Swift calls an ETag."""
    return hashlib.md5(usedforsecurity=False)
