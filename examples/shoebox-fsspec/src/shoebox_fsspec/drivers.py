"""What fsspec's drivers do each in its own way, behind one face."""

from __future__ import annotations

import os
import posixpath
from contextlib import suppress
from threading import Lock
from typing import Any, BinaryIO, ClassVar, cast

from fsspec import AbstractFileSystem

from shoebox.errors import StorageUnavailable

_RENAMING = Lock()
"""Held between the look at a name and the rename, where the driver can't do both at once."""


class Driver:
    """Any driver, by what all of them can do.

    Raises whatever the driver does. It is used by one thread at a time.
    """

    folder_options: ClassVar[dict[str, Any]] = {}
    """What makes a folder private."""
    root_is_there = False
    """Whether a path that holds nothing is told from one that is not there."""

    def __init__(self, fs: AbstractFileSystem) -> None:
        self.fs = fs

    @classmethod
    def options(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return what the file system is built with."""
        return given

    def kind(self, path: str) -> str | None:
        """Return `file`, `directory` or another kind, None if there is nothing."""
        self.fs.invalidate_cache()
        try:
            return cast("str", self.fs.info(path)["type"])
        except (FileNotFoundError, NotADirectoryError):
            return None

    def check_root(self, root: str) -> None:
        """Raise StorageUnavailable if the folder is not there."""
        if self.root_is_there and self.kind(root) != "directory":
            raise StorageUnavailable(f"{root}: is no folder there; make it, or mount what holds it")

    def info(self, path: str) -> dict[str, Any]:
        """Return what is known of a file; raise FileNotFoundError if it isn't one."""
        self.fs.invalidate_cache()
        found: dict[str, Any] = self.fs.info(path)
        if found["type"] != "file":
            raise FileNotFoundError(path)
        return found

    def entries(self, folder: str) -> list[dict[str, Any]]:
        """Return what is known of everything in a folder, or what there was a moment ago."""
        self.fs.invalidate_cache()
        return cast("list[dict[str, Any]]", self.fs.ls(folder, detail=True))

    def make_folder(self, path: str) -> None:
        """Make a folder unless it is there."""
        if self.fs.isdir(path):
            return
        try:
            self.fs.mkdir(path, create_parents=False, **self.folder_options)
        except Exception:
            # Another thread may have been faster, and not every driver says so.
            if not self.fs.isdir(path):
                raise
        self.sync_folder(posixpath.dirname(path))

    def create(self, path: str) -> BinaryIO:
        """Return a new file, to be written; the caller owns the name."""
        return cast("BinaryIO", self.fs.open(path, "wb"))

    def read(self, path: str, start: int, end: int) -> bytes:
        """Return the bytes from one offset up to another."""
        return cast("bytes", self.fs.cat_file(path, start=start, end=end))

    def sync(self, path: str) -> None:
        """Make a file durable, as far as the driver can."""

    def sync_folder(self, path: str) -> None:
        """Make the names in a folder durable, as far as the driver can."""

    def publish(self, draft: str, path: str) -> None:
        """Give a draft its name; raise FileExistsError if it is taken.

        In this process nobody comes between; others are seen up to the rename only.
        """
        with _RENAMING:
            if self.kind(path) is not None:
                raise FileExistsError(path)
            self.fs.mv(draft, path)

    def remove(self, path: str) -> None:
        """Remove a file; raise FileNotFoundError if there is none."""
        self.fs.rm_file(path)

    def close(self) -> None:
        """Give the connection back."""


class LocalDriver(Driver):
    """Files of this machine: a hard link tells at once whether a name is free."""

    folder_options: ClassVar[dict[str, Any]] = {"mode": 0o700}
    root_is_there = True

    def create(self, path: str) -> BinaryIO:
        """Return a new file that its owner alone may read."""
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        return os.fdopen(fd, "wb")

    def sync(self, path: str) -> None:
        """Have the kernel write it to the disk."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def sync_folder(self, path: str) -> None:
        """Do the same with the folder."""
        self.sync(path)

    def publish(self, draft: str, path: str) -> None:
        """Link, and take the draft's name away."""
        self.fs.link(draft, path)
        with suppress(FileNotFoundError):
            self.fs.rm_file(draft)
