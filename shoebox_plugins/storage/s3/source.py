"""A local file as it is uploaded: in slices, with its digests, and not changing meanwhile."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import BinaryIO, Protocol

import google_crc32c

from shoebox.errors import StorageRejected, StorageUnavailable
from shoebox.storage import digests, shown

CHUNK = 1 << 20


class Digest(Protocol):
    """What hashlib makes."""

    def update(self, data: bytes, /) -> None:
        """Take more of the content in."""

    def digest(self) -> bytes:
        """Return the digest of all that was taken in."""


DIGESTS: Mapping[str, Callable[[], Digest]] = {
    "crc32c": google_crc32c.Checksum,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}
_LENGTHS = {"crc32c": 4, "md5": 16}


class Source:
    """A file whose size is what it was at first; `given` are the digests that it should have."""

    def __init__(self, path: Path, file: BinaryIO, given: Mapping[str, str]) -> None:
        self.path = path
        self._file = file
        self._given = given
        self._computed: dict[str, str] = {}
        self.fd = file.fileno()
        self.size = os.fstat(self.fd).st_size

    def given(self, kind: str) -> bytes | None:
        """Return the digest that the caller knows of the file, if so."""
        if kind not in self._given:
            return None
        try:
            digest = bytes.fromhex(self._given[kind])
        except ValueError:
            digest = b""
        if len(digest) != _LENGTHS[kind]:
            raise StorageRejected(
                f"{self.path}: metadata {kind} = {shown(self._given[kind])}: give "
                f"{2 * _LENGTHS[kind]} hexadecimal digits"
            )
        return digest

    def computed(self, kind: str) -> str:
        """Return the digest of what the file holds, in hexadecimal; it is read for it once."""
        if kind not in self._computed:
            self._file.seek(0)
            self._computed |= digests(self._file, [kind])
        return self._computed[kind]

    def digest(self, kind: str) -> bytes:
        """Return the digest that was given, else the one of what the file holds."""
        given = self.given(kind)
        return bytes.fromhex(self.computed(kind)) if given is None else given

    def check(self, kind: str, actual: bytes) -> None:
        """Raise StorageRejected if this is another digest than the one given."""
        given = self.given(kind)
        if given is not None and given != actual:
            raise StorageRejected(
                f"{self.path}: its {kind} is {actual.hex()}, and not {given.hex()} as its "
                "metadata says; nothing was stored: look at the file"
            )

    def check_size(self) -> None:
        """Raise StorageUnavailable if the file has grown or was cut."""
        size = os.fstat(self.fd).st_size
        if size != self.size:
            raise StorageUnavailable(
                f"{self.path}: changed from {self.size} to {size} bytes while it was stored; "
                "try again"
            )

    def slice(self, start: int, end: int, stop: Event | None = None) -> Slice:
        """Return a part of the file; its reads fail once `stop` is set."""
        return Slice(self, start, end, stop)


class Slice:
    """A part of a file as a file of its own, for the SDK, with its own offset.

    `error` is what a read raised, since the SDK wraps that in something else.
    """

    def __init__(self, source: Source, start: int, end: int, stop: Event | None = None) -> None:
        self._source = source
        self._start = start
        self._length = end - start
        self._stop = stop
        self._at = 0
        self.error: Exception | None = None

    def __len__(self) -> int:
        return self._length

    def __bool__(self) -> bool:
        # The SDK takes a body that is false for none at all.
        return True

    def tell(self) -> int:
        """Return the offset within the slice."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to an offset within the slice."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes, all that are left if none is given."""
        try:
            return self._read(size)
        except Exception as error:
            self.error = error
            raise

    def update(self, *into: Digest) -> None:
        """Feed the slice to the digests, and go back to its beginning."""
        while chunk := self.read(CHUNK):
            for digest in into:
                digest.update(chunk)
        self.seek(0)

    def _read(self, size: int | None) -> bytes:
        if self._stop is not None and self._stop.is_set():
            raise StorageUnavailable("the upload was given up")
        left = self._length - self._at
        wanted = left if size is None or size < 0 else min(size, left)
        data = os.pread(self._source.fd, wanted, self._start + self._at)
        self._at += len(data)
        if len(data) < wanted or self._at == self._length:
            # Before the last bytes are out, so that a file that changed is never stored.
            self._source.check_size()
        if wanted and not data:
            raise StorageUnavailable(f"{self._source.path}: can't be read to its end; try again")
        return data


def base64_of(digest: bytes) -> str:
    """Return a digest as it stands in S3's headers."""
    return base64.b64encode(digest).decode()


def hex_of(text: str) -> str | None:
    """Return a digest of S3's headers in hexadecimal, None for anything else."""
    try:
        return base64.b64decode(text, validate=True).hex()
    except binascii.Error:
        return None
