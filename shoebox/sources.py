"""An archive to be read, wherever it lies: a file here, or an object in a store."""

from __future__ import annotations

import errno
import fcntl
import io
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, Self

from shoebox.archive.header import Header, header_of, read_header
from shoebox.archive.reader import ArchiveReader
from shoebox.archive.source import Bytes, open_source
from shoebox.archive.span import WHOLE, Span
from shoebox.catalog import Catalog
from shoebox.errors import FormatError
from shoebox.format.catalog import Row
from shoebox.regular import open_regular
from shoebox.selection import Selection
from shoebox.spool import OPEN
from shoebox.storage import StorageBackend

GAP = 1 << 16
"""Bytes of an object that are rather read than asked for by a request of their own."""


class Archive(Protocol):
    """An archive to be read, or a part of one, wherever it lies."""

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

    def pinned(self) -> Self:
        """Return it as what is there now: another one is not opened in its place."""

    def part(self, span: Span) -> Self:
        """Return a part of it."""


class Stamp(NamedTuple):
    """What tells an archive from another one under its name, as far as anything does."""

    archive: str | None
    """Its id in hexadecimal; None where it has no header, or an unsound one."""
    size: int | None
    """None while it may grow."""

    def fits(self, file: BinaryIO) -> bool:
        """Tell whether a file can be the archive that this was taken of."""
        archive, size = stamp_of(file)
        return (self.archive is None or archive == self.archive) and self.size in {None, size}


def stamp_of(file: BinaryIO) -> Stamp:
    """Return the stamp of a file that does not grow."""
    size = file.seek(0, io.SEEK_END)
    header = None
    with suppress(FormatError):
        header = header_of(Bytes(file))
    return Stamp(None if header is None else header.archive, size)


@dataclass(frozen=True, slots=True)
class File:
    """An archive in a directory, or a part of one."""

    path: Path
    span: Span = WHOLE
    stamp: Stamp | None = None
    """What it must have to be opened; None if whatever has its name will do."""
    listed: bool = False
    """Whether it was come across in a directory, where a link may be anybody's: none is followed.
    A link that somebody names is."""

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
        return is_being_written(self.path, follow=not self.listed)

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
        growing = growing and is_open
        return ArchiveReader(file, name=self.name, growing=growing, span=self.span, **options)

    def pinned(self) -> Self:
        """Return it with the stamp of the file that is there."""
        with self.open() as file:
            stamp = stamp_of(file)
        return replace(self, stamp=stamp._replace(size=None) if self._may_grow else stamp)

    def part(self, span: Span) -> Self:
        """Return a part of it."""
        return replace(self, span=span)

    @property
    def _may_grow(self) -> bool:
        return self.name.endswith(OPEN)

    def _open(self) -> tuple[BinaryIO, bool]:
        """Return the file, and whether it was found under the name that was looked for."""
        file, is_open = self._found()
        if self.stamp is not None and not self.stamp.fits(file):
            file.close()
            raise FileNotFoundError(errno.ENOENT, "there is another archive now", self.name)
        return file, is_open

    def _found(self) -> tuple[BinaryIO, bool]:
        try:
            return open_source(self.path, follow=not self.listed)[0], True
        except FileNotFoundError:
            if not self._may_grow:
                raise
        return open_source(base_name(self.name), follow=not self.listed)[0], False


@dataclass(frozen=True, slots=True)
class Object:
    """An archive in a store, or a part of one; no object ever changes."""

    name: str
    """Its URL, or its key where nothing more is known."""
    key: str
    size: int
    backend: StorageBackend
    catalogs: tuple[Catalog, ...] = ()
    """Those that may know it."""
    span: Span = WHOLE
    path: None = None
    growing: bool = False

    def open(self) -> BinaryIO:
        """Return it as a file that fetches what is read."""
        return self.backend.open(self.key)

    def reader(self, *, growing: bool, **options: Any) -> ArchiveReader:
        """Return a reader."""
        options |= {"growing": growing, "gap": GAP, "span": self.span}
        return ArchiveReader(self.open(), name=self.name, **options)

    def pinned(self) -> Self:
        """Return it as it is."""
        return self

    def part(self, span: Span) -> Self:
        """Return a part of it."""
        return replace(self, span=span)

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


def is_being_written(path: Path, *, follow: bool = False) -> bool:
    """Tell whether a living writer holds an open archive, or one that a link leads to."""
    if not path.name.endswith(OPEN):
        return False
    try:
        fd = open_regular(path, os.O_RDONLY, follow=follow)
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
