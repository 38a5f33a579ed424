"""Taking records into the open archive: what every record of a writer goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, overload

from mypy_extensions import mypyc_attr

from shoebox.archive.writer import ArchiveWriter
from shoebox.roll_manager.asking import Asked
from shoebox.roll_manager.current import Current, Record, Ticket
from shoebox.roll_manager.room import Room
from shoebox.selection import Time

_MANY: Final = 1000
"""Records that write_many takes under one lock."""


# The writer that is built upon it is not compiled, and its users may derive from it.
@mypyc_attr(allow_interpreted_subclasses=True)
class Taker:
    """Takes records into the archive that is open now, from any number of threads.

    `room` limits the spool; `each_record` says that a record is synced when it was taken.
    """

    _current: Current
    _check: Callable[[ArchiveWriter], object]
    _asked: Asked
    _held: Callable[[], bool]
    _acquire: Callable[[], bool]
    _release: Callable[[], None]

    def __init__(self, room: Room | None, *, each_record: bool) -> None:
        self._room = room
        self._each_record = each_record
        self._careful = room is not None or each_record
        self._closed = False

    # A compiled function refuses an argument of another type before it can say what is wrong
    # with which key: so the types are promised here, and looked at where the record is taken.
    @overload
    def write(self, metadata: Mapping[str, str], payload: str | bytes) -> None: ...

    @overload
    def write(
        self, metadata: Mapping[str, str], payload: str | bytes, timestamp: Time | None
    ) -> None: ...

    def write(self, metadata: Any, payload: Any, timestamp: Any = None) -> None:
        """Take one record, copied and checked; `timestamp` is ns since the epoch or aware, or now.

        Raise RecordTypeError or RecordValueError for what can't be stored, SpoolFull at
        the limit, DurabilityError or another OSError where the disk fails: that record is
        left out then, and no other. Raise ReentrantCall, as all the others do, in a signal
        handler that has interrupted the writer itself.
        """
        if self._careful:
            self._write_carefully((metadata, payload, timestamp))
            return
        # `with` costs twice as much, and every record comes through here. The lock is taken and
        # given back inside of the block, so that no signal can come between the two: it knows
        # its owner, and refuses to be given back by who does not hold it.
        current, check = self._current, self._check
        acquire, release = self._acquire, self._release
        if current.committing or self._held():
            current.refuse_reentry()
        try:
            acquire()
            archive = current.archive
            if archive is None:
                archive = current.open()
            archive.write(metadata, payload, timestamp)
            try:
                due = True if check(archive) else False  # noqa: SIM210 - may raise here
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                due = self._asked.failed(archive, error)
            if due:
                current.roll_quietly(self._asked.reason)
            release()
        except BaseException as error:
            try:
                current.leave_after(error)
            finally:
                try:  # noqa: SIM105 - a signal could come while suppress is set up
                    release()
                except RuntimeError:
                    pass
            raise

    def write_many(self, records: Iterable[Record]) -> None:
        """Take records, each a tuple of what `write` takes, with one commit for all.

        Where one is refused, those before it have been taken.
        """
        self._current.refuse_reentry(seals=self._each_record)
        rest: Iterator[Any] = iter(records)
        tickets: dict[int, Ticket] = {}
        try:
            while self._take_some(rest, tickets):
                pass
        finally:
            if self._each_record:
                for archive, target, batch in tickets.values():
                    self._current.commit(archive, target, batch)

    def flush(self) -> None:
        """Hand what was written to the operating system: it survives the process then."""
        self._current.refuse_reentry()
        with self._current.lock:
            archive = self._current.there()
            if archive is not None:
                self._current.flush(archive)

    def sync(self) -> None:
        """Make what was written survive a power cut; raise DurabilityError if it may not."""
        self._current.refuse_reentry(seals=True)
        self._current.sync()

    def _take_into(self, current: Current, asked: Asked) -> None:
        """Begin anew, in this process, with these."""
        self._current = current
        self._asked = asked
        self._check = asked.check
        self._held = current.held
        self._acquire, self._release = current.lock.acquire, current.lock.release

    def _take_some(self, rest: Iterator[Any], tickets: dict[int, Ticket]) -> bool:
        """Take the next records, also those before an error; return whether there were any."""
        some: list[Any] = []
        try:
            some.extend(islice(rest, _MANY if self._room is None else 1))
        finally:
            if some:
                self._make_room(some[0])
            with self._current.lock:
                self._current.take_many(some, tickets)
        return bool(some)

    def _write_carefully(self, record: Any) -> None:
        """Take a record within the spool's limit, and sync it if each is to be."""
        # To sync a record is to sync first the archives before its own, which may be in sealing.
        self._current.refuse_reentry(seals=self._each_record)
        self._make_room(record)
        with self._current.lock:
            archive, target, batch = self._current.take(record)
        if self._each_record:
            self._current.commit(archive, target, batch)

    def _make_room(self, record: Any) -> None:
        if self._room is not None and not self._closed:
            self._room.make(self._current.own, self.flush, self._roll_at_limit, [record[1]])

    def _roll_at_limit(self) -> None:
        with self._current.lock:
            archive = self._current.archive
            if archive is not None and archive.records:
                self._current.roll_quietly("limit: the spool is full")
