"""Writing records into archives that roll."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from time import monotonic
from typing import Literal, TypeVar

from shoebox.archive import recover_all
from shoebox.callback import Callback, CallbackList
from shoebox.closing import Closing
from shoebox.destination import Destination, destinations
from shoebox.errors import ConfigError, WriterClosed
from shoebox.roll_checker import RollChecker
from shoebox.roll_manager import lifetime
from shoebox.roll_manager.asking import Asked, Complaints
from shoebox.roll_manager.background import Background
from shoebox.roll_manager.current import Current, Record, Ticket
from shoebox.roll_manager.room import Room
from shoebox.roll_manager.sealer import Sealer
from shoebox.roll_manager.succession import Succession
from shoebox.selection import Time
from shoebox.shipper import Shipper, Waiting
from shoebox.spool import Spool, render
from shoebox.storage import StorageBackend

_log = logging.getLogger(__name__)

_MANY = 1000
"""Records that write_many takes under one lock."""

_DURABILITIES = ("record", "interval", "roll")

_C = TypeVar("_C", str, int)


class WritingRollManager(Closing):
    """Appends records to one open archive, and rolls it when its checker says so.

    `write` may be called from any number of threads, and after a fork. What was sealed
    is handed to `archive_callback` and then shipped to `storage` in the background.

    durability: "record" (synced when `write` returns; concurrent writers share one
    sync), "interval" (at the latest after `sync_interval` seconds) or "roll" (when
    sealed). compression: "zstd", "gzip" or "none". format_version: 2, or 1 for the
    format of 2014. index_keys: the metadata keys by whose values a search can leave out
    blocks; empty stands for all. spool_limit_mb: where the spool reaches so many MiB,
    `write` raises SpoolFull, at once, or with on_full="block" after `on_full_timeout`
    seconds.

    Raise BadWorkingDirectory for a directory that is not safe to write in, InvalidName
    for a template that can't give a name, ConfigError for options that don't fit.
    """

    def __init__(
        self,
        filename_template: str,
        roll_checker: RollChecker,
        directory: str | os.PathLike[str] = ".",
        archive_callback: Callback | None = None,
        *,
        durability: Literal["record", "interval", "roll"] = "interval",
        sync_interval: float = 1.0,
        compression: Literal["zstd", "gzip", "none"] = "zstd",
        format_version: Literal[1, 2] = 2,
        index_keys: Collection[str] = (),
        storage: Sequence[StorageBackend | Destination] = (),
        spool_limit_mb: float | None = None,
        on_full: Literal["raise", "block"] = "raise",
        on_full_timeout: float = 30.0,
        close_timeout: float = 10.0,
        trust_directory: bool = False,
    ) -> None:
        if not isinstance(roll_checker, RollChecker):
            raise ConfigError(
                f"roll_checker is {roll_checker!r}; give a RollChecker, such as SizeRollChecker"
            )
        render(filename_template, datetime.now(UTC))
        self._template = filename_template
        self._checker = roll_checker
        self._check = roll_checker.check
        self._callback = CallbackList([] if archive_callback is None else [archive_callback])
        self._each_record = _choice("durability", durability, _DURABILITIES) == "record"
        self._sync_interval = sync_interval if durability == "interval" else None
        self._options = {
            "compression": _choice("compression", compression, ("zstd", "gzip", "none")),
            "format_version": _choice("format_version", format_version, (1, 2)),
            "index_keys": index_keys,
        }
        self._close_timeout = close_timeout
        targets = destinations(storage)
        waits = _choice("on_full", on_full, ("raise", "block")) == "block"
        self._spool = Spool(directory, trusted=trust_directory)
        self._shipper = Shipper(self._spool, targets, archive_callback) if targets else None
        limit = None if spool_limit_mb is None else int(spool_limit_mb * (1 << 20))
        timeout = on_full_timeout if waits else 0.0
        self._room = None if limit is None else Room(self._spool, limit, timeout)
        self._careful = self._room is not None or self._each_record
        self._closed = False
        self.unshipped: list[Waiting] = []
        """What waited still when the manager was closed."""
        self._begin()
        lifetime.know(self)
        self._recover()

    def write(
        self, metadata: Mapping[str, str], payload: str | bytes, timestamp: Time | None = None
    ) -> None:
        """Take one record, copied and checked; `timestamp` is ns since the epoch or aware, or now.

        Raise RecordTypeError or RecordValueError for what can't be stored, SpoolFull at
        the limit, DurabilityError or another OSError where the disk fails: that record is
        left out then, and no other.
        """
        if self._careful:
            self._write_carefully((metadata, payload, timestamp))
            return
        # `with` costs twice as much, and every record comes through here. The lock is taken and
        # given back inside of the block, so that no signal can come between the two: it knows
        # its owner, and refuses to be given back by who does not hold it.
        current, check = self._current, self._check
        acquire, release = self._acquire, self._release
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
                current.roll_quietly()
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
        if self._due:
            self._sealer.run()

    def write_many(self, records: Iterable[Record]) -> None:
        """Take records, each a tuple of what `write` takes, with one commit for all.

        Where one is refused, those before it have been taken.
        """
        rest = iter(records)
        tickets: dict[int, Ticket] = {}
        try:
            while self._take_some(rest, tickets):
                self._sealer.run()
        finally:
            if self._each_record:
                for ticket in tickets.values():
                    self._current.commit(*ticket)

    def _take_some(self, rest: Iterator[Record], tickets: dict[int, Ticket]) -> bool:
        """Take the next records, also those before an error; return whether there were any."""
        some: list[Record] = []
        try:
            some.extend(islice(rest, _MANY if self._room is None else 1))
        finally:
            if self._room is not None and some and not self._closed:
                self._room.make(self._current.own, self.flush, [some[0][1]])
            with self._current.lock:
                self._current.take_many(some, tickets)
        return bool(some)

    def _write_carefully(self, record: Record) -> None:
        """Take a record within the spool's limit, and sync it if each is to be."""
        if self._room is not None and not self._closed:
            self._room.make(self._current.own, self.flush, [record[1]])
        with self._current.lock:
            ticket = self._current.take(record)
        if self._due:
            self._sealer.run()
        if self._each_record:
            self._current.commit(*ticket)

    def flush(self) -> None:
        """Hand what was written to the operating system: it survives the process then."""
        with self._current.lock:
            archive = self._current.there()
            if archive is not None:
                self._current.flush(archive)

    def sync(self) -> None:
        """Make what was written survive a power cut; raise DurabilityError if it may not."""
        self._current.sync()

    def roll(self) -> None:
        """Seal the open archive, if it has a record; raise OSError where the disk fails."""
        with self._current.lock:
            sealing = self._current.hand_over("asked for")
        self._sealer.run(wait=True)
        if sealing is not None and sealing.error is not None:
            raise sealing.error

    def close(self) -> None:
        """Seal the open archive, and wait for `close_timeout` seconds for what is being shipped.

        Raise OSError where the disk fails. Where the open archive could not be flushed the
        writer stays open, and closing it again tries again; where one could not be sealed
        the next start recovers it. Apart from that a second call changes nothing.
        """
        with self._current.lock:
            sealing = None if self._closed else self._current.hand_over("closed")
            closed, self._closed = self._closed, True
        if not closed:
            errors = self._end()
            if sealing is not None and sealing.error is not None:
                errors = [sealing.error, *errors]
            for error in errors:
                raise error

    def locks(self) -> Iterator[lifetime.Lockable]:
        """Yield what is to be held while the process forks."""
        yield self._current.lock
        if self._shipper is not None:
            yield from self._shipper.locks()

    def after_fork(self) -> None:
        """Begin anew in a forked child: what was buffered or open is the parent's."""
        for archive in (self._current.archive, *self._sealer.held):
            if archive is not None:
                archive.let_go()
        if self._shipper is not None:
            self._shipper.after_fork()
        self._begin()

    def at_exit(self) -> None:
        """Flush and sync; the next start does the rest."""
        try:
            self.sync()
        except Exception:  # noqa: BLE001 - a plugin may raise anything
            _log.exception("%s: not all that was written could be synced", self._spool.path)

    def _begin(self) -> None:
        """Set up what belongs to one process."""
        complaints = Complaints()
        self._asked = Asked(self._checker, complaints)
        self._sealer = Sealer(
            self._callback,
            self._shipper,
            lambda blocks: self._current.salvage(blocks),  # noqa: PLW0108 (comes next)
        )
        self._current = Current(
            Succession(self._spool, self._template, **self._options),
            self._sealer,
            self._asked,
            complaints,
            self._opening,
            each_record=self._each_record,
        )
        self._background = Background(
            self._current, self._sealer, self._asked, complaints, self._sync_interval
        )
        self._begun = False
        self._acquire, self._release = self._current.lock.acquire, self._current.lock.release
        self._due = self._sealer.due

    def _recover(self) -> None:
        """Bring to an end what an earlier process left."""
        self._spool.sweep()
        for recovery in recover_all(self._spool):
            _log.warning("%s", recovery)
            if recovery.outcome == "sealed":
                self._sealer.recovered(recovery.path)
                self._sealer.run()
        if self._shipper is not None:
            self._shipper.pick_up()
            self._shipper.resume()

    def _opening(self) -> None:
        """Hear that an archive is going to be opened; under the lock."""
        if self._closed:
            raise WriterClosed(f"{self._spool.path}: the writer is closed; make a new one")
        self._background.soon()
        if not self._begun:
            self._begun = True
            lifetime.hold(self)
            self._background.start()
            if self._shipper is not None:
                self._shipper.start()

    def _end(self) -> list[OSError]:
        deadline = monotonic() + self._close_timeout
        self._background.stop()
        errors = self._sealer.finish(self._close_timeout)
        if self._shipper is not None:
            self.unshipped = self._shipper.close(max(0.0, deadline - monotonic()))
        lifetime.let_go(self)
        if self._shipper is None or not self._shipper.alive:
            self._spool.close()
        return errors


def _choice(option: str, value: _C, choices: tuple[object, ...]) -> _C:
    if value not in choices:
        raise ConfigError(f"{option} = {value!r}: give one of {', '.join(map(str, choices))}")
    return value
