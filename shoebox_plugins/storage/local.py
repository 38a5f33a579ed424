"""Objects as files in a folder of this machine, or of one that is mounted here."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self, cast

import msgspec
from oslo_config import cfg

from shoebox.errors import (
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageError,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.files import NO_FILE, Directory, copy, publishing, temporary_name
from shoebox.storage import (
    ObjectInfo,
    StorageBackend,
    check_metadata,
    is_name,
    shown,
    validate_key,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MAX_METADATA = 1 << 16
_CHUNK = 1 << 20

# Every other number is StorageUnavailable: no space, an I/O error, a stale mount.
_PUTTING: Mapping[int, type[StorageError]] = {
    errno.EACCES: StorageDenied,
    errno.EPERM: StorageDenied,
    errno.EROFS: StorageDenied,
    errno.ENAMETOOLONG: StorageRejected,
    errno.EFBIG: StorageRejected,
    errno.ENOTDIR: StorageRejected,  # a part of the key is an object, or a link
    errno.ELOOP: StorageRejected,
}
_FINDING: Mapping[int, type[StorageError]] = {
    **_PUTTING,
    errno.ENOENT: ObjectNotFound,
    errno.ENOTDIR: ObjectNotFound,
    errno.ELOOP: ObjectNotFound,  # a part of the key is a link
    errno.EINVAL: ObjectNotFound,  # a link, a FIFO, a socket, a device
    errno.EISDIR: ObjectNotFound,
}
_REMEDIES: Mapping[type[StorageError], str] = {
    StorageDenied: "let this user write there",
    StorageRejected: "change the key_template, or remove what is in its way",
    ObjectNotFound: "there is no such object",
    StorageUnavailable: "look at the disk or the mount",
}


class LocalBackend(StorageBackend):
    """Keeps objects as files below the folder `path`, which must be there.

    A key's slashes are sub-folders, made 0700; files are 0600; no link is followed
    below `path`. An object's metadata lies in a hidden file beside it, which is
    durable before the object's name appears. A folder that holds no object any more
    goes with the last one.

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

    @classmethod
    def from_url(cls, bucket: str, /, **options: Any) -> Self:
        """Return the backend for the folder `bucket`."""
        return cls(**{**options, "path": bucket})

    def put(self, key: str, path: Path, metadata: Mapping[str, str] | None = None) -> None:
        """Store the file: a temporary name, copy, metadata, fsync, link, fsync."""
        validate_key(key)
        metadata = check_metadata(metadata)
        path = Path(path)
        with Directory(path.parent) as local, local.reading(path.name) as source:
            try:
                self._store(key, source, metadata)
            except Exception:
                self._prune(key.split("/")[:-1])
                raise

    def _store(self, key: str, source: BinaryIO, metadata: Mapping[str, str]) -> None:
        *folders, name = key.split("/")
        with self._translated(key, _PUTTING), self._folder(folders, make=True) as folder:
            if folder.exists(name) or not _write_object(folder, name, source, metadata):
                source.seek(0)
                _accept(folder, name, metadata.get("sha256") or _sha256(source.fileno()))

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
            return cast("BinaryIO", io.BufferedReader(_ObjectFile(key, os.dup(fd))))

    def stat(self, key: str) -> ObjectInfo:
        """Read the object back, and return what was read."""
        with self._found(key) as (folder, name, fd):
            sha256 = _sha256(fd)
            metadata = _read_metadata(folder, _sidecar(name, sha256))
            return _info(key, os.fstat(fd), {"sha256": sha256}, metadata)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects, with the names of one folder at a time in memory."""
        with self._translated(prefix, _PUTTING), self._folder(()) as root:
            yield from _walk(root, "", prefix)

    def delete(self, key: str) -> None:
        """Remove the object, then its metadata."""
        with self._found(key) as (folder, name, _):
            folder.remove(name)
            folder.sync()
            for other in folder.names():
                if other.startswith(_sidecar(name, "")):
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
        with self._translated(key, _FINDING), self._folder(folders) as folder:
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

    @contextmanager
    def _translated(self, key: str, errors: Mapping[int, type[StorageError]]) -> Iterator[None]:
        """Raise what a backend may raise in place of what the operating system said."""
        try:
            yield
        except StorageError:
            raise
        except OSError as error:
            kind = errors.get(error.errno or 0, StorageUnavailable)
            raise kind(
                f"{self._path}: {shown(key)}: {error.strerror}; {_REMEDIES[kind]}"
            ) from error


class _ObjectFile(io.FileIO):
    """An object's file whose reads raise what a backend may raise."""

    def __init__(self, key: str, fd: int) -> None:
        super().__init__(fd)
        self._key = key

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        """Read into the buffer."""
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise StorageUnavailable(
                f"{shown(self._key)}: {error.strerror}; {_REMEDIES[StorageUnavailable]}"
            ) from error

    def readall(self) -> bytes:
        """Read what is left, by `readinto`."""
        return b"".join(iter(lambda: io.RawIOBase.read(self, _CHUNK), b""))


