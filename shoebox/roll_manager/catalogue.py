"""Which archives there are to read, and in which order."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from pathlib import Path
from typing import TypeVar

from shoebox.archive.reader import Header, read_header
from shoebox.errors import BadWorkingDirectory
from shoebox.spool import ASIDE, OPEN, glob_of

Sources = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_T = TypeVar("_T")
_Order = tuple[int, str, int, str]

_NUMBER = re.compile(r"-\d{4,}(?=\.[^.]*$|$)")
"""What a name that was taken got before its extension."""


class Catalogue:
    """The archives that a template, a glob or a list of paths stands for.

    Order comes from the headers: creation, writer, sequence. Archives that have none,
    those of version 1, come first, by name. Raise BadWorkingDirectory where a template's
    directory is none.
    """

    def __init__(self, sources: Sources, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)
        self._matches: Callable[[str], object] | None = None
        self._paths: list[Path] = []
        if isinstance(sources, str):
            self._matches = re.compile(translate(glob_of(sources))).match
            if not self._directory.is_dir():
                raise BadWorkingDirectory(
                    f"{self._directory}: is no directory; name the one that holds the archives"
                )
        elif isinstance(sources, os.PathLike):
            self._paths = [Path(sources)]
        else:
            self._paths = [Path(source) for source in sources]
        self.missing = {path for path in self._paths if not path.exists()}
        """What was named and is not there; what goes later has been shipped, or moved."""

    @property
    def named(self) -> bool:
        """Whether each archive was named, so that one that is not there is missed."""
        return self._matches is None

    def paths(self) -> list[Path]:
        """Return the paths of the archives that there are now, in the order of reading."""
        return in_order(self.there())

    def there(self) -> list[Path]:
        """Return the paths of the archives that there are now, in any order."""
        if self._matches is None:
            return self._paths
        # An archive that is renamed while names are listed may be left out, but only once.
        found = {base_name(name): name for _ in range(2) for name in self._names()}
        return [self._directory / name for name in found.values()]

    def _names(self) -> list[str]:
        with os.scandir(self._directory) as entries:
            return [it.name for it in entries if self._is_archive(it.name) and not _is_folder(it)]

    def _is_archive(self, name: str) -> bool:
        """Tell whether a name is one that the template gives, numbered or not."""
        if self._matches is None or name.startswith(".") or name.endswith(ASIDE):
            return False
        name = base_name(name)
        return bool(self._matches(name) or self._matches(_NUMBER.sub("", name)))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads nowhere: opening it will tell.
        return False


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
    finally:
        os.close(fd)
    return False


def in_order(paths: Sequence[Path]) -> list[Path]:
    """Return the paths of archives in the order of reading."""
    return ordered(paths, _header, lambda path: path.name)


def ordered(
    archives: Sequence[_T], header_of: Callable[[_T], Header | None], name_of: Callable[[_T], str]
) -> list[_T]:
    """Return archives, wherever they lie, in the order of reading."""
    headers = [header_of(archive) for archive in archives]
    latest: dict[str, int] = {}
    orders: list[tuple[_Order, int]] = []
    for place in sorted(range(len(archives)), key=lambda place: _by_writer(headers[place])):
        header, name = headers[place], name_of(archives[place])
        if header is None:
            orders.append(((-1, "", 0, name), place))
            continue
        # A clock that was set back must not turn one writer's archives round.
        created = max(header.created, latest.get(header.writer, header.created))
        latest[header.writer] = created
        orders.append(((created, header.writer, header.sequence, name), place))
    return [archives[place] for _, place in sorted(orders)]


def _by_writer(header: Header | None) -> tuple[str, int]:
    return ("", 0) if header is None else (header.writer, header.sequence)


def _header(path: Path) -> Header | None:
    try:
        return read_header(path)
    except OSError:
        return None
