"""Objects as files of whatever fsspec has a driver of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self, cast

from oslo_config import cfg

from shoebox.files import Directory, copy, publishing
from shoebox.storage import (
    ObjectInfo,
    RangedFile,
    StorageBackend,
    check_metadata,
    validate_key,
)
from shoebox_fsspec import sidecars
from shoebox_fsspec.connecting import connector
from shoebox_fsspec.drivers import Driver
from shoebox_fsspec.faults import FINDING, PUTTING, Kinds, translated
from shoebox_fsspec.options import OPTIONS, Given, check_path, driver_options
from shoebox_fsspec.reading import modified, sha256_there, walk
from shoebox_fsspec.sessions import Sessions
from shoebox_fsspec.storing import store


class FsspecBackend(StorageBackend):
    """Keeps objects as files below `path`, through the fsspec driver of `protocol`.

    A key's slashes are sub-folders, which stay when they are empty. An object's metadata
    lies in a hidden file beside it. `put` sends a file under a temporary name, reads it
    back, compares, and only then gives it its name. `stat` reads the object to give the
    SHA-256 of what is stored. `list` gives neither checksums nor metadata.

    What a driver promises of names that are taken, and of a power cut, stands in the README.
    """

    OPTIONS: ClassVar[tuple[cfg.Opt, ...]] = OPTIONS
    checksums = frozenset({"sha256"})

    def __init__(
        self, *, protocol: str, path: str, options: Given = "{}", secrets: Given = "{}", **_: object
    ) -> None:
        self._root = check_path(path)
        self._sessions = Sessions(connector(protocol, driver_options(options, secrets)))

    @classmethod
    def from_url(cls, bucket: str, /, **options: Any) -> Self:
        """Return the backend for the folder or bucket; `options` say the protocol."""
        return cls(**{**options, "path": bucket})

    def put(self, key: str, path: Path, metadata: Mapping[str, str] | None = None) -> None:
        """Store the file: a draft, read back, metadata, and then the name."""
        target = self._path(key)
        plain = check_metadata(metadata)
        path = Path(path)
        with (
            Directory(path.parent) as local,
            local.reading(path.name) as source,
            self._sessions.borrowed() as driver,
        ):
            with self._there(driver, key, PUTTING):
                self._make_folders(driver, key)
            store(driver, target, source, plain)

    def get(self, key: str, path: Path) -> None:
        """Copy the object to a new file."""
        path = Path(path)
        with (
            self.open(key) as source,
            Directory(path.parent) as local,
            publishing(local, path.name) as target,
        ):
            copy(source, target)

    def open(self, key: str) -> BinaryIO:
        """Return the object as a file that fetches what is read, in any thread."""
        path = self._path(key)
        with self._found(key) as driver:
            size = driver.info(path)["size"]

        def fetch(start: int, end: int) -> bytes:
            with self._sessions.borrowed() as driver, translated(path, FINDING):
                return driver.read(path, start, end)

        return cast("BinaryIO", RangedFile(size, fetch))

    def stat(self, key: str) -> ObjectInfo:
        """Read the object back, and return what was read."""
        path = self._path(key)
        with self._found(key) as driver:
            info = driver.info(path)
            sha256 = sha256_there(driver, path)
            metadata = sidecars.read(driver, sidecars.sidecar(path, sha256))
        return ObjectInfo(key, info["size"], modified(info), {"sha256": sha256}, metadata)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects, with the names of one folder at a time in memory."""
        with self._sessions.borrowed() as driver, self._there(driver, prefix, PUTTING):
            yield from walk(driver, self._root, "", prefix)

    def delete(self, key: str) -> None:
        """Remove the object, then its metadata."""
        path = self._path(key)
        with self._found(key) as driver:
            driver.info(path)
            driver.remove(path)
            sidecars.remove_all(driver, path)

    def close(self) -> None:
        """End the connections; who comes later gets a new one."""
        self._sessions.close()

    def _path(self, key: str) -> str:
        return f"{self._root}/{validate_key(key)}"

    def _make_folders(self, driver: Driver, key: str) -> None:
        path = self._root
        for name in key.split("/")[:-1]:
            path = f"{path}/{name}"
            driver.make_folder(path)

    @contextmanager
    def _found(self, key: str) -> Iterator[Driver]:
        """Yield a session that looks for the object."""
        with self._sessions.borrowed() as driver, self._there(driver, key, FINDING):
            yield driver

    @contextmanager
    def _there(self, driver: Driver, key: str, kinds: Kinds) -> Iterator[None]:
        """Translate what the driver raises, once the folder that holds everything is there."""
        with translated(f"{self._root}/{key}", kinds):
            driver.check_root(self._root or "/")
            yield
