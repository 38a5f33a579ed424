"""A file that only grows, and whose bytes are kept whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from shoebox.digests import Digests
from shoebox.errors import DurabilityError

_CHUNK = 1 << 20

_REMEDIES = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room, or have the quota raised",
    errno.EFBIG: "raise the limit on a file's size (ulimit -f)",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.EROFS: "mount it so that it can be written to",
    errno.EACCES: "let this user write there",
    errno.EIO: "check the disk",
}


def write_all(fd: int, buffers: Sequence[bytes | memoryview]) -> int:
    """Write every byte of the buffers, and return how many; the kernel may take several goes."""
    written, size = os.writev(fd, buffers), sum(map(len, buffers))
    if written < size:
        rest = memoryview(b"".join(buffers))[written:]
        while rest:
            rest = rest[os.write(fd, rest) :]
    return size


def with_remedy(error: OSError, path: Path) -> OSError:
    """Return the error with the path, and what to do about it where that is known."""
    remedy = _REMEDIES.get(error.errno or 0)
    if remedy is None or remedy in str(error.strerror):
        return error
    return OSError(error.errno, f"{error.strerror}; {remedy}", str(path))


class AppendFile:
    """A file that only grows, and whose bytes are kept whole or not at all.

    `size` is what was appended, `synced` what is known to survive a power cut. Digests
    of these `kinds` are made of what was synced, so that appending does not wait for them.
    After an error that leaves the file in doubt it is `finished`: the kernel may
    have dropped the pages and call the next sync a success, so nothing may follow.
    """

    def __init__(self, fd: int, path: Path, size: int = 0, kinds: Collection[str] = ()) -> None:
        self.fd = fd
        self.path = path
        self.size = size
        self.synced = 0
        self.finished = False
        self._whole = True
        """Whether the file ends where `size` says; while bytes are appended it may not."""
        self._digests = Digests(kinds)
        self._digested = 0

    def append(self, *buffers: bytes | memoryview) -> None:
        """Append the buffers, or cut the file back to what it was and raise OSError."""
        if not self._whole:
            # A signal handler has raised while it was to be cut back.
            self.finished = True
        if self.finished:
            self._refuse()
        self._whole = False
        try:
            self.size += write_all(self.fd, buffers)
        except BaseException as error:
            self._cut_back()
            if isinstance(error, OSError):
                raise with_remedy(error, self.path) from error
            raise
        self._whole = True

    def sync(self) -> None:
        """Make what was appended survive a power cut, or raise DurabilityError."""
        if self.finished:
            self._refuse()
        size = self.size
        if size == self.synced:
            return
        try:
            os.fdatasync(self.fd)
        except OSError as error:
            self.finished = True
            raise DurabilityError(
                f"{self.path}: could not be synced ({error.strerror}); nothing more is "
                "written to it: check the disk"
            ) from error
        self.synced = max(self.synced, size)
        if self._digests and self.synced - self._digested >= _CHUNK:
            self._digest()

    def checksums(self) -> dict[str, str]:
        """Return the digests of the file, by their kinds; none if not all of it was synced."""
        if self._digests:
            self._digest()
        return self._digests.values() if self._digested == self.size else {}

    def release(self) -> None:
        """Give the lock and the descriptor back: a child forked just now keeps only a copy."""
        try:
            if self.fd >= 0:
                fcntl.flock(self.fd, fcntl.LOCK_UN)
        finally:
            self.close()

    def close(self) -> None:
        """Give the descriptor back, and the lock if no fork has a copy; twice is fine."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def _digest(self) -> None:
        """Take what was synced into the digests; where it can't be read, they stay behind."""
        with suppress(OSError):
            while self._digested < self.synced:
                size = min(_CHUNK, self.synced - self._digested)
                data = os.pread(self.fd, size, self._digested)
                if not data:
                    return
                self._digests.update(data)
                self._digested += len(data)

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self.fd, self.size)
        except OSError:
            self.finished = True
        self._whole = True

    def _refuse(self) -> NoReturn:
        raise DurabilityError(f"{self.path}: an earlier write or sync failed; roll to go on")
