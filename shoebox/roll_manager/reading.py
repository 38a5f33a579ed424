"""Reading the records of many archives in the order in which they were written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import length_hint
from threading import Event
from typing import NamedTuple

from shoebox.archive import Fault, Position, Record
from shoebox.archive.batch import Batch
from shoebox.callback import Callback, CallbackList
from shoebox.closing import Closing
from shoebox.errors import ArchiveError, ConfigError, NoMoreFiles, NoValidFile, StorageError
from shoebox.roll_manager.listing import Sources, listing_of
from shoebox.roll_manager.position import advance, parse, render
from shoebox.roll_manager.split import Split, split
from shoebox.roll_manager.unread import Unread
from shoebox.selection import Selection, Time, Where
from shoebox.storage import StorageBackend

Pair = tuple[dict[str, str], str | bytes]


class Found(NamedTuple):
    """A record that was found, and where."""

    archive: str
    """Its path or URL."""
    position: Position
    timestamp: int | None
    """Nanoseconds since the epoch; None in version 1."""
    metadata: dict[str, str]


class ReadingRollManager(Closing):
    """Gives back the records of all archives that match, by creation, writer and sequence.

    `filename_template` is a writer's template or a glob in `directory`; or a URL,
    `SCHEME://BUCKET/PREFIX` with a storage plugin's name as the scheme and a prefix or a
    glob of keys, whose other options come from its SDK's environment; or the same without
    what stands before the prefix, in `storage`, a backend that the caller closes; or a
    list of paths. In a directory no link is followed; one that is named is. Archives of
    version 1, which have no header, come first, by name. `read()` and iteration give
    `(metadata, payload)`, `records()` Record objects. Reading goes on after damage:
    `faults` has what was left out; `strict` raises it as ArchiveError.

    `where` (metadata key to case-sensitive glob, `Not` of one, or a list of these; all must
    match), `since` (inclusive) and `until` (exclusive) select: archives and blocks that can't
    hold what is wanted are not read. `follow` waits for more at the end, for ever; of
    archives that were named one by one, until all are sealed and read.
    `position`, from a manager's property of that name, goes on where that one was.
    `archive_callback` hears of each archive that lies here, when it is opened, and when it
    has been read to its end and is sealed. What a store can't give raises StorageError.
    """

    def __init__(
        self,
        filename_template: Sources,
        directory: str | os.PathLike[str] = ".",
        archive_callback: Callback | None = None,
        *,
        where: Where | None = None,
        since: Time | None = None,
        until: Time | None = None,
        strict: bool = False,
        follow: bool = False,
        position: str | None = None,
        storage: StorageBackend | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._listing = listing_of(filename_template, directory, storage)
        marks = {} if position is None else parse(position)
        self._selection = Selection(where, since, until)
        self._strict = strict
        self._alone = follow or archive_callback is not None or self._listing.planned
        """Whether nobody else can read a share of it."""
        self._unread = Unread(
            self._listing,
            self._selection,
            marks,
            CallbackList([] if archive_callback is None else [archive_callback]),
            strict=strict,
            follow=follow,
        )
        self.faults: list[Fault] = self._unread.faults
        self._marks = dict(marks)
        self._batches = self._unread.batches(Event().wait if wait is None else wait)
        self._failure: StorageError | ArchiveError | NoValidFile | None = None
        """What reading ended with, if not with the last record: it is raised each time."""
        self._batch: Batch | None = None
        self._rest: Iterator[str | bytes] = iter(())
        """The payloads of the batch that were not given yet."""
        self._pairs: Iterator[Pair] | None = None

    @property
    def archives(self) -> list[str]:
        """The paths or URLs of the archives that match now, in the order of reading."""
        return [archive.name for archive in self._unread.archives()]

    @property
    def position(self) -> str:
        """Where this reader is, to be saved and handed to another one."""
        marks = dict(self._marks)
        if self._batch is not None:
            advance(marks, self._batch, self._given())
        return render(marks)

    def read(self) -> Pair:
        """Return the next record's metadata and payload.

        Raise NoMoreFiles after the last, NoValidFile if nothing that matched is an archive.
        """
        try:
            return next(self)
        except StopIteration:
            self._pairs = None
        if self.faults and not self._unread.any and all(it.kind == "foreign" for it in self.faults):
            raise NoValidFile(f"nothing that matches is an archive: {self.faults[0]}")
        raise NoMoreFiles("every record of every archive that matches has been read")

    def __iter__(self) -> Iterator[Pair]:
        self._pairs = None
        return self._iterate()

    def __next__(self) -> Pair:
        if self._pairs is None or self._failure is not None:
            self._pairs = self._iterate()
        return next(self._pairs)

    def records(self) -> Iterator[Record]:
        """Yield the records with all that is known of each."""
        self._pairs = None
        batch = self._current()
        while batch is not None:
            for record, _ in zip(batch.records(), self._rest, strict=False):
                yield record
            batch = self._next()

    def find(self) -> Iterator[Found]:
        """Yield where each record lies, and its metadata; no payload of version 2 is read.

        Instead of reading: what was read is not found, and what was found is not read.
        """
        for archive, batch in self._unread.once(payloads=False):
            for record in batch.records():
                yield Found(archive.name, record.position, record.timestamp, record.metadata)

    def splits(self, count: int) -> list[Split]:
        """Return what this reader has not given yet, in shares for `count` readers.

        They can be pickled, for other processes. In their order they have what reading on
        would give: each record once, and each fault. They are of about as many bytes, of
        whole archives and of parts of sealed ones, cut between blocks; fewer than `count`
        where there is less to share, none where there is nothing. An archive without a
        sound index (open, torn, of version 1, compressed as a whole) is not cut. Raise
        ConfigError for a count below 1, and from a reader that follows, has a callback, or
        reads a split itself.
        """
        if count < 1:
            raise ConfigError(f"splits({count}): ask for at least 1")
        if self._alone:
            raise ConfigError(
                "a reader that follows, has a callback or reads a split can't be split: make "
                "another one for it"
            )
        return split(
            self._unread.archives(),
            self._listing.missing,
            self._listing.location,
            self._selection,
            count,
            strict=self._strict,
            position=self.position,
        )

    def close(self) -> None:
        """Close the files; nothing more is read."""
        if self._batch is not None:
            advance(self._marks, self._batch, self._given())
            self._take(None)
        self._pairs = None
        self._batches.close()
        self._unread.close()
        self._listing.close()

    def _iterate(self) -> Iterator[Pair]:
        # So that no record goes through Python.
        return chain.from_iterable(self._pairs_of_batches())

    def _pairs_of_batches(self) -> Iterator[Iterable[Pair]]:
        batch = self._current()
        while batch is not None:
            yield zip(batch.metadata, self._rest, strict=True)
            batch = self._next()

    def _current(self) -> Batch | None:
        """Return what is left of the batch that is being given, or the next one."""
        if self._batch is None:
            return self._next()
        given = self._given()
        advance(self._marks, self._batch, given)
        return self._take(self._batch.only(range(given, len(self._batch.payloads))))

    def _next(self) -> Batch | None:
        if self._batch is not None:
            advance(self._marks, self._batch, len(self._batch.payloads))
        if self._failure is not None:
            # What is missing must not be taken for the end.
            raise self._failure
        try:
            return self._take(next(self._batches, None))
        except (StorageError, ArchiveError, NoValidFile) as error:
            self._failure = error
            raise

    def _take(self, batch: Batch | None) -> Batch | None:
        self._batch = batch
        self._rest = iter(() if batch is None else batch.payloads)
        return batch

    def _given(self) -> int:
        """Return how many records of the batch were given: its iterator knows what is left."""
        return 0 if self._batch is None else len(self._batch.payloads) - length_hint(self._rest)