def _sha256(fd: int) -> str:
    return hashlib.file_digest(io.FileIO(fd, closefd=False), "sha256").hexdigest()


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
            _write_metadata(folder, _sidecar(name, sha256), metadata)
    except FileExistsError:
        return False
    return True


def _accept(folder: Directory, name: str, sha256: str) -> None:
    """Make what is there durable if it is the same content, else raise KeyCollision."""
    try:
        fd = folder.open(name)
    except OSError as error:
        if error.errno not in _FINDING:
            raise
    else:
        with os.fdopen(fd, "rb"):
            if _sha256(fd) == sha256:
                os.fsync(fd)  # whoever put it may have been killed before
                return folder.sync()
    folder.remove(_sidecar(name, sha256))
    raise KeyCollision(f"{folder.path / name}: is there with other content, and was not replaced")


def _sidecar(name: str, sha256: str) -> str:
    """Return the name of the file with an object's metadata.

    It is bound to the content, so that of two puts of different content under one
    key the loser can't change the winner's; and hashed, so that it is never too long.
    """
    return f".{hashlib.sha256(name.encode()).hexdigest()}-{sha256}"


def _write_metadata(folder: Directory, name: str, metadata: Mapping[str, str]) -> None:
    """Make the metadata durable; what a put that was killed left there is replaced."""
    draft = temporary_name()
    with publishing(folder, draft) as file:
        file.write(msgspec.json.encode(metadata))
    folder.rename(draft, name)
    folder.sync()


def _read_metadata(folder: Directory, name: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(folder.read(name, _MAX_METADATA), type=dict[str, str])
    except FileNotFoundError:  # a file that was not put, but copied here
        return {}
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
        raise _no_metadata(folder, name, error) from error
    except msgspec.DecodeError as error:
        raise _no_metadata(folder, name, error) from error


def _no_metadata(folder: Directory, name: str, error: Exception) -> StorageRejected:
    return StorageRejected(
        f"{folder.path / name}: is not an object's metadata ({error}); remove the file"
    )


def _walk(folder: Directory, above: str, prefix: str) -> Iterator[ObjectInfo]:
    for entry in _entries(folder):
        key = above + entry
        if entry.endswith("/") and key.startswith(prefix[: len(key)]):
            yield from _walk_into(folder, entry[:-1], key, prefix)
        elif key.startswith(prefix):
            yield from _object(folder, entry, key)


def _walk_into(folder: Directory, name: str, above: str, prefix: str) -> Iterator[ObjectInfo]:
    try:
        inner = folder.folder(name)
    except (FileNotFoundError, NotADirectoryError):  # gone, or no folder any more
        return
    with inner:
        yield from _walk(inner, above, prefix)


def _entries(folder: Directory) -> list[str]:
    """Return the names in the folder, those of folders with a slash, so that keys sort."""
    with folder.listing() as entries:
        return sorted(
            f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
            for entry in entries
            if is_name(entry.name)
        )


def _object(folder: Directory, name: str, key: str) -> Iterator[ObjectInfo]:
    """Yield what is known of the object, unless it is gone or no file."""
    with suppress(FileNotFoundError):
        status = folder.stat(name)
        if stat.S_ISREG(status.st_mode):
            yield _info(key, status)


def _info(
    key: str,
    status: os.stat_result,
    checksums: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> ObjectInfo:
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    return ObjectInfo(key, status.st_size, modified, checksums or {}, metadata or {})
