"""What the operating system says, as the errors that a backend may raise."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shoebox.errors import (
    ObjectNotFound,
    StorageDenied,
    StorageError,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.storage import shown

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 1 << 20

# Every other number is StorageUnavailable: no space, an I/O error, a stale mount.
PUTTING: Mapping[int, type[StorageError]] = {
    errno.EACCES: StorageDenied,
    errno.EPERM: StorageDenied,
    errno.EROFS: StorageDenied,
    errno.ENAMETOOLONG: StorageRejected,
    errno.EFBIG: StorageRejected,
    errno.ENOTDIR: StorageRejected,  # a part of the key is an object, or a link
    errno.ELOOP: StorageRejected,
}
FINDING: Mapping[int, type[StorageError]] = {
    **PUTTING,
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


@contextmanager
def translated(root: Path, key: str, errors: Mapping[int, type[StorageError]]) -> Iterator[None]:
    """Raise what a backend may raise in place of what the operating system said of a key."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        kind = errors.get(error.errno or 0, StorageUnavailable)
        raise kind(f"{root}: {shown(key)}: {error.strerror}; {_REMEDIES[kind]}") from error


class ObjectFile(io.FileIO):
    """An object's file whose reads raise what a backend may raise."""

    def __init__(self, root: Path, key: str, fd: int) -> None:
        super().__init__(fd)
        self._root = root
        self._key = key

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        """Read into the buffer."""
        with translated(self._root, self._key, {}):
            return super().readinto(buffer)

    def readall(self) -> bytes:
        """Read what is left, by `readinto`."""
        return b"".join(iter(lambda: io.RawIOBase.read(self, _CHUNK), b""))


class SourceFile(io.FileIO):
    """The file that is put; `failure` is why it could not be read: no fault of the store."""

    failure: OSError | None = None

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        """Read into the buffer."""
        try:
            return super().readinto(buffer)
        except OSError as error:
            self.failure = error
            raise
