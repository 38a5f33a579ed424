"""What happens to archives outside the writers' lock: sealing, callbacks, offering."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import RLock, current_thread
from time import monotonic

from shoebox.archive.layout import Block
from shoebox.callback import CallbackList
from shoebox.complaints import Complaints
from shoebox.errors import ArchiveGone
from shoebox.escaping import cause, logger
from shoebox.metrics import NOWHERE, ROLLS, Note, reason_label
from shoebox.roll_manager.jobs import Job, do
from shoebox.roll_manager.leftovers import NONE, Leftovers
from shoebox.roll_manager.reentry import holds
from shoebox.roll_manager.succession import OpenArchive
from shoebox.roll_manager.ticker import Ticker
from shoebox.shipper import Shipper
from shoebox.starting import start
from shoebox.waking import Flag

_log = logger(__name__)

AGAIN = 1.0
"""Seconds after which what failed is tried again."""

LOOK_AGAIN = 30.0
"""Seconds after which an archive that was left to recovery, or could not be offered, is."""


@dataclass(eq=False, slots=True)
class Sealing:
    """An archive that is to be sealed, and what that failed with last."""

    archive: OpenArchive
    reason: str
    error: Exception | None = None


class Sealer:
    """Seals the archives that it is handed, in order, on a thread of its own.

    Callbacks are called in order too, on another one, so that they hold up no sealing.
    `shipper` is offered what they have heard of. `salvage` takes the blocks that a failed
    sync has put in doubt. Each archive that was sealed is put into `noted`. `leftovers` are
    looked for again when something could not be recovered or sealed.
    """

    def __init__(
        self,
        callback: CallbackList,
        shipper: Shipper | None,
        salvage: Callable[[Sequence[Block]], None],
        noted: deque[Note] = NOWHERE,
        leftovers: Leftovers = NONE,
    ) -> None:
        self._callback = callback
        self._shipper = shipper
        self._salvage = salvage
        self._noted = noted
        self._leftovers = leftovers
        self._look: float | None = None
        """When to look for what is left again, by the monotonic clock; None if nothing is."""
        self._due: deque[Job] = deque()
        self._news: deque[Job] = deque()
        """What callbacks are to be told."""
        self._awaiting: deque[Flag] = deque()
        """Those of who waits until they have been."""
        self._failed: dict[Job, Exception] = {}
        """What is to be tried again."""
        self._complaints = Complaints(_log)
        self._gone: list[OSError] = []
        """Of archives whose files somebody has taken away, which nothing can be tried for."""
        self._held: list[OpenArchive] = []
        """Archives that were handed over, and whose files are open still."""
        self._left: list[OpenArchive] = []
        """The same, of those that can't be written to; the next one has what was in doubt."""
        self._sealing = RLock()
        self.held = holds(self._sealing)
        """Tells whether this thread is sealing."""
        # A callback may roll, and so come here again.
        self._telling = RLock()
        self.behind: bool | None = None
        """Whether callbacks were still at work when it was finished, and go on."""
        self._seals = Ticker("sealer", self._seal_due, AGAIN)
        self._tells = Ticker("callbacks", self._tell_due, threading.TIMEOUT_MAX)

    def start(self) -> None:
        """Start the threads; they end with the process, or after `finish`."""
        start(self._seals, self._tells)

    def opened(self, path: Path) -> None:
        """Have the callbacks told of a new archive."""
        self._have(partial(self._announce, partial(self._callback.on_open, path)))

    def gather(self) -> None:
        """Bring to an end what others left; what the disk refuses is tried again later."""
        if not self._leftovers.gather(self._tell_recovered):
            self.look_again()

    def look_again(self) -> None:
        """Have what is left looked for again, after a while."""
        self._look = monotonic() + LOOK_AGAIN

    def hand_over(self, archive: OpenArchive, reason: str) -> Sealing:
        """Have an archive sealed to which nothing more will be written."""
        sealing = Sealing(archive, reason)
        job = partial(self._seal, sealing)
        # Nothing is called here, so that no signal can come between the two.
        self._held += (archive,)
        self._due += (job,)
        self._seals.soon()
        return sealing

    def give_up(self, archive: OpenArchive) -> None:
        """Have an archive's file closed as it is; recovery will seal it."""
        job = partial(self._release, archive)
        self._left += (archive,)
        self._due += (job,)
        self._seals.soon()

    def unsealed(self) -> Iterator[OpenArchive]:
        """Yield the archives that wait to be sealed, whose records may have to be synced."""
        return (archive for archive in list(self._held) if not archive.sealed)

    def files(self) -> list[OpenArchive]:
        """Return the archives whose files are open here."""
        return [*self._held, *self._left]

    def run(self, seconds: float) -> bool:
        """Seal what was handed over, and wait until callbacks were told of it, for so long."""
        do(self._due, self._sealing, self._not_done)
        theirs = self._tells.is_alive() and self.behind is None and not self._callback.empty
        if current_thread() is self._tells or not theirs:
            do(self._news, self._telling, self._not_told)
            return True
        told = Flag()
        self._awaiting.append(told)
        self._tells.soon()
        if told.wait(seconds):
            return True
        _log.error("a callback has not returned for %.1f s; it is not waited for", seconds)
        return False

    def finish(self, seconds: float) -> list[Exception]:
        """Do everything for the last time, and close the files; return what it failed with.

        Callbacks are waited for so long. Those that were not told by then are told nevertheless,
        if the process lives long enough.
        """
        self._seals.stop()
        if not self.behind:
            self._try_again()
            self.behind = not self.run(seconds)
        # From here on nobody waits for that thread: an interrupted call, done again, tells itself.
        self._tells.stop()
        for archive in [it for it in self.files() if not it.sealed]:
            self._release(archive)
        return [*self._gone, *self._failed.values()]

    def _have(self, job: Job) -> None:
        """Have a job done after those that are due."""
        self._due.append(job)
        self._seals.soon()

    def _announce(self, tell: Job) -> None:
        """Have the callbacks told something after what they were told before."""
        self._news.append(tell)
        self._tells.soon()

    def _seal_due(self) -> float:
        if self._look is not None and monotonic() >= self._look:
            self._look = None
            # On the thread of the callbacks: they are told of what is found.
            self._announce(self._gather_again)
        self._try_again()
        do(self._due, self._sealing, self._not_done)
        if not self._failed:
            self._complaints.over("due")
        return AGAIN

    def _tell_due(self) -> float:
        awaiting = [self._awaiting.popleft() for _ in range(len(self._awaiting))]
        do(self._news, self._telling, self._not_told)
        for told in awaiting:
            told.set()
        return threading.TIMEOUT_MAX

    def _try_again(self) -> None:
        """Make due what failed; nothing else in it can have changed."""
        failed, self._failed = self._failed, {}
        self._due.extend(failed)

    def _not_done(self, job: Job, error: Exception) -> None:
        """Have a job tried again that has met what it does not expect."""
        self._complaints.say("due", f"what is due for archives is tried again: {cause(error)}")
        self._failed[job] = error

    def _not_told(self, tell: Job, error: Exception) -> None:
        self._not_done(partial(self._announce, tell), error)

    def _seal(self, sealing: Sealing) -> None:
        archive = sealing.archive
        before, sealing.error = sealing.error, None
        try:
            with archive.commit_lock:
                path = archive.seal()
        except Exception as error:  # noqa: BLE001 - whatever it is, the archive stays
            sealing.error = error
            if str(error) != str(before):
                _log.error("%s: can't be sealed now: %s", archive.path, error)
            self._not_sealed(sealing, error)
        else:
            _log.info("%s: sealed with %d records (%s)", path, archive.records, sealing.reason)
            self._noted.append((ROLLS, 1, reason_label(sealing.reason)))
            self._announce(partial(self._tell, archive, path))

    def _not_sealed(self, sealing: Sealing, error: Exception) -> None:
        """Make what can be durable; what is in doubt goes into another archive."""
        archive = sealing.archive
        with archive.commit_lock, suppress(OSError):
            archive.commit()
        if isinstance(error, ArchiveGone):
            self._gone.append(error)
        if archive.finished:
            self._write_again(archive, list(archive.carried()))
        else:
            self._failed[partial(self._seal, sealing)] = error

    def _write_again(self, archive: OpenArchive, blocks: Sequence[Block]) -> None:
        """Write an archive's blocks again; until they are, it is one that waits to be sealed."""
        try:
            self._salvage(blocks)
        except OSError as error:
            self._failed[partial(self._write_again, archive, blocks)] = error
        else:
            self._release(archive)

    def _gather_again(self) -> None:
        if self._failed:
            # Among it may be what has been told, and could not be offered.
            self.look_again()
            return
        try:
            self.gather()
        except OSError as error:
            _log.error("what is left in the spool can't be looked for: %s", error)
            self.look_again()

    def _tell(self, archive: OpenArchive, path: Path) -> None:
        try:
            checksums = archive.checksums
            kept = self._callback.on_close(path)
            # What a callback has put in its place has other digests.
            self._offer_now(kept, checksums if kept == path else {})
        finally:
            self._release(archive)

    def _tell_recovered(self, path: Path) -> None:
        self._offer_now(self._callback.on_close(path), {})

    def _offer_now(self, path: Path, checksums: Mapping[str, str]) -> None:
        if self._shipper is None:
            return
        try:
            self._shipper.offer(path, checksums)
        except Exception as error:  # noqa: BLE001 - nor is it told once more
            _log.error("%s: can't be offered now: %s", path, error)
            self._failed[partial(self._offer_now, path, checksums)] = error

    def _release(self, archive: OpenArchive) -> None:
        with archive.commit_lock:
            archive.release()
        if not archive.sealed:
            self.look_again()
        for held in (self._held, self._left):
            with suppress(ValueError):
                held.remove(archive)
        if self._shipper is not None:
            # Its lock is free now for whoever ships it.
            self._shipper.wake()
