"""Which archives there are to read, here or in a store, and in which order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import translate
from pathlib import Path, PurePosixPath
from typing import Protocol

from shoebox import stores
from shoebox.archive.header import Header
from shoebox.errors import BadWorkingDirectory, ObjectNotFound, StorageError
from shoebox.sources import Archive, File, Object, base_name
from shoebox.spool import ASIDE, glob_of
from shoebox.storage import StorageBackend
from shoebox.stores import Location

_Order = tuple[int, str, int, str]

_NUMBER = re.compile(r"-\d{4,}(?=\.[^.]*$|$)")
"""What a name that was taken got before its extension."""

_AT_ONCE = 8
"""Requests for headers that are under way at the same time."""


class Listing(Protocol):
    """The archives that a reader reads.

    Order comes from the headers: creation, writer, sequence. Archives that have none,
    those of version 1, come first, by name.
    """

    poll: float
    """Seconds between two looks for more when following."""
    may_lag: bool
    """Whether what is there may be left out now and then, so that it is not gone for that."""
    missing: set[str]
    """Names that were named and are not there; what goes later has been shipped, or moved."""
    planned: bool
    """Whether these are all there and in the order of reading, since others rely on that."""
    location: Location | None
    """The store that they are in, as far as it can be opened by its URL."""

    @property
    def named(self) -> bool:
        """Whether each archive was named, so that one that is not there is missed."""

    def there(self) -> Sequence[Archive]:
        """Return the archives that there are now, in any order."""

    def close(self) -> None:
        """Give back what was opened for it."""


class Named:
    """Archives that were named one by one."""

    poll = 0.2
    may_lag = False
    named = True
    planned = False
    location: Location | None = None

    def __init__(self, sources: Iterable[str | os.PathLike[str] | Archive]) -> None:
        self._archives = [
            File(Path(it)) if isinstance(it, str | os.PathLike) else it for it in sources
        ]
        paths = [it.path for it in self._archives if it.path is not None]
        self.missing = {str(path) for path in paths if not path.exists()}

    def there(self) -> Sequence[Archive]:
        """Return the archives."""
        return self._archives

    def close(self) -> None:
        """Do nothing."""


class Folder:
    """The archives in a directory whose names a template or a glob gives.

    Raise BadWorkingDirectory where there is no such directory.
    """

    poll = 0.2
    may_lag = False
    named = False
    planned = False
    location: Location | None = None

    def __init__(self, template: str, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)
        self._matches = re.compile(translate(glob_of(template))).match
        self.missing: set[str] = set()
        if not self._directory.is_dir():
            raise BadWorkingDirectory(
                f"{self._directory}: is no directory; name the one that holds the archives"
            )

    def there(self) -> Sequence[Archive]:
        """Return the archives that match now."""
        # An archive that is renamed while names are listed may be left out, but only once.
        found = {base_name(name): name for _ in range(2) for name in self._names()}
        return [File(self._directory / name, listed=True) for name in found.values()]

    def close(self) -> None:
        """Do nothing."""

    def _names(self) -> list[str]:
        with os.scandir(self._directory) as entries:
            return [it.name for it in entries if self._is_archive(it.name) and not _is_folder(it)]

    def _is_archive(self, name: str) -> bool:
        """Tell whether a name is one that the template gives, numbered or not."""
        if name.startswith(".") or name.endswith(ASIDE):
            return False
        name = base_name(name)
        while not self._matches(name):
            # One with a number that was taken too has another number behind it.
            name, before = _NUMBER.sub("", name), name
            if name == before:
                return False
        return True


class Store:
    """The archives in a store whose keys begin with a pattern, or match it."""

    poll = 10.0
    may_lag = True
    named = False
    planned = False

    def __init__(
        self, backend: StorageBackend, pattern: str, location: Location | None = None
    ) -> None:
        self._backend = backend
        self._pattern = pattern
        self._root = "" if location is None else location.root
        self.location = location
        self.missing: set[str] = set()

    def there(self) -> Sequence[Archive]:
        """Return the archives that match now."""
        return stores.objects(self._backend, self._pattern, self._root)

    def close(self) -> None:
        """Close the backend, if it was opened for this."""
        if self.location is not None:
            self._backend.close()


class Planned:
    """Archives and parts of them that a reader has set apart for another one, in this order."""

    poll = 0.2
    may_lag = False
    named = True
    planned = True
    location: Location | None = None

    def __init__(
        self, archives: Sequence[Archive], missing: Iterable[str], backend: StorageBackend | None
    ) -> None:
        self._archives = archives
        self._backend = backend
        self.missing = set(missing)

    def there(self) -> Sequence[Archive]:
        """Return them."""
        return self._archives

    def close(self) -> None:
        """Close the backend, if one was opened for them."""
        if self._backend is not None:
            self._backend.close()


Sources = str | os.PathLike[str] | Sequence[str | os.PathLike[str] | Archive] | Planned


def listing_of(
    sources: Sources, directory: str | os.PathLike[str], storage: StorageBackend | None
) -> Listing:
    """Return the listing of what a reader is asked to read."""
    if isinstance(sources, Planned):
        return sources
    if not isinstance(sources, str):
        return Named([sources] if isinstance(sources, os.PathLike) else sources)
    if storage is not None:
        return Store(storage, sources)
    location = stores.parse(sources)
    if location is None:
        return Folder(sources, directory)
    return Store(stores.open_store(location), location.prefix, location)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads nowhere: opening it will tell.
        return False


def in_order(archives: Sequence[Archive]) -> list[Archive]:
    """Return the archives in the order of reading."""
    headers = _headers(archives)
    latest: dict[str, int] = {}
    orders: list[tuple[_Order, int]] = []
    for place in sorted(range(len(archives)), key=lambda place: _by_writer(headers[place])):
        header, name = headers[place], PurePosixPath(archives[place].name).name
        if header is None:
            orders.append(((-1, "", 0, name), place))
            continue
        # A clock that was set back must not turn one writer's archives round.
        created = max(header.created, latest.get(header.writer, header.created))
        latest[header.writer] = created
        orders.append(((created, header.writer, header.sequence, name), place))
    return [archives[place] for _, place in sorted(orders)]


def _headers(archives: Sequence[Archive]) -> list[Header | None]:
    """Return the headers, those for which a store is asked with several requests at once."""
    asked = [it for it in archives if isinstance(it, Object) and it.row is None]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = dict(zip((it.name for it in asked), pool.map(_header, asked), strict=True))
    return [answers[it.name] if it.name in answers else _header(it) for it in archives]


def _by_writer(header: Header | None) -> tuple[str, int]:
    return ("", 0) if header is None else (header.writer, header.sequence)


def _header(archive: Archive) -> Header | None:
    try:
        return archive.header()
    except ObjectNotFound:
        return None
    except StorageError:
        raise
    except OSError:
        return None
