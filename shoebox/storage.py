"""Where sealed archives go: the interface of storage backends, and the names of objects."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from shoebox.closing import Closing
from shoebox.digests import digests
from shoebox.errors import InvalidName, StorageRejected
from shoebox.escaping import shown
from shoebox.hiding import hide_debug_log, scrub
from shoebox.ranged import RangedFile

__all__ = [
    "MAX_METADATA",
    "MAX_NAME_BYTES",
    "ObjectInfo",
    "RangedFile",
    "StorageBackend",
    "check_metadata",
    "digests",
    "hide_debug_log",
    "scrub",
    "shown",
    "validate_key",
    "validate_name",
]

MAX_NAME_BYTES = 255

MAX_METADATA = 1536
"""Bytes of an object's metadata, keys and values. S3 allows 2,048, in which some services
count the prefix that each key has in a request."""

_ALLOWED = re.compile(r"[A-Za-z0-9._=+-]+")
_METADATA_KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_METADATA_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")


@dataclass(frozen=True)
class ObjectInfo:
    """What a backend knows of an object.

    `size` is in bytes, `modified` an aware datetime. `checksums` maps an algorithm
    (`sha256`, `crc32c`, `md5`) to hex digits, each computed from the stored bytes.
    """

    key: str
    size: int
    modified: datetime
    checksums: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


class StorageBackend(Closing):
    """Keeps objects under keys, for good.

    The duties of every backend:

    - A put is all or nothing: what was cut or changed on the way is never seen
      under the key. It carries a checksum that the service checks; where the metadata
      has a digest out of `checksums`, that one, so that the file is read only once.
    - A put never replaces other content (`KeyCollision`); putting the same content
      twice leaves one object, with the metadata of the first put.
    - A get, open or stat after a put sees the object; a list may lag behind.
    - It may be used from several threads at once, but not across a fork.
    - It raises `ObjectNotFound`, `StorageDenied`, `StorageRejected` (this object,
      for good), `KeyCollision` and `StorageUnavailable` (the only one that is
      retried; corruption on the way is one of these), and nothing else of its own.
      It retries nothing itself.

    Besides, every method raises `InvalidName` for a key that `validate_key` refuses,
    `put` raises StorageRejected for metadata that `check_metadata` refuses, and OSError
    stands for what happens to the local file that the caller named.
    Constructors take keyword arguments only and tolerate ones they don't know.
    """

    checksums: frozenset[str] = frozenset()
    """The digests (`sha256`, `md5`, `crc32c`) that a put takes from the metadata where they
    are there, rather than compute them. A file that they are not of is never stored."""

    @classmethod
    @abstractmethod
    def from_url(cls, bucket: str, /, **options: Any) -> Self:
        """Return the backend for `SCHEME://bucket/`, with its section's other options.

        They may be the whole section's, its bucket and prefix included: the URL's count.
        """

    @abstractmethod
    def put(self, key: str, path: Path, metadata: Mapping[str, str] | None = None) -> None:
        """Store the file at `path`, and the metadata with it, under the key."""

    @abstractmethod
    def get(self, key: str, path: Path) -> None:
        """Write the object to a new file at `path`, whole or not at all."""

    @abstractmethod
    def open(self, key: str) -> BinaryIO:
        """Return the object as a seekable file that fetches only the ranges it is asked for."""

    @abstractmethod
    def stat(self, key: str) -> ObjectInfo:
        """Return what is known of the object."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose keys begin with `prefix`, sorted by key.

        Checksums and metadata are given only where they cost no further request.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove the object; raise ObjectNotFound if there is none."""

    def close(self) -> None:
        """Give connections back; closing twice is fine."""


def validate_name(name: str) -> str:
    """Return the name if it is one safe path segment, else raise InvalidName."""
    if not name:
        # It would make "a//b", which some services take for "a/b".
        raise InvalidName("a name is empty: give each segment at least one character")
    if not _ALLOWED.fullmatch(name):
        # Everything else means something to a shell, a URL, a log or a file system.
        raise InvalidName(f"{shown(name)}: only letters, digits and . _ = + - may be in a name")
    if name.startswith("."):
        # "." and ".." lead elsewhere, and temporary files hide behind a dot.
        raise InvalidName(f"{shown(name)}: a name may not begin with a dot")
    if len(name) > MAX_NAME_BYTES:
        # No common file system takes a longer one.
        raise InvalidName(f"{shown(name)}: over {MAX_NAME_BYTES} bytes; shorten the name")
    return name


def is_name(name: str) -> bool:
    """Tell whether it is one safe path segment: what has another name is none of ours."""
    try:
        validate_name(name)
    except InvalidName:
        return False
    return True


def validate_key(key: str) -> str:
    """Return the key if each of its slash-separated segments is a name, else raise InvalidName."""
    for segment in key.split("/"):
        try:
            validate_name(segment)
        except InvalidName as error:
            raise InvalidName(f"key {shown(key)}: {error}") from None
    return key


def check_metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Return an object's metadata if every service can keep it, else raise StorageRejected."""
    plain = dict(metadata or {})
    for key, value in plain.items():
        if not _METADATA_KEY.fullmatch(key) or not _METADATA_VALUE.fullmatch(value):
            raise StorageRejected(
                f"metadata {shown(key)} = {shown(value)}: keys are of a-z, 0-9 and - , values "
                "of printable ASCII"
            )
    size = sum(len(key) + len(value) for key, value in plain.items())
    if size > MAX_METADATA:
        raise StorageRejected(f"metadata of {size} bytes: give at most {MAX_METADATA}")
    return plain
