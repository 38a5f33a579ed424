"""Files that get no more lines: gzipped into another directory, and only then removed."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from threading import RLock
from time import time_ns
from typing import BinaryIO, Final

from shoebox.appending import AppendFile
from shoebox.complaints import Complaints
from shoebox.errors import NotOurs
from shoebox.escaping import logger
from shoebox.files import publishing
from shoebox.roll_manager import gzipped
from shoebox.spool import TORN, Spool, render

_log = logger(__name__)

CRC: Final = "[[CRC]]"
TIMESTAMP: Final = "[[TIMESTAMP]]"

_LIVE = re.compile(r"shoebox-(\d{1,19})-[0-9a-f]{16}\.jsonl")


class Outbox:
    """What a worker has rolled, and what dead ones left, until it has arrived.

    Its files are locked here meanwhile, so that no other worker takes them over. What
    can't be shipped now stays, and does not hold up what comes after it.
    """

    def __init__(self, spool: Spool, destination: Spool, template: str) -> None:
        self.files: deque[AppendFile] = deque()
        self.lock = RLock()
        """Held while they are shipped."""
        self.incomplete = False
        """Whether there may be a file that could not be taken over yet."""
        self._spool = spool
        self._destination = destination
        self._template = template
        self._complaints = Complaints(_log)
        self._arrived: set[str] = set()
        """The names of those that have arrived, as long as they are in `files`."""

    def ship(self) -> list[OSError]:
        """Ship what is here; return what that failed with, to be tried again."""
        errors: list[OSError] = []
        with self.lock:
            for _ in range(len(self.files)):
                file = self.files[0]
                try:
                    self._ship(file)
                    file.close()
                    self.files.popleft()
                    self._arrived.discard(file.path.name)
                    self._complaints.over(file.path.name)
                except OSError as error:
                    path = file.path
                    self._complaints.say(path.name, f"{path}: can't be shipped now: {error}")
                    errors.append(error)
                    self.files.rotate(-1)
        return errors

    def take_over(self) -> None:
        """Add what dead workers left; what can't be had now leaves it `incomplete`."""
        # First, since a writer may say at any moment that there is one more.
        self.incomplete = False
        try:
            for fd, name in self._abandoned():
                _log.warning("%s: taking over what a dead worker left", self._spool.path / name)
                self.files.append(AppendFile(fd, self._spool.path / name))
        except BaseException:
            self.incomplete = True
            raise

    def close(self) -> None:
        """Leave to the next start what has not arrived."""
        while self.files:
            self.files.popleft().close()

    def _abandoned(self) -> Iterator[tuple[int, str]]:
        """Yield descriptor and name of each file that a dead worker left, locked by us."""
        for name in filter(_LIVE.fullmatch, self._spool.directory.names()):
            try:
                fd = self._spool.hold(name)
            except OSError as error:
                path = self._spool.path / name
                self._complaints.say(name, f"{path}: can't be taken over now: {error}")
                self.incomplete = self.incomplete or not isinstance(error, NotOurs)
            else:
                if fd is not None:
                    yield fd, name

    def _ship(self, file: AppendFile) -> None:
        """Have a file arrive, and only then remove it."""
        name, directory = file.path.name, self._spool.directory
        if name not in self._arrived:
            self._send(file, name)
            self._arrived.add(name)
        if directory.holds(name, file.fd):
            directory.remove(name)
        directory.sync()

    def _send(self, file: AppendFile, name: str) -> None:
        """Gzip the whole lines of a file into the destination, verified.

        They are read through its own descriptor, which has them whatever its name leads to.
        """
        if not self._spool.directory.holds(name, file.fd):
            self._complaints.say(
                f"{name} is gone",
                f"{file.path}: somebody else has removed or renamed it; its lines are shipped all "
                "the same, but they are lost if this process ends before",
            )
        with os.fdopen(os.dup(file.fd), "rb") as source:
            # A power cut must not leave another file here than the one that arrived.
            os.fsync(source.fileno())
            status = os.fstat(source.fileno())
            length, digest = gzipped.whole_lines(source)
            if length < status.st_size:
                self._save_torn(name, source, length)
            if length:
                wanted = arriving_name(self._template, digest, status.st_mtime, _opened(name))
                lines = gzipped.Lines(source, name, length, digest)
                lines.publish(self._destination.directory, wanted)

    def _save_torn(self, name: str, source: BinaryIO, start: int) -> None:
        source.seek(start)
        with suppress(FileExistsError), publishing(self._spool.directory, name + TORN) as torn:
            shutil.copyfileobj(source, torn)
        _log.warning("%s: a line that was cut off is saved as %s", name, name + TORN)


def live_name() -> str:
    """Return a new name for a file that gets lines; it says when it was opened."""
    return f"shoebox-{time_ns()}-{secrets.token_hex(8)}.jsonl"


def arriving_name(template: str, digest: str, last: float, opened: datetime) -> str:
    """Return the name under which a file arrives."""
    filled = template.replace(CRC, digest).replace(TIMESTAMP, f"{last:.6f}")
    return render(filled, opened) + ".gz"


def _opened(name: str) -> datetime:
    return datetime.fromtimestamp(int(name.split("-")[1]) / 1e9, UTC)
