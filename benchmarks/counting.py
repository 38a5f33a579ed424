"""A store in memory that counts what is asked of it, as services charge for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, cast

from shoebox.storage import ObjectInfo, RangedFile
from shoebox.testing import MemoryBackend

PAGE = 1000
"""Keys that a service lists with one request."""


class CountingBackend(MemoryBackend):
    """Counts requests, and the bytes that are fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0
        self.fetched = 0

    def reset(self) -> None:
        """Begin to count anew."""
        self.requests = self.fetched = 0

    def open(self, key: str) -> BinaryIO:
        """Return the object's file; its size takes a request of its own."""
        self.requests += 1
        data = self.raw_get(key) or b""

        def fetch(start: int, stop: int) -> bytes:
            self.requests += 1
            self.fetched += stop - start
            return data[start:stop]

        return cast("BinaryIO", RangedFile(len(data), fetch))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects page by page; without their checksums, as services do."""
        with self._lock:
            found = sorted((key, it) for key, it in self._objects.items() if key.startswith(prefix))
        self.requests += max(1, -(-len(found) // PAGE))
        for key, it in found:
            yield ObjectInfo(key, len(it.data), it.modified)
