"""Writing JSON lines into a file that rolls, gzipped into another directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from threading import Lock, RLock
from time import monotonic

from shoebox.archive.checks import plain_payload
from shoebox.closing import Closing
from shoebox.errors import ConfigError, DurabilityError, RecordValueError, WriterClosed
from shoebox.files import AppendFile
from shoebox.roll_manager import lifetime
from shoebox.roll_manager.outbox import Outbox, arriving_name, live_name
from shoebox.roll_manager.reentry import holds, reentrant
from shoebox.roll_manager.ticker import Ticker
from shoebox.spool import Spool
from shoebox.starting import apart, start

AGAIN = 60.0
"""Seconds after which a roll that failed is tried again."""

_MINUTE = 60.0


class WritingJSONRollManager(Closing):
    """Appends payloads, one a line, to a file of this worker's own.

    When it has `roll_size_mb` MiB or is `roll_minutes` old it is gzipped into
    `destination_directory` under the template, followed by `.gz`, read back, and only
    then removed. In the template `[[CRC]]` is the SHA-256 of the uncompressed bytes, in
    hexadecimal, and `[[TIMESTAMP]]` the time of the last line, in seconds since the
    epoch with decimals; strftime's directives give when the file was opened (UTC). What
    a dead worker left is dealt with at the start; a living one's file is never touched.
    Where a file can't be shipped writing goes on in another, and it is tried again.

    Raise BadWorkingDirectory for a directory that is not safe to write in, InvalidName
    for a template that can't give a name.
    """

    def __init__(
        self,
        filename_template: str,
        directory: str | os.PathLike[str] = ".",
        destination_directory: str | os.PathLike[str] = ".",
        roll_size_mb: float = 1000,
        roll_minutes: float = 60,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if roll_size_mb <= 0 or roll_minutes <= 0:
            raise ConfigError("roll_size_mb and roll_minutes must be above 0")
        arriving_name(filename_template, "0" * 64, 0.0, datetime.now(UTC))
        self._template = filename_template
        self._spool = Spool(directory)
        self._destination = Spool(destination_directory)
        for spool in (self._spool, self._destination):
            spool.sweep()
        self._roll_bytes = roll_size_mb * (1 << 20)
        self._roll_seconds = roll_minutes * _MINUTE
        self._clock = clock
        self._closed = self._ended = False
        self._begin()
        lifetime.know(self)
        self._outbox.take_over()
        self._outbox.ship()

    def write(self, metadata: Mapping[str, str], json_payload: str | bytes) -> None:  # noqa: ARG002 (the interface's)
        """Append the payload as one line; metadata is left out, as it always was.

        Raise RecordTypeError or RecordValueError for what can't be a line, and OSError
        where the disk fails; the line is left out then, and no other. Raise ReentrantCall, as
        `roll` and `close` do, in a signal handler that has interrupted the writer itself.
        """
        self._refuse_reentry(self._lock)
        payload, _ = plain_payload(json_payload)
        line = payload.encode() if isinstance(payload, str) else payload
        if b"\n" in line:
            raise RecordValueError("the payload has a line break; dump JSON without indentation")
        if b"\0" in line:
            raise RecordValueError("the payload has a NUL, which JSON has to escape")
        with self._lock:
            file = self._open() if self._file is None else self._file
            try:
                file.append(line, b"\n")
            finally:
                if file.finished:
                    self._pass_on()
            if file.size >= self._roll_bytes:
                self._pass_on()

    def roll(self) -> None:
        """Gzip what was written into the destination; raise OSError where the disk fails."""
        self._refuse_reentry(self._lock, self._outbox.lock)
        with self._lock:
            self._pass_on()
        for error in self._outbox.ship():
            raise error

    def close(self) -> None:
        """Roll for the last time; raise OSError where the disk fails: the next start tries again.

        A second call changes nothing.
        """
        self._refuse_reentry(self._lock, self._outbox.lock)
        with self._lock:
            self._pass_on()
            self._closed = True
        with self._ending:
            errors = [] if self._ended else self._outbox.ship()
            if not self._ended:
                self._end()
        for error in errors:
            raise error

    def _refuse_reentry(self, *locks: RLock) -> None:
        if any(holds(lock)() for lock in locks):
            raise reentrant(self._spool.path)

    def locks(self) -> Iterator[RLock]:
        """Yield what is to be held while the process forks."""
        yield self._lock

    def after_fork(self) -> None:
        """Begin anew in a forked child: the files are the parent's."""
        if self._file is not None:
            self._file.close()
        self._outbox.close()
        self._begin()

    def at_exit(self) -> None:
        """Sync; the next start does the rest."""
        if self._file is not None:
            with suppress(DurabilityError):
                self._file.sync()

    def _begin(self) -> None:
        """Set up what belongs to one process."""
        self._lock, self._ending = RLock(), RLock()
        self._outbox = Outbox(self._spool, self._destination, self._template)
        self._file: AppendFile | None = None
        self._deadline = 0.0
        self._ticker = Ticker("ticker", self._tick, min(AGAIN, self._roll_seconds))
        self._shipper = Ticker("shipper", self._ship_due, AGAIN)
        self._begun = False
        """Whether they are known to run."""
        self._starting = Lock()

    def _open(self) -> AppendFile:
        """Open the next file; under the lock."""
        if self._closed:
            raise WriterClosed(f"{self._spool.path}: the writer is closed; make a new one")
        if not self._begun:
            lifetime.hold(self)
            apart(self._start)
            self._begun = True
        fd = None
        while fd is None:
            name = live_name()
            try:
                fd = self._spool.create_locked(name)
            except OSError:
                # It may be there, and could be neither used nor removed.
                self._outbox.incomplete = True
                raise
        self._file = AppendFile(fd, self._spool.path / name)
        self._deadline = self._clock() + self._roll_seconds
        self._spool.directory.sync()
        return self._file

    def _start(self) -> None:
        with self._starting:
            start(self._ticker, self._shipper)

    def _pass_on(self) -> None:
        """Take the file out of the writers' hands; under the lock."""
        file = self._file
        if file is not None:
            # No signal can come between the two: it is with one of them, and never with both.
            self._file = None
            self._outbox.files.append(file)
        self._shipper.soon()

    def _tick(self) -> float:
        with self._lock:
            if self._file is not None and self._clock() >= self._deadline:
                self._pass_on()
            left = self._roll_seconds if self._file is None else self._deadline - self._clock()
        return min(AGAIN, left)

    def _ship_due(self) -> float:
        if self._outbox.incomplete:
            self._outbox.take_over()
        self._outbox.ship()
        return AGAIN

    def _end(self) -> None:
        self._ticker.stop()
        self._shipper.stop()
        self._outbox.close()
        lifetime.let_go(self)
        self._ended = True
        self._spool.close()
        self._destination.close()
