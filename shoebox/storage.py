"""Where sealed archives go: the interface of storage backends, and the names of objects."""

from __future__ import annotations

import os.path
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from string import Formatter
from typing import Any, BinaryIO, Self

from shoebox.closing import Closing
from shoebox.errors import ConfigError, InvalidName

MAX_NAME_BYTES = 255

_ALLOWED = re.compile(r"[A-Za-z0-9._=+-]+")
_SHOWN = 300
_FIELDS = frozenset({"stem", "id", "suffix", "name"})


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
      under the key. It carries a checksum that the service checks.
    - A put never replaces other content (`KeyCollision`); putting the same content
      twice leaves one object, with the metadata of the first put.
    - A get, open or stat after a put sees the object; a list may lag behind.
    - It may be used from several threads at once, but not across a fork.
    - It raises `ObjectNotFound`, `StorageDenied`, `StorageRejected` (this object,
      for good), `KeyCollision` and `StorageUnavailable` (the only one that is
      retried; corruption on the way is one of these), and nothing else of its own.
      It retries nothing itself.

    Besides, every method raises `InvalidName` for a key that `validate_key` refuses,
    and OSError for what happens to the local file that the caller named.
    Constructors take keyword arguments only and tolerate ones they don't know.
    """

    @classmethod
    @abstractmethod
    def from_url(cls, bucket: str, **options: Any) -> Self:
        """Return the backend for `SCHEME://bucket/`, with its section's other options."""

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


def shown(text: str) -> str:
    """Return text that came from elsewhere as it may stand in a log: escaped and bounded."""
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


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


def validate_key(key: str) -> str:
    """Return the key if each of its slash-separated segments is a name, else raise InvalidName."""
    for segment in key.split("/"):
        try:
            validate_name(segment)
        except InvalidName as error:
            raise InvalidName(f"key {shown(key)}: {error}") from None
    return key


@dataclass(frozen=True)
class Destination:
    """A backend under the name that the configuration gives it, and how its keys are made.

    `key_template` may use {stem} and {suffix} (the archive's name up to its last dot,
    and the rest), {name} (both) and {id} (the archive's id).
    """

    name: str
    backend: StorageBackend
    key_template: str = "{stem}-{id}{suffix}"
    reopen: Callable[[], StorageBackend] | None = None
    """Builds the backend anew, for a forked child, which can't use its parent's."""

    def reopened(self) -> Destination:
        """Return the destination with connections of its own."""
        return self if self.reopen is None else replace(self, backend=self.reopen())

    def __post_init__(self) -> None:
        """Refuse at once a template that no archive could be shipped with."""
        try:
            self._check_fields()
            self.key("archive.events", "0")
        except ValueError as error:
            raise ConfigError(
                f"storage {self.name}: key_template = {shown(self.key_template)}: {error}"
            ) from error

    def key(self, name: str, archive_id: str) -> str:
        """Return the archive's key, the same each time; raise InvalidName if it can't be one."""
        stem, suffix = os.path.splitext(name)  # noqa: PTH122  (Path.suffix drops a last dot)
        return validate_key(
            self.key_template.format(stem=stem, suffix=suffix, name=name, id=archive_id)
        )

    def _check_fields(self) -> None:
        for _, name, spec, conversion in Formatter().parse(self.key_template):
            if name is not None and (name not in _FIELDS or spec or conversion):
                raise ValueError(
                    "use {stem}, {suffix}, {name} and {id}, and nothing else in braces"
                )


def destinations(storage: Iterable[StorageBackend | Destination]) -> list[Destination]:
    """Return the destinations; a backend that was given no name gets its class's, numbered.

    Raise ConfigError if two were given the same name: the state of a delivery is kept by it.
    """
    found: list[Destination] = []
    for it in storage:
        destination = it if isinstance(it, Destination) else _named(it, found)
        if destination.name in {other.name for other in found}:
            raise ConfigError(
                f"two storage destinations are called {destination.name}; name them apart"
            )
        found.append(destination)
    return found


def _named(backend: object, others: Iterable[Destination]) -> Destination:
    if not isinstance(backend, StorageBackend):
        raise ConfigError(f"storage has {backend!r}; give StorageBackend or Destination objects")
    kind = type(backend).__name__.removesuffix("Backend").lower()
    taken = {other.name for other in others}
    names = (f"{kind}-{number}" if number > 1 else kind for number in count(1))
    return Destination(next(name for name in names if name not in taken), backend)
