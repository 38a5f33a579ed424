"""An archive to be read, wherever it lies: a file here, or an object in a store."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from shoebox.archive.header import Header, read_header
from shoebox.archive.reader import ArchiveReader
from shoebox.archive.source import open_source
from shoebox.catalog import Catalog, Row
from shoebox.selection import Selection
from shoebox.spool import OPEN
from shoebox.storage import StorageBackend

GAP = 1 << 16
"""Bytes of an object that are rather read than asked for by a request of their own."""


class Archive(Protocol):
    """An archive to be read, wherever it lies."""

    @property
    def name(self) -> str:
        """Its path or URL, as it is now."""

    @property
    def path(self) -> Path | None:
        """Where it lies here, if it does."""

    @property
    def size(self) -> int:
        """Its bytes."""

    @property
    def growing(self) -> bool:
        """Whether its writer is at work."""

    def open(self) -> BinaryIO:
        """Return it as a seekable file."""

    def header(self) -> Header | None:
        """Return its header; None where there is no sound one."""

    def can_match(self, selection: Selection) -> bool:
        """Tell whether it may hold what is selected, without reading anything of it."""

    def reader(self, *, growing: bool, **options: Any) -> ArchiveReader:
        """Return a reader of it; `growing` as the reader takes it."""


@dataclass(frozen=True, slots=True)
class File:
    """An archive in a directory."""

    path: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    @property
    def size(self) -> int:
        """Its bytes; 0 when it is gone."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    @property
    def growing(self) -> bool:
        """Whether its writer is at work."""
        return is_being_written(self.path)

    def open(self) -> BinaryIO:
        """Return the file; one that its writer has sealed in the meantime has its new name."""
        return self._open()[0]

    def header(self) -> Header | None:
        """Return the header."""
        return read_header(self.open())

    def can_match(self, selection: Selection) -> bool:  # noqa: ARG002 - nothing is known of it
        """Say that it may."""
        return True

    def reader(self, *, growing: bool, **options: Any) -> ArchiveReader:
        """Return a reader; one that was sealed in the meantime does not grow any more."""
        file, is_open = self._open()
        return ArchiveReader(file, name=self.name, growing=growing and is_open, **options)

    def _open(self) -> tuple[BinaryIO, bool]:
        """Return the file, and whether it was found under the name that was looked for."""
        try:
            return open_source(self.path)[0], True
        except FileNotFoundError:
            if not self.name.endswith(OPEN):
                raise
        return open_source(base_name(self.name))[0], False


@dataclass(frozen=True, slots=True)
class Object:
    """An archive in a store; no object ever changes."""

    name: str
    """Its URL, or its key where nothing more is known."""
    key: str
    size: int
    backend: StorageBackend
    catalogs: tuple[Catalog, ...] = ()
    """Those that may know it."""
    path: None = None
    growing: bool = False

    def open(self) -> BinaryIO:
        """Return it as a file that fetches what is read."""
        return self.backend.open(self.key)

    def reader(self, *, growing: bool, **options: Any) -> ArchiveReader:
        """Return a reader."""
        return ArchiveReader(self.open(), name=self.name, growing=growing, gap=GAP, **options)

    @property
    def row(self) -> Row | None:
        """What a catalog knows of it."""
        rows = (it.row(self.key, self.size) for it in self.catalogs)
        return next((it for it in rows if it is not None), None)

    def header(self) -> Header | None:
        """Return the header, with nothing of its metadata where a catalog knows it."""
        row = self.row
        if row is None:
            return read_header(self.open())
        return Header(row.archive, row.writer, row.created, row.sequence, {})

    def can_match(self, selection: Selection) -> bool:
        """Tell whether no catalog rules it out."""
        return not any(it.rules_out(self.key, self.size, selection) for it in self.catalogs)


def base_name(name: str) -> str:
    """Return an archive's name, also while it is open."""
    return name.removesuffix(OPEN)


def is_being_written(path: Path) -> bool:
    """Tell whether a living writer holds an open archive."""
    if not path.name.endswith(OPEN):
        return False
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        # It has just been sealed, or can't be read at all: opening it will tell.
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        # A file system without locks, where nobody can write.
        return False
    finally:
        os.close(fd)
    return False
