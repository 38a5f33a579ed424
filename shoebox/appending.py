"""A file that only grows, and whose bytes are kept whole or not at all."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from shoebox.errors import DurabilityError


def write_all(fd: int, buffers: Sequence[bytes | memoryview]) -> None:
    """Write every byte of the buffers; the kernel may take them in several goes."""
    written = os.writev(fd, buffers)
    if written == sum(map(len, buffers)):
        return
    rest = memoryview(b"".join(buffers))[written:]
    while rest:
        rest = rest[os.write(fd, rest) :]


class AppendFile:
    """A file that only grows, and whose bytes are kept whole or not at all.

    `size` is what was appended, `synced` what is known to survive a power cut.
    After an error that leaves the file in doubt it is `finished`: the kernel may
    have dropped the pages and call the next sync a success, so nothing may follow.
    """

    def __init__(self, fd: int, path: Path, size: int = 0) -> None:
        self.fd = fd
        self.path = path
        self.size = size
        self.synced = 0
        self.finished = False

    def append(self, *buffers: bytes | memoryview) -> None:
        """Append the buffers, or cut the file back to what it was and raise OSError."""
        self._refuse_if_finished()
        try:
            write_all(self.fd, buffers)
        except BaseException:
            self._cut_back()
            raise
        self.size += sum(map(len, buffers))

    def sync(self) -> None:
        """Make what was appended survive a power cut, or raise DurabilityError."""
        self._refuse_if_finished()
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

    def release(self) -> None:
        """Give the lock and the descriptor back: a child forked just now keeps only a copy."""
        if self.fd >= 0:
            fcntl.flock(self.fd, fcntl.LOCK_UN)
        self.close()

    def close(self) -> None:
        """Give the descriptor back, and the lock if no fork has a copy; twice is fine."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self.fd, self.size)
        except OSError:
            self.finished = True

    def _refuse_if_finished(self) -> None:
        if self.finished:
            raise DurabilityError(f"{self.path}: an earlier write or sync failed; roll to go on")
