"""The Swift backend: what a put, a get and the others are, in requests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self, cast

from oslo_config import cfg

from shoebox.errors import (
    InvalidName,
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageUnavailable,
)
from shoebox.escaping import logger
from shoebox.files import Directory, publishing
from shoebox.storage import (
    ObjectInfo,
    RangedFile,
    StorageBackend,
    check_metadata,
    digests,
    validate_key,
)
from shoebox_plugins.storage.swift.body import Body, Source, md5
from shoebox_plugins.storage.swift.info import etag, info, listed
from shoebox_plugins.storage.swift.options import OPTIONS
from shoebox_plugins.storage.swift.settings import Settings, from_environment

_log = logger(__name__)

_CHUNK = 1 << 20
_NAMED = 1000
"""Names of foreign objects that are remembered, so that each is logged once."""


class SwiftBackend(StorageBackend):
    """Keeps objects in the container `container`, under their keys with `prefix` before.

    Takes the options of `OPTIONS` by their names. Every put carries the content's MD5,
    which Swift checks; `stat` gives it as Swift has computed it. A file over
    `segment_size_mb` becomes a static large object, whose segments lie in a container
    of their own: Swift checks the MD5 of each of them.

    Swift's listings may lag behind. Where a service ignores If-None-Match, as Ceph does,
    only the HEAD before it keeps a put from replacing what another has put meanwhile.
    """

    OPTIONS: ClassVar[tuple[cfg.Opt, ...]] = OPTIONS
    checksums = frozenset({"md5"})

    def __init__(self, *, container: str, **options: object) -> None:
        self._settings = Settings.of(container=container, **options)
        # Slow to import, and only who stores in Swift needs the SDK.
        from shoebox_plugins.storage.swift.account import Account  # noqa: PLC0415 - as said above
        from shoebox_plugins.storage.swift.large import LargeObjects  # noqa: PLC0415 - the same

        self._container = container
        self._account = Account(self._settings)
        self._large = LargeObjects(self._account, self._settings)
        self._made: set[str] = set()
        self._foreign: set[str] = set()

    @classmethod
    def from_url(cls, bucket: str, /, **options: Any) -> Self:
        """Return the backend for a container, with what is missing from ST_* and OS_*."""
        given = {name: value for name, value in options.items() if value is not None}
        given |= {"container": bucket, "prefix": None}
        return cls(**{**from_environment(given), **given})

    def put(self, key: str, path: Path, metadata: Mapping[str, str] | None = None) -> None:
        """Store the file, after a look whether it is there already."""
        name = self._name(key)
        plain = check_metadata(metadata)
        path = Path(path)
        with Directory(path.parent) as local, local.reading(path.name) as file:
            source = Source(file, os.fstat(file.fileno()).st_size)
            if self._holds(name, source) or self._holds_after_all(name, source, plain):
                self._tidy(name, source)

    def get(self, key: str, path: Path) -> None:
        """Write the object to a new file; its size and MD5 are compared before it has its name."""
        name, path = self._name(key), Path(path)
        with (
            self._finding(),
            self._account.reading(self._container, name) as (headers, body),
            Directory(path.parent) as local,
            publishing(local, path.name) as target,
        ):
            expected = info(key, headers)
            digest = md5()
            while data := body.read(_CHUNK):
                digest.update(data)
                target.write(data)
            got = digest.hexdigest()
            if target.tell() != expected.size or expected.checksums.get("md5", got) != got:
                raise StorageUnavailable(f"{key}: came with other content than it has; try again")

    def open(self, key: str) -> BinaryIO:
        """Return the object as a file; it must stay the same while it is read."""
        name = self._name(key)
        with self._finding():
            headers = self._account.head(self._container, name)
        same = {"If-Match": f'"{etag(headers)}"'} if etag(headers) else {}

        def fetch(start: int, end: int) -> bytes:
            wanted = {"Range": f"bytes={start}-{end - 1}", **same}
            return self._range(key, name, wanted, end - start)

        return cast("BinaryIO", RangedFile(info(key, headers).size, fetch))

    def stat(self, key: str) -> ObjectInfo:
        """Return what Swift knows; `md5` is left out where it can't tell the content's."""
        name = self._name(key)
        with self._finding():
            return info(key, self._account.head(self._container, name))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects, without checksums and metadata; foreign ones are left out."""
        try:
            for entry in self._account.listing(self._container, self._settings.prefix + prefix):
                key = entry.name.removeprefix(self._settings.prefix)
                if self._is_key(key):
                    yield listed(key, entry)
        except ObjectNotFound as error:
            if not self._settings.create_container:
                raise self._account.missing(self._container) from error

    def delete(self, key: str) -> None:
        """Remove the object; of a large one its segments first, so that it can be done again."""
        name = self._name(key)
        with self._finding():
            for container, path in self._large.segments(name):
                self._large.remove(container, path)
            self._account.delete(self._container, name)

    def close(self) -> None:
        """Close the connections; closing twice is fine."""
        self._account.close()

    def _name(self, key: str) -> str:
        return self._settings.prefix + validate_key(key)

    def _is_key(self, key: str) -> bool:
        try:
            validate_key(key)
        except InvalidName as error:
            if key not in self._foreign and len(self._foreign) < _NAMED:
                self._foreign.add(key)
                _log.warning("%s: left alone: %s", self._container, error)
            return False
        return True

    def _holds(self, name: str, source: Source) -> bool:
        """Tell whether the object is there; raise KeyCollision if it has other content."""
        try:
            headers = self._account.head(self._container, name)
        except ObjectNotFound:
            return False
        there = info(name, headers)
        if there.size == source.size:
            found = there.checksums.get("md5") or self._read_md5(name)
            if found == source.md5:
                return True
        raise KeyCollision(
            f"{self._account.where(self._container, name)}: is there with other content, and was "
            "not replaced"
        )

    def _holds_after_all(self, name: str, source: Source, metadata: Mapping[str, str]) -> bool:
        """Store the file, and return False; tell whether another was faster, as `_holds` does."""
        try:
            self._store(name, source, metadata)
        except KeyCollision as error:
            if self._holds(name, source):
                return True
            raise StorageUnavailable(
                f"{self._account.where(self._container, name)}: was there, and is gone; try again"
            ) from error
        return False

    def _read_md5(self, name: str) -> str:
        with self._account.reading(self._container, name) as (_, body):
            return digests(cast("BinaryIO", body), {"md5"})["md5"]

    def _store(self, name: str, source: Source, metadata: Mapping[str, str]) -> None:
        self._make(self._container)
        headers = {f"X-Object-Meta-{key}": value for key, value in metadata.items()}
        if self._settings.delete_after is not None:
            headers["X-Delete-After"] = str(self._settings.delete_after)
        given = metadata.get("md5")
        try:
            if self._is_large(source):
                self._make(self._settings.segment_container)
                self._large.put(name, source.fd, source.size, headers, given)
            else:
                self._account.put(
                    self._container,
                    name,
                    Body(source.fd, 0, source.size),
                    size=source.size,
                    headers={**headers, "If-None-Match": "*"},
                    etag=source.md5 if given is None else given,
                )
        except ObjectNotFound as error:
            raise self._account.missing(self._container) from error

    def _is_large(self, source: Source) -> bool:
        return source.size > self._settings.segment_size

    def _tidy(self, name: str, source: Source) -> None:
        """Remove segments that another put of the same content has left."""
        if self._is_large(source):
            self._large.tidy(name)

    def _make(self, container: str) -> None:
        if self._settings.create_container and container not in self._made:
            self._account.make(container, self._settings.storage_policy)
            self._made.add(container)

    def _range(self, key: str, name: str, wanted: Mapping[str, str], size: int) -> bytes:
        try:
            with self._account.reading(self._container, name, wanted) as (headers, body):
                if "content-range" not in headers:
                    raise StorageUnavailable(f"{key}: the service sends no part of it")
                return body.read(size)
        except KeyCollision as error:
            raise StorageUnavailable(
                f"{key}: was changed while it was read; open it again"
            ) from error

    @contextmanager
    def _finding(self) -> Iterator[None]:
        """Tell an object that is not there from a container that is not there."""
        try:
            yield
        except ObjectNotFound as error:
            if not self._settings.create_container and not self._has_container():
                raise self._account.missing(self._container) from error
            raise

    def _has_container(self) -> bool:
        with suppress(StorageDenied):  # it may be readable object by object only
            return self._account.has(self._container)
        return True
