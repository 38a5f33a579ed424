"""An object of a store as a seekable file that fetches the ranges it is asked for."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from shoebox.errors import StorageUnavailable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SMALLEST = 1 << 14
"""Bytes of a first request: the head of a frame with its metadata, or an index's tail."""

LARGEST = 1 << 23
"""Bytes of a request when the file is read from one end to the other."""

Fetch = Callable[[int, int], bytes]
"""Return the bytes from one offset up to another, which are within the object."""


class RangedFile(io.RawIOBase):
    """Reads an object of `size` bytes with one request for many small reads.

    Each request that goes on where the one before ended asks for twice as much; one
    somewhere else begins small again. What one request brought is kept, and no more.
    """

    def __init__(self, size: int, fetch: Fetch) -> None:
        super().__init__()
        self._size = size
        self._fetch = fetch
        self._at = 0
        self._kept = b""
        self._kept_at = 0
        self._ahead = SMALLEST

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read from anywhere."""
        return True

    def tell(self) -> int:
        """Return the offset of the next read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to an offset; nothing is fetched."""
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if at < 0:
            raise ValueError(f"there is no offset {at}")
        self._at = at
        return at

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, fewer at the end only; all that is left if none is given."""
        end = self._size if size is None or size < 0 else min(self._at + size, self._size)
        parts = []
        while self._at < end:
            part = self._part(end)
            self._at += len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer, short at the end only."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _part(self, end: int) -> bytes:
        """Return bytes from here on, up to `end` at most and at least one."""
        start = self._at - self._kept_at
        if not 0 <= start < len(self._kept):
            self._request(end)
            start = 0
        return self._kept[start : start + end - self._at]

    def _request(self, end: int) -> None:
        """Fetch what is read next, and more if it is likely to be read too."""
        goes_on = self._at == self._kept_at + len(self._kept)
        self._ahead = min(LARGEST, 2 * self._ahead) if goes_on and self._kept else SMALLEST
        size = min(self._size - self._at, LARGEST, max(end - self._at, self._ahead))
        self._kept = b""
        data = self._fetch(self._at, self._at + size)
        if len(data) != size:
            raise StorageUnavailable(f"{len(data)} bytes came instead of {size}; try again")
        self._kept, self._kept_at = data, self._at
