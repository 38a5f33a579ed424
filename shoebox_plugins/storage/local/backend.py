"""Objects as files in a folder of this machine, or of one that is mounted here."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self, cast

from oslo_config import cfg

from shoebox.errors import KeyCollision, StorageUnavailable
from shoebox.files import NO_FILE, Directory, copy, publishing
from shoebox.storage import ObjectInfo, StorageBackend, check_metadata, shown, validate_key
from shoebox_plugins.storage.local import sidecar
from shoebox_plugins.storage.local.errors import (
    FINDING,
    PUTTING,
    ObjectFile,
    SourceFile,
    translated,
)
from shoebox_plugins.storage.local.listing import info, walk


class LocalBackend(StorageBackend):
    """Keeps objects as files below the folder `path`, which must be there.

    A key's slashes are sub-folders, made 0700; files are 0600; no link is followed
    below `path`. An object's metadata lies in a hidden file beside it, which is
    durable before the object's name appears. A folder that holds no object any more
    goes with the last one. What puts that were killed left in a folder is removed
    before the first put there.

    `put` reads its source once, and not at all if the object is there and the
    metadata has the SHA-256. `stat` reads the object to give the SHA-256 of what is
    stored. `list` gives neither checksums nor metadata.
    """

    checksums = frozenset({"sha256"})

    OPTIONS: ClassVar[tuple[cfg.Opt, ...]] = (
        cfg.StrOpt(
            "path",
            required=True,
            sample_default="/var/lib/shoebox",
            help="The folder that holds the objects; it is not made, since it may be a mount.",
        ),
    )

    def __init__(self, *, path: str | os.PathLike[str], **_: object) -> None:
        self._path = Path(path).absolute()
        self._swept: set[Path] = set()
        """The folders that have been rid of what killed puts left there."""

    @classmethod
    def from_url(cls, bucket: str, /, **options: Any) -> Self:
        """Return the backend for the folder `bucket`."""
        return cls(**{**options, "path": bucket})

    def put(self, key: str, path: Path, metadata: Mapping[str, str] | None = None) -> None:
        """Store the file: a temporary name, copy, metadata, fsync, link, fsync."""
        validate_key(key)
        metadata = check_metadata(metadata)
        path = Path(path)
        with Directory(path.parent) as local:
            file = SourceFile(local.open(path.name))
        with _buffered(file) as source:
            try:
                self._store(key, source, metadata)
            except Exception:
                self._prune(key.split("/")[:-1])
                if file.failure is not None:
                    raise file.failure from None
                raise

    def _store(self, key: str, source: BinaryIO, metadata: Mapping[str, str]) -> None:
        *folders, name = key.split("/")
        with translated(self._path, key, PUTTING), self._folder(folders, make=True) as folder:
            self._sweep(folder)
            if folder.exists(name) or not _write_object(folder, name, source, metadata):
                source.seek(0)
                _accept(folder, name, metadata.get("sha256") or _sha256(source))

    def _sweep(self, folder: Directory) -> None:
        """Remove what killed puts left in the folder, before the first put there."""
        if folder.path not in self._swept:
            folder.sweep()
            self._swept.add(folder.path)

    def get(self, key: str, path: Path) -> None:
        """Copy the object to a new file."""
        path = Path(path)
        with (
            self.open(key) as source,
            Directory(path.parent) as local,
            publishing(local, path.name) as target,
        ):
            copy(source, target)
            if target.tell() != os.fstat(source.fileno()).st_size:
                raise StorageUnavailable(f"{shown(key)}: changed while it was read; try again")

    def open(self, key: str) -> BinaryIO:
        """Return the object's file."""
        with self._found(key) as (_, _, fd):
            return _buffered(ObjectFile(self._path, key, os.dup(fd)))

    def stat(self, key: str) -> ObjectInfo:
        """Read the object back, and return what was read."""
        with self._found(key) as (folder, name, fd):
            sha256 = _sha256(_buffered(io.FileIO(fd, closefd=False)))
            metadata = sidecar.read(folder, sidecar.name_of(name, sha256))
            return info(key, os.fstat(fd), {"sha256": sha256}, metadata)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects, with the names of one folder at a time in memory."""
        with translated(self._path, prefix, PUTTING), self._folder(()) as root:
            yield from walk(root, prefix)

    def delete(self, key: str) -> None:
        """Remove the object, then its metadata."""
        with self._found(key) as (folder, name, _):
            folder.remove(name)
            folder.sync()
            for other in folder.names():
                if other.startswith(sidecar.name_of(name, "")):
                    folder.remove(other)
        self._prune(key.split("/")[:-1])

    def _prune(self, folders: Sequence[str]) -> None:
        """Remove these folders, each in the one before it, as far as they are empty.

        Who puts something there at this moment fails, and succeeds when it tries again.
        """
        with suppress(OSError):
            for depth in reversed(range(len(folders))):
                with self._folder(folders[:depth]) as above:
                    os.rmdir(folders[depth], dir_fd=above.fd)
                    above.sync()

    @contextmanager
    def _found(self, key: str) -> Iterator[tuple[Directory, str, int]]:
        """Yield the object's folder, its name there, and a descriptor that is open meanwhile."""
        *folders, name = validate_key(key).split("/")
        with translated(self._path, key, FINDING), self._folder(folders) as folder:
            fd = folder.open(name)
            try:
                yield folder, name, fd
            finally:
                os.close(fd)

    @contextmanager
    def _folder(self, folders: Iterable[str], *, make: bool = False) -> Iterator[Directory]:
        with ExitStack() as stack:
            folder = stack.enter_context(self._root())
            for name in folders:
                folder = stack.enter_context(folder.folder(name, make=make))
            yield folder

    def _root(self) -> Directory:
        try:
            return Directory(self._path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise StorageUnavailable(
                f"{self._path}: {error.strerror}; make the folder, or mount what holds it"
            ) from error


def _buffered(file: io.FileIO) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(file))


def _sha256(file: BinaryIO) -> str:
    return hashlib.file_digest(cast("io.BufferedReader", file), "sha256").hexdigest()


def _write_object(
    folder: Directory, name: str, source: BinaryIO, metadata: Mapping[str, str]
) -> bool:
    """Store the file and its metadata; tell whether the name was free until the end."""
    size = os.fstat(source.fileno()).st_size
    try:
        with publishing(folder, name) as target:
            sha256 = copy(source, target)
            if target.tell() != size or metadata.get("sha256", sha256) != sha256:
                raise StorageUnavailable(
                    f"{name}: the file changed while it was stored, or is not what its SHA-256 "
                    "says; try again, and look at its disk if it stays so"
                )
            sidecar.write(folder, sidecar.name_of(name, sha256), metadata)
    except FileExistsError:
        return False
    return True


def _accept(folder: Directory, name: str, sha256: str) -> None:
    """Make what is there durable if it is the same content, else raise KeyCollision."""
    try:
        fd = folder.open(name)
    except OSError as error:
        if error.errno not in NO_FILE:
            raise  # what is there may be the same
    else:
        with os.fdopen(fd, "rb") as there:
            if _sha256(there) == sha256:
                os.fsync(fd)  # whoever put it may have been killed before
                return folder.sync()
    folder.remove(sidecar.name_of(name, sha256))
    raise KeyCollision(f"{folder.path / name}: is there with other content, and was not replaced")
