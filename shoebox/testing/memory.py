"""A backend that keeps its objects in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Self, cast

from shoebox.digests import KINDS, digests
from shoebox.errors import KeyCollision, ObjectNotFound, StorageUnavailable
from shoebox.files import Directory, publishing
from shoebox.storage import (
    ObjectInfo,
    RangedFile,
    StorageBackend,
    check_metadata,
    shown,
    validate_key,
)


@dataclass(frozen=True)
class _Object:
    data: bytes
    modified: datetime
    metadata: Mapping[str, str]


class MemoryBackend(StorageBackend):
    """Keeps objects for as long as it lives, also when it was closed.

    A complete backend for tests: `raw_put` and `raw_get` reach the objects without it.
    """

    OPTIONS: tuple[()] = ()
    checksums = KINDS

    def __init__(self, **_: object) -> None:
        self._objects: dict[str, _Object] = {}
        self._lock = Lock()

    @classmethod
    def from_url(cls, bucket: str, /, **options: Any) -> Self:  # noqa: ARG003 - no bucket is shared
        """Return a backend that holds nothing."""
        return cls(**options)

    def put(self, key: str, path: Path, metadata: Mapping[str, str] | None = None) -> None:
        """Keep what is in the file."""
        validate_key(key)
        plain = check_metadata(metadata)
        data = _read(Path(path), plain)
        with self._lock:
            there = self._objects.setdefault(key, _Object(data, datetime.now(UTC), plain))
        if there.data != data:
            raise KeyCollision(f"{shown(key)}: is there with other content, and was not replaced")

    def get(self, key: str, path: Path) -> None:
        """Write the object to a new file."""
        data = self._found(key).data
        with Directory(Path(path).parent) as folder, publishing(folder, Path(path).name) as file:
            file.write(data)

    def open(self, key: str) -> BinaryIO:
        """Return the object as a file."""
        data = self._found(key).data
        return cast("BinaryIO", RangedFile(len(data), lambda start, end: data[start:end]))

    def stat(self, key: str) -> ObjectInfo:
        """Return what is known of the object, with every checksum."""
        return _info(key, self._found(key))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects that are there when the list begins."""
        with self._lock:
            found = sorted((key, it) for key, it in self._objects.items() if key.startswith(prefix))
        for key, it in found:
            yield _info(key, it)

    def delete(self, key: str) -> None:
        """Forget the object."""
        self._found(key)
        with self._lock:
            self._objects.pop(key, None)

    def raw_put(self, key: str, data: bytes) -> None:
        """Store the object, replacing what is there."""
        with self._lock:
            self._objects[key] = _Object(data, datetime.now(UTC), {})

    def raw_get(self, key: str) -> bytes | None:
        """Return what is stored under the key, None if nothing is."""
        found = self._objects.get(key)
        return None if found is None else found.data

    def _found(self, key: str) -> _Object:
        found = self._objects.get(validate_key(key))
        if found is None:
            raise ObjectNotFound(f"{shown(key)}: there is no such object")
        return found


def _read(path: Path, metadata: Mapping[str, str]) -> bytes:
    """Return the file's bytes; raise StorageUnavailable if they are not those of its digests."""
    size = path.stat().st_size
    data = path.read_bytes()
    given = {kind: metadata[kind] for kind in KINDS & metadata.keys()}
    if len(data) != size or digests(BytesIO(data), given) != given:
        raise StorageUnavailable(f"{path.name}: changed, or is not what its digests say; try again")
    return data


def _info(key: str, it: _Object) -> ObjectInfo:
    return ObjectInfo(key, len(it.data), it.modified, digests(BytesIO(it.data), KINDS), it.metadata)
