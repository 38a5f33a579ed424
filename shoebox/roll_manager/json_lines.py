"""Writing JSON lines into a file that rolls, gzipped into another directory."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from threading import Lock, RLock
from time import monotonic, time_ns
from typing import BinaryIO, Final

from shoebox.archive.checks import plain_payload
from shoebox.closing import Closing
from shoebox.complaints import Complaints
from shoebox.errors import ConfigError, DurabilityError, NotOurs, RecordValueError, WriterClosed
from shoebox.escaping import logger
from shoebox.files import AppendFile, publishing
from shoebox.roll_manager import gzipped, lifetime
from shoebox.roll_manager.reentry import holds, reentrant
from shoebox.roll_manager.ticker import Ticker
from shoebox.spool import TORN, Spool, render
from shoebox.starting import apart, start

_log = logger(__name__)

CRC: Final = "[[CRC]]"
TIMESTAMP: Final = "[[TIMESTAMP]]"

AGAIN = 60.0
"""Seconds after which a roll that failed is tried again."""

_LIVE = re.compile(r"shoebox-(\d{1,19})-[0-9a-f]{16}\.jsonl")
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
        _name(filename_template, "0" * 64, 0.0, datetime.now(UTC))
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
        self._take_over()
        self._ship_rolled()

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
        self._refuse_reentry(self._lock, self._shipping)
        with self._lock:
            self._pass_on()
        for error in self._ship_rolled():
            raise error

    def close(self) -> None:
        """Roll for the last time; raise OSError where the disk fails: the next start tries again.

        A second call changes nothing.
        """
        self._refuse_reentry(self._lock, self._shipping)
        with self._lock:
            self._pass_on()
            self._closed = True
        with self._ending:
            errors = [] if self._ended else self._ship_rolled()
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
        for file in (self._file, *self._rolled):
            if file is not None:
                file.close()
        self._begin()

    def at_exit(self) -> None:
        """Sync; the next start does the rest."""
        if self._file is not None:
            with suppress(DurabilityError):
                self._file.sync()

    def _begin(self) -> None:
        """Set up what belongs to one process."""
        self._lock = RLock()
        self._shipping, self._ending = RLock(), RLock()
        self._complaints = Complaints(_log)
        self._file: AppendFile | None = None
        self._rolled: deque[AppendFile] = deque()
        """Files that get no more lines, locked until they are shipped."""
        self._deadline = 0.0
        self._left = False
        """Whether there is something to be taken over."""
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
            name = f"shoebox-{time_ns()}-{secrets.token_hex(8)}.jsonl"
            try:
                fd = self._spool.create_locked(name)
            except OSError:
                # It may be there, and could be neither used nor removed.
                self._left = True
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
            self._rolled.append(file)
        self._shipper.soon()

    def _tick(self) -> float:
        with self._lock:
            if self._file is not None and self._clock() >= self._deadline:
                self._pass_on()
            left = self._roll_seconds if self._file is None else self._deadline - self._clock()
        return min(AGAIN, left)

    def _ship_due(self) -> float:
        if self._left:
            self._take_over()
        self._ship_rolled()
        return AGAIN

    def _ship_rolled(self) -> list[OSError]:
        """Ship what was rolled; return what that failed with, to be tried again."""
        errors: list[OSError] = []
        with self._shipping:
            for _ in range(len(self._rolled)):
                file = self._rolled[0]
                try:
                    self._ship(file)
                    file.close()
                    self._rolled.popleft()
                    self._complaints.over(file.path.name)
                except OSError as error:
                    path = file.path
                    self._complaints.say(path.name, f"{path}: can't be shipped now: {error}")
                    errors.append(error)
                    self._rolled.rotate(-1)
        return errors

    def _end(self) -> None:
        self._ticker.stop()
        self._shipper.stop()
        while self._rolled:
            self._rolled.popleft().close()
        lifetime.let_go(self)
        self._ended = True
        self._spool.close()
        self._destination.close()

    def _take_over(self) -> None:
        """Take what dead workers left for rolled; what can't be had now is tried again."""
        self._left = False
        for fd, name in self._abandoned():
            _log.warning("%s: taking over what a dead worker left", self._spool.path / name)
            self._rolled.append(AppendFile(fd, self._spool.path / name))

    def _abandoned(self) -> Iterator[tuple[int, str]]:
        """Yield descriptor and name of each file that a dead worker left, locked by us."""
        for name in filter(_LIVE.fullmatch, self._spool.directory.names()):
            try:
                fd = self._spool.hold(name)
            except OSError as error:
                path = self._spool.path / name
                self._complaints.say(name, f"{path}: can't be taken over now: {error}")
                self._left = self._left or not isinstance(error, NotOurs)
            else:
                if fd is not None:
                    yield fd, name

    def _ship(self, file: AppendFile) -> None:
        """Gzip the whole lines of a file into the destination, verified, and remove it."""
        name = file.path.name
        if not self._spool.directory.holds(name, file.fd):
            # It was shipped the last time, and only its removal could not be synced.
            self._spool.directory.sync()
            return
        with self._spool.directory.reading(name) as source:
            # A power cut must not leave another file here than the one that arrived.
            os.fsync(source.fileno())
            status = os.fstat(source.fileno())
            length, digest = gzipped.whole_lines(source)
            if length < status.st_size:
                self._save_torn(name, source, length)
            if length:
                wanted = _name(self._template, digest, status.st_mtime, _opened(name))
                lines = gzipped.Lines(source, name, length, digest)
                lines.publish(self._destination.directory, wanted)
        directory = self._spool.directory
        directory.remove(name)
        directory.sync()

    def _save_torn(self, name: str, source: BinaryIO, start: int) -> None:
        source.seek(start)
        with suppress(FileExistsError), publishing(self._spool.directory, name + TORN) as torn:
            shutil.copyfileobj(source, torn)
        _log.warning("%s: a line that was cut off is saved as %s", name, name + TORN)


def _name(template: str, digest: str, last: float, opened: datetime) -> str:
    """Return the name under which a file arrives."""
    filled = template.replace(CRC, digest).replace(TIMESTAMP, f"{last:.6f}")
    return render(filled, opened) + ".gz"


def _opened(name: str) -> datetime:
    """Return when a worker's file was opened, which stands in its name."""
    return datetime.fromtimestamp(int(name.split("-")[1]) / 1e9, UTC)
