"""Splits: what several processes read of the same archives, each its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self, cast

from shoebox import stores
from shoebox.archive.span import Span
from shoebox.errors import ConfigError
from shoebox.roll_manager.listing import Planned
from shoebox.roll_manager.planning import plan
from shoebox.selection import Glob, Selection
from shoebox.sources import Archive, File, Object
from shoebox.storage import StorageBackend

if TYPE_CHECKING:
    from shoebox.roll_manager.reading import ReadingRollManager


class _Stored(NamedTuple):
    """An archive in a store, or a part of one, without the store."""

    name: str
    key: str
    size: int
    span: Span

    @classmethod
    def of(cls, archive: Object) -> Self:
        """Leave the store behind."""
        return cls(archive.name, archive.key, archive.size, archive.span)

    def within(self, backend: StorageBackend | None) -> Object:
        """Return the archive in its store; raise ConfigError where there is none."""
        if backend is None:
            raise ConfigError(
                f"{self.name}: the reader was given a backend, which can't go to another "
                "process; open(storage=...) with one that is made here, or split a reader of a URL"
            )
        return Object(self.name, self.key, self.size, backend, span=self.span)


class _Reading(NamedTuple):
    """How a split is to be read, as the reader that was split does."""

    where: list[tuple[str, Glob]]
    since: int | None
    until: int | None
    strict: bool
    position: str


@dataclass(frozen=True, slots=True)
class Split:
    """A share of what a reader has to read: whole archives, and parts of archives.

    It is small, holds nothing that is open, and can be pickled. `open()` reads it, in
    whatever process it has come to, as long as the archives are where they were.
    """

    size: int
    """Bytes that are to be read, about."""
    _archives: tuple[File | _Stored, ...]
    _missing: frozenset[str]
    _location: stores.Location | None
    _reading: _Reading

    @property
    def archives(self) -> list[str]:
        """The paths or URLs of the archives that it is of, in the order of reading."""
        return [archive.name for archive in self._archives]

    def open(
        self, *, storage: StorageBackend | None = None, position: str | None = None
    ) -> ReadingRollManager:
        """Return a reader of the split, with the selection of the one that was split.

        `storage` is a backend that the caller closes; without one the store is opened by
        the URL that the first reader was given, or ConfigError is raised if it was none.
        `position`, of an earlier reader of this split, goes on where that one was. Raise
        NoValidFile when reading comes to an archive that is not there any more: it was
        shipped, moved or replaced.
        """
        from shoebox.roll_manager.reading import ReadingRollManager  # noqa: PLC0415 - a cycle

        own = None
        if storage is None and self._location is not None:
            storage = own = stores.open_store(self._location)
        archives = [it if isinstance(it, File) else it.within(storage) for it in self._archives]
        where, since, until, strict, start = self._reading
        return ReadingRollManager(
            Planned(archives, self._missing, own),
            where=where,
            since=since,
            until=until,
            strict=strict,
            position=start if position is None else position,
        )


def split(
    archives: Sequence[Archive],
    missing: Collection[str],
    location: stores.Location | None,
    selection: Selection,
    count: int,
    *,
    strict: bool,
    position: str,
) -> list[Split]:
    """Return at most `count` splits of what is selected of the archives, in their order."""
    since, until = selection.since, selection.until
    reading = _Reading(selection.conditions, since, until, strict, position)
    return [
        Split(
            sum(it.size for it in pieces),
            tuple(_closed(it.archive) for it in pieces),
            frozenset(missing).intersection(it.archive.name for it in pieces),
            location,
            reading,
        )
        for pieces in plan(archives, missing, selection, count)
    ]


def _closed(archive: Archive) -> File | _Stored:
    return archive if isinstance(archive, File) else _Stored.of(cast("Object", archive))
