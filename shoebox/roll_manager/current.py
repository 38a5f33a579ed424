"""The archive that a writer appends to now, and how it passes on to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from threading import RLock, get_ident
from typing import Any

from shoebox.appending import with_remedy
from shoebox.archive.layout import Block
from shoebox.complaints import Complaints
from shoebox.errors import DurabilityError
from shoebox.roll_manager.asking import Asked
from shoebox.roll_manager.reentry import holds, reentrant
from shoebox.roll_manager.room import Own
from shoebox.roll_manager.sealer import Sealer, Sealing
from shoebox.roll_manager.succession import Batch, OpenArchive, Succession
from shoebox.selection import Time

Record = tuple[Mapping[str, str], str | bytes] | tuple[Mapping[str, str], str | bytes, Time | None]
"""Metadata and payload, and the timestamp if it is not now."""


_PAIR = 2

Ticket = tuple[OpenArchive, int, Batch]
"""The archive that a record went to, the number of the record in it, and its batch."""


class Current:
    """The open archive of a writer, and the lock that its writers hold.

    All but `commit`, `sync` and `salvage` are called with `lock` held. `each_record` says
    that a writer waits for every record: what can't be flushed is left out then.
    `opening` hears that an archive will be opened, and may refuse it by raising; `ready` hears
    that one was.
    """

    def __init__(
        self,
        archives: Succession,
        sealer: Sealer,
        asked: Asked,
        complaints: Complaints,
        opening: Callable[[], None],
        *,
        ready: Callable[[], None],
        each_record: bool,
    ) -> None:
        # A lock that knows its owner: what was never taken can't be given back.
        self.lock = RLock()
        self.held = holds(self.lock)
        self.committing: set[int] = set()
        """The threads that are in `commit`."""
        self.archive: OpenArchive | None = None
        self._opened: OpenArchive | None = None
        """One whose checker and callbacks have not all been told of it."""
        self._passed_on = 0
        self._archives = archives
        self._sealer = sealer
        self._asked = asked
        self._complaints = complaints
        self._opening = opening
        self._ready = ready
        self._each_record = each_record

    def refuse_reentry(self, *, seals: bool = False) -> None:
        """Raise ReentrantCall if this thread is in the middle of a call already.

        A signal handler, a finalizer or a checker that calls the writer would wait for its own
        thread, or put a record into a block that is just being written. `seals` says that it
        may need an archive that is being sealed.
        """
        within = self.held() or get_ident() in self.committing
        if within or (seals and self._sealer.held()):
            raise reentrant(self._archives.path)

    def open(self) -> OpenArchive:
        """Open the next archive, which begins with what the one before left in doubt."""
        self._opening()
        try:
            if self._opened is None:
                self._opened = self._archives.next()
        except OSError as error:
            # Its file may be there, and could be neither used nor removed.
            self._sealer.look_again()
            raise with_remedy(error, self._archives.path) from error
        archive = self._opened
        self._sealer.opened(archive.path)
        self._asked.start(archive)
        self.archive, self._opened = archive, None
        self._ready()
        return archive

    def there(self) -> OpenArchive | None:
        """Return the open archive, also one that is only now opened for what is in doubt."""
        wanted = self._archives.carried or self._opened is not None
        return self.open() if self.archive is None and wanted else self.archive

    def files(self) -> list[OpenArchive]:
        """Return the archives whose files are open here."""
        return [it for it in (self.archive, self._opened) if it is not None]

    def take(self, record: Any) -> Ticket:
        """Take a record, and roll if that is due; return what `commit` asks for."""
        archive = self.open() if self.archive is None else self.archive
        try:
            archive.write(*record)
        except OSError:
            self.leave_if_finished(archive)
            raise
        # Before a roll, which may leave the record out.
        ticket = archive, archive.records, archive.batch
        if self._asked.is_due(archive):
            self.roll_quietly(self._asked.reason)
        return ticket

    def take_many(self, records: Iterable[Any], tickets: dict[int, Ticket]) -> None:
        """Take records, rolling where that is due; put the tickets that cover them into `tickets`.

        A batch of records that waits for one sync needs one ticket: its last record's.
        """
        archive, check = self.archive, self._asked.check
        try:
            for record in records:
                if archive is None:
                    archive = self.open()
                if type(record) is tuple and len(record) == _PAIR:
                    archive.write(record[0], record[1])  # half of what a call with a star costs
                else:
                    archive.write(*record)
                try:
                    due = True if check(archive) else False  # noqa: SIM210 - may raise here
                except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                    due = self._asked.failed(archive, error)
                if due:
                    _add(tickets, archive)
                    self.roll_quietly(self._asked.reason)
                    archive = self.archive
        except OSError:
            if archive is not None:
                self.leave_if_finished(archive)
            raise
        finally:
            if archive is not None:
                _add(tickets, archive)

    def leave_after(self, error: BaseException) -> None:
        """Leave the open archive if the disk failed so that no more can be written to it."""
        if isinstance(error, OSError) and self.archive is not None:
            self.leave_if_finished(self.archive)

    def own(self) -> Own:
        """Return what this writer adds to the spool itself; the lock need not be held."""
        archive, passed_on = self.archive, self._passed_on
        if archive is None:
            return Own(0, 0, passed_on)
        return Own(archive.size, archive.size + archive.buffered, passed_on)

    def hand_over(self, reason: str) -> Sealing | None:
        """Have the open archive sealed; without a record it is removed, and None returned."""
        archive = self.there()
        if archive is None:
            return None
        if archive.records:
            self.flush(archive)
        self._archives.ended(archive)
        if not archive.records:
            self.archive = None
            archive.discard()
            return None
        try:
            sealing = self._sealer.hand_over(archive, reason)
            self._part_with(archive)
        except BaseException:
            # What a signal handler raises may come in between: it is with one of the two.
            if archive in self._sealer.files():
                self._part_with(archive)
            raise
        return sealing

    def _part_with(self, archive: OpenArchive) -> None:
        if self.archive is archive:
            self.archive = None
            self._passed_on += archive.size

    def roll_quietly(self, reason: str) -> None:
        """Roll without being asked to; what was taken stays taken, whatever becomes of it."""
        try:
            self.hand_over(reason)
            self._complaints.over("roll")
        except OSError as error:
            self._complaints.say("roll", f"{self._archives.path}: can't roll now: {error}")

    def flush(self, archive: OpenArchive) -> None:
        """Hand what was taken to the operating system."""
        try:
            archive.flush()
        except OSError as error:
            if self._each_record:
                archive.leave_out(error)
            self.leave_if_finished(archive)
            raise

    def leave_if_finished(self, archive: OpenArchive) -> None:
        """Leave an archive that can't be written to any more; the next takes what is in doubt."""
        if archive is self.archive and archive.finished:
            self._archives.left(archive)
            self.archive = None
            self._sealer.give_up(archive)

    def sync(self) -> None:
        """Make everything that was taken survive a power cut."""
        with self.lock:
            self.there()
            waiting = list(self.waiting())
        for archive, target, batch in waiting:
            self.commit(archive, target, batch)

    def waiting(self) -> Iterator[Ticket]:
        """Yield what `commit` asks for of each archive that may have records to sync."""
        for archive in (*self._sealer.unsealed(), self.archive):
            if archive is not None:
                yield archive, archive.records, archive.batch

    def commit(self, archive: OpenArchive, target: int, batch: Batch) -> None:
        """Sync an archive up to a number of records, with what others wrote meanwhile.

        Raise OSError for a record that was left out, DurabilityError for what is in doubt.
        """
        # Of each batch one writer waits for the sync that goes on, and then syncs for all; the
        # others wait for that one, so that none is held up by the sync of a later batch.
        thread = get_ident()
        try:
            self.committing.add(thread)
            with batch.lock:
                if archive.committed < target:
                    self._commit_before(archive)
                    with archive.commit_lock:
                        if archive.committed < target:
                            self._commit(archive)
        finally:
            self.committing.discard(thread)
        batch.check(target)

    def salvage(self, blocks: Sequence[Block]) -> None:
        """Write again, in an archive of their own, blocks that one before has put in doubt."""
        if blocks:
            with self.lock:
                self._sealer.hand_over(self._archives.again(blocks), "its records were in doubt")

    def _commit_before(self, archive: OpenArchive) -> None:
        """Sync the archives before one, so that a power cut leaves no hole between records.

        What that fails with is for their own writers.
        """
        for earlier in takewhile(lambda it: it is not archive, self._sealer.unsealed()):
            with suppress(OSError), earlier.commit_lock:
                if earlier.committed < earlier.records:
                    earlier.commit()

    def _commit(self, archive: OpenArchive) -> None:
        try:
            with self.lock:
                self.flush(archive)
                archive.batch = Batch()
            archive.commit()
        except OSError as error:
            if isinstance(error, DurabilityError):
                error.in_doubt = archive.records - archive.committed
            with self.lock:
                self.leave_if_finished(archive)
            raise


def _add(tickets: dict[int, Ticket], archive: OpenArchive) -> None:
    tickets[id(archive.batch)] = archive, archive.records, archive.batch
