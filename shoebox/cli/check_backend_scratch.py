"""A corner of a backend that checks may use, and that is emptied afterwards."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Self

from shoebox.errors import ObjectNotFound
from shoebox.storage import ObjectInfo, StorageBackend, validate_key


class Scratch(StorageBackend):
    """A backend whose keys all begin with a prefix, which ends with a slash.

    `put_keys` are those that something may have been put under.
    """

    def __init__(self, backend: StorageBackend, prefix: str) -> None:
        self._backend = backend
        self._prefix = prefix
        self.put_keys: set[str] = set()
        self._lock = Lock()
        self.checksums = backend.checksums

    @classmethod
    def from_url(cls, bucket: str, /, **options: Any) -> Self:  # noqa: ARG003 - the interface's
        """Raise TypeError: there is no backend to wrap in a URL."""
        raise TypeError(f"{cls.__name__} wraps a backend; build that one for {bucket} first")

    def put(self, key: str, path: Path, metadata: Mapping[str, str] | None = None) -> None:
        """Store the file, and remember its key."""
        validate_key(self._prefix + key)
        with self._lock:
            self.put_keys.add(key)
        self._backend.put(self._prefix + key, path, metadata)

    def get(self, key: str, path: Path) -> None:
        """Write the object to a new file."""
        self._backend.get(self._prefix + key, path)

    def open(self, key: str) -> BinaryIO:
        """Return the object as a file."""
        return self._backend.open(self._prefix + key)

    def stat(self, key: str) -> ObjectInfo:
        """Return what is known of the object."""
        return self._own(self._backend.stat(self._prefix + key))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects of this corner."""
        return map(self._own, self._backend.list(self._prefix + prefix))

    def delete(self, key: str) -> None:
        """Remove the object."""
        self._backend.delete(self._prefix + key)

    def close(self) -> None:
        """Close the backend inside."""
        self._backend.close()

    def empty(self, more: Collection[str]) -> None:
        """Remove what was put, here and under these keys, and what a list shows besides.

        That may lag behind.
        """
        for key in sorted({*self.put_keys, *more, *(info.key for info in self.list())}):
            with suppress(ObjectNotFound):
                self.delete(key)

    def _own(self, info: ObjectInfo) -> ObjectInfo:
        return dataclasses.replace(info, key=info.key.removeprefix(self._prefix))
