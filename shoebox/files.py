"""Durable files: create, append, sync, and publish under a name.

What archives and the local backend share. Every name is opened relative to the
descriptor of its directory and without following links, so that nothing that
happens to the path in the meantime can lead it elsewhere.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from shoebox.appending import AppendFile, write_all
from shoebox.closing import Closing
from shoebox.names import (
    ASIDE,
    OPEN,
    TAKING,
    TEMPORARY_SUFFIX,
    is_temporary,
    numbered,
    temporary_name,
)
from shoebox.publishing import copy, drafting, publishing
from shoebox.regular import NO_FILE, open_regular

__all__ = [
    "ASIDE",
    "FILE_MODE",
    "FOLDER_MODE",
    "NO_FILE",
    "OPEN",
    "TEMPORARY_SUFFIX",
    "AppendFile",
    "Directory",
    "closing_on_error",
    "copy",
    "drafting",
    "is_temporary",
    "numbered",
    "publishing",
    "temporary_name",
    "try_lock",
    "write_all",
]

FILE_MODE = 0o600
FOLDER_MODE = 0o700

_CREATE = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Directory(Closing):
    """A directory held open by its descriptor; names are single path segments.

    Raises OSError (of its kind) for everything the operating system refuses.
    """

    def __init__(self, path: str | os.PathLike[str], fd: int | None = None) -> None:
        self.path = Path(path)
        self.fd = os.open(path, _OPEN_DIRECTORY) if fd is None else fd

    def folder(self, name: str, *, make: bool = False) -> Directory:
        """Return the directory of this name; a link is refused; it is made, durably, if asked."""
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, FOLDER_MODE, dir_fd=self.fd)
            self.sync()
        fd = os.open(name, _OPEN_DIRECTORY | os.O_NOFOLLOW, dir_fd=self.fd)
        return Directory(self.path / name, fd)

    def create(self, name: str, flags: int = os.O_WRONLY) -> int:
        """Return the descriptor of a new file, private to its owner whatever the umask."""
        try:
            fd = os.open(name, flags | _CREATE, FILE_MODE, dir_fd=self.fd)
        except OSError as error:
            error.filename = str(self.path / name)
            raise
        with closing_on_error(fd), self.removing_on_error(name, fd):
            os.fchmod(fd, FILE_MODE)
        return fd

    def lock_new(self, name: str, fd: int) -> bool:
        """Lock a file that was just made; tell whether it still has its name, else close it.

        Between the two another process may have taken it for a dead one's. Where it can't be
        locked, it is closed and its name removed.
        """
        with closing_on_error(fd), self.removing_on_error(name, fd):
            fcntl.flock(fd, fcntl.LOCK_EX)
            held = self.holds(name, fd)
        if not held:
            os.close(fd)
        return held

    @contextmanager
    def removing_on_error(self, name: str, fd: int) -> Iterator[None]:
        """Remove the name of the file behind this descriptor if the block raises."""
        try:
            yield
        except BaseException:
            with suppress(OSError):
                if self.holds(name, fd):
                    self.remove(name)
            raise

    def open(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Return the descriptor of a regular file that is there.

        What else has the name is refused, with an error (one of `NO_FILE`) that says what it is.
        """
        return open_regular(name, flags, dir_fd=self.fd, folder=self.path)

    @contextmanager
    def listing(self) -> Iterator[Iterator[os.DirEntry[str]]]:
        """Yield the entries of the directory, in any order.

        They are read through a descriptor of their own: it has a place in the listing,
        which threads and forked children would otherwise move for each other.
        """
        fd = os.open(".", _OPEN_DIRECTORY, dir_fd=self.fd)
        try:
            with os.scandir(fd) as entries:
                yield entries
        finally:
            os.close(fd)

    def names(self) -> list[str]:
        """Return the names in the directory, sorted."""
        with self.listing() as entries:
            return sorted(entry.name for entry in entries)

    def stat(self, name: str) -> os.stat_result:
        """Return what is known of the name itself, without following a link."""
        return os.stat(name, dir_fd=self.fd, follow_symlinks=False)

    def exists(self, name: str) -> bool:
        """Tell whether the name is taken, if only by a dangling link."""
        try:
            self.stat(name)
        except FileNotFoundError:
            return False
        return True

    def holds(self, name: str, fd: int) -> bool:
        """Tell whether the name still leads to the file behind this descriptor."""
        try:
            return os.path.samestat(self.stat(name), os.fstat(fd))
        except FileNotFoundError:
            return False

    def rename(self, source: str, target: str) -> None:
        """Rename; the caller owns both names."""
        os.rename(source, target, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def link(self, source: str, target: str) -> None:
        """Give the file a second name; raise FileExistsError if it is taken."""
        os.link(source, target, src_dir_fd=self.fd, dst_dir_fd=self.fd, follow_symlinks=False)

    def is_free(self, name: str) -> bool:
        """Tell whether an archive may have this name: neither a file nor a state has it."""
        return not any(self.exists(name + state) for state in TAKING)

    def link_free(self, source: Directory, name: str, wanted: str) -> str:
        """Give a file of `source` a name here, the first of `numbered` that is free; return it.

        A name that the file has already is taken for free: an earlier try was killed.
        """
        fd = source.open(name)
        try:
            return next(
                free for free in numbered(wanted) if self._link_open(source, name, fd, free)
            )
        finally:
            os.close(fd)

    def _link_open(self, source: Directory, name: str, fd: int, target: str) -> bool:
        """Tell whether the file has the name now, and no archive that is written is to have it."""
        if self.holds(target, fd):
            return not self.exists(target + OPEN)
        if not self.is_free(target):
            return False
        try:
            os.link(name, target, src_dir_fd=source.fd, dst_dir_fd=self.fd, follow_symlinks=False)
        except FileExistsError:
            return False
        if self.exists(target + OPEN):
            # Looked at last, as its writer looks for the name: one of the two sees the other.
            self.remove(target)
            return False
        return True

    def hold(self, name: str, flags: int = os.O_RDWR) -> int | None:
        """Return a descriptor that holds the file's lock; None if it is held or gone."""
        try:
            fd = self.open(name, flags)
        except FileNotFoundError:
            return None
        with closing_on_error(fd):
            held = try_lock(fd) and self.holds(name, fd)
        if held:
            return fd
        os.close(fd)
        return None

    def sweep(self, left: Callable[[str], bool] = is_temporary) -> None:
        """Remove the temporary files, of names such as these, of processes that died."""
        for name in filter(left, self.names()):
            with suppress(OSError):  # it takes some room, and no more
                self._sweep(name)

    def _sweep(self, name: str) -> None:
        fd = self.hold(name)
        if fd is not None:
            try:
                self.remove(name)
            finally:
                os.close(fd)

    def remove(self, name: str) -> None:
        """Remove the name; one that is gone already is fine."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.fd)

    def sync(self) -> None:
        """Make the names durable."""
        os.fsync(self.fd)

    def reading(self, name: str) -> BinaryIO:
        """Return the regular file of this name, to be read."""
        return os.fdopen(self.open(name), "rb")

    def read(self, name: str, limit: int) -> bytes:
        """Return the file's first `limit` bytes."""
        with self.reading(name) as file:
            return file.read(limit)

    def replace(self, name: str, content: bytes) -> None:
        """Give the name this content, durably: after a crash it has the old or the new."""
        temporary = name + TEMPORARY_SUFFIX
        self.remove(temporary)
        try:
            with os.fdopen(self.create(temporary), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            self.rename(temporary, name)
        except BaseException:
            with suppress(OSError):
                self.remove(temporary)
            raise
        self.sync()

    def close(self) -> None:
        """Give the descriptor back; closing twice is fine."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


@contextmanager
def closing_on_error(fd: int) -> Iterator[None]:
    """Close a descriptor, and so give its lock back, if the block raises."""
    try:
        yield
    except BaseException:
        os.close(fd)
        raise


def try_lock(fd: int) -> bool:
    """Take the file's lock without waiting; the kernel frees it when its holder dies."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
