"""Shipping: put an archive in every backend, verify it there, then remove it here.

The offered archives of the spool are the queue. Each destination has a thread of its
own, so that one that is down or slow holds up nothing but itself.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic

from shoebox.callback import Callback, CallbackList
from shoebox.claims import give_back
from shoebox.complaints import Complaints
from shoebox.delivery import Deliveries, Delivery, Stand, identity_of
from shoebox.destination import Destination
from shoebox.errors import ConfigError, NotOurs
from shoebox.escaping import logger
from shoebox.metrics import SILENT, Metrics, guarded
from shoebox.spool import Spool
from shoebox.starting import apart, start
from shoebox.uploader import Uploader
from shoebox.waking import Flag, Waker

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An archive that is not stored everywhere yet."""

    name: str
    destination: str
    reason: str
    final: bool
    """Whether trying again would not help."""


class Shipper:
    """Ships what a spool holds to its destinations, in the background.

    No thread runs before `start`. `callback` is for archives that an earlier process
    sealed and did not offer; ConfigError is raised if it takes them away. `stored` is called
    with the names of archive and destination, by a thread of that destination's, whenever one
    was stored. `jitter` gives the fraction of a backoff that is waited. `metrics` hears of
    what was stored and what failed.
    """

    def __init__(
        self,
        spool: Spool,
        destinations: Sequence[Destination],
        callback: Callback | None = None,
        *,
        stored: Callable[[str, str], None] = lambda _archive, _destination: None,
        jitter: Callable[[], float] = random.random,
        metrics: Metrics = SILENT,
    ) -> None:
        self._spool = spool
        self._destinations = list(destinations)
        self._callback = CallbackList([] if callback is None else [callback])
        if self._destinations and not self._callback.keeps_file:
            raise ConfigError(
                "a callback moves or deletes archives, which storage has to find in the spool: "
                "leave one of the two out"
            )
        self._stored = stored
        self._jitter = jitter
        self._metrics = guarded(metrics)
        self._metrics.watch(spool.path)
        self._forked = False
        self._complaints = Complaints(_log)
        """Names of what is no archive, of which it was told."""
        self._names = [it.name for it in self._destinations]
        self.kinds = frozenset({"sha256"}).union(*(it.backend.checksums for it in destinations))
        """The digests of an archive that shipping it takes."""
        self._begin()

    def _begin(self) -> None:
        """Set up what belongs to one process."""
        self._deliveries = Deliveries(self._spool)
        self._workers: list[Uploader] = []
        self._starting = Lock()
        self._stop = Flag()
        self._awaiting: set[Waker] = set()
        """Those who wait for a destination to come a step on."""

    def offer(self, path: Path, checksums: Mapping[str, str] | None = None) -> None:
        """Take in a sealed archive whose callbacks have run; raise OSError where the disk fails.

        `checksums` are those digests of it that are known already.
        """
        if not self._is_in_spool(path):
            _log.error("%s: a callback took it out of the spool; it is not shipped", path)
            return
        self._deliveries.offer(path.name, checksums)
        for worker in self._workers:
            worker.add(path.name)

    def pick_up(self) -> bool:
        """Offer the sealed archives that an earlier process did not, after their callbacks.

        Return whether none is left that the disk kept from being offered.
        """
        every = True
        offered = set(self._deliveries.offered())
        for name in self._spool.sealed():
            try:
                fd = None if name in offered else self._held(name)
                if fd is not None and self._pick_up(name, fd):
                    self._complaints.over(name)
            except OSError as error:
                path = self._spool.path / name
                self._complaints.say(name, f"{path}: can't be offered now: {error}")
                every = False
        return every

    def start(self) -> None:
        """Start a thread for each destination; a second time changes nothing."""
        apart(self._start)

    def resume(self) -> None:
        """Start, if an earlier process has left something to be shipped."""
        if self._deliveries.offered():
            self.start()

    @property
    def alive(self) -> bool:
        """Whether a thread is still at work."""
        return any(worker.is_alive() for worker in self._workers)

    @property
    def quarantined(self) -> dict[str, str]:
        """The names in quarantine of archives that were put there since the start, by their own."""
        found: dict[str, str] = {}
        for worker in self._workers:
            found |= worker.quarantined
        return found

    @property
    def lost(self) -> set[str]:
        """The archives that somebody removed before they were stored, as was found since then."""
        return self._deliveries.lost

    def waiting(self) -> list[Waiting]:
        """Return what is not stored yet, and why."""
        troubles = {worker.name: worker for worker in self._workers}
        found = []
        for name in self._deliveries.offered():
            delivery = self._delivery(name)
            for destination in self._names:
                stand = delivery.stand(destination)
                if stand.stored is None:
                    worker = troubles.get(destination)
                    found.append(_waiting(name, destination, stand, worker))
        return found

    def not_offered(self, names: Iterable[str]) -> list[Waiting]:
        """Return what archives wait for whose callbacks have not returned yet."""
        reason = "its callbacks have not returned"
        return [Waiting(it, name, reason, final=False) for it in names for name in self._names]

    def drain(self, timeout: float) -> list[Waiting]:
        """Ship until nothing waits that trying again could help; return what does still.

        `timeout` is in seconds.
        """
        self.start()
        self.wake()
        self._wait_until(self._is_settled, timeout)
        return self.waiting()

    def close(self, timeout: float) -> list[Waiting]:
        """Drain, then stop; what waits still is left to the next start, and returned."""
        deadline = monotonic() + timeout
        waiting = self.drain(timeout) if self._deliveries.offered() else []
        self._stop.set()
        self.wake()
        for worker in self._workers:
            worker.join(max(0.0, deadline - monotonic()))
        if not self._workers and not self._forked:
            # A child has none of its own, and may not touch its parent's.
            for destination in self._destinations:
                destination.backend.close()
        return waiting

    def locks(self) -> Iterator[Lock]:
        """Yield what is to be held while the process forks."""
        yield self._deliveries.lock
        yield self._deliveries.claims.lock

    def after_fork(self) -> None:
        """Begin anew in a forked child, where the parent's threads and connections are not."""
        self._forked = True
        self._deliveries.after_fork()
        self._begin()

    def _start(self) -> None:
        with self._starting:
            if self._stop.is_set():
                return
            if not self._workers:
                if self._forked:
                    # Not in the fork itself: few children ever write.
                    self._destinations = [it.reopened() for it in self._destinations]
                self._workers = [self._uploader(it) for it in self._destinations]
            start(*self._workers)

    def _uploader(self, destination: Destination) -> Uploader:
        return Uploader(
            destination,
            self._spool,
            self._deliveries,
            self._names,
            kinds=self.kinds,
            stop=self._stop,
            notify=self._notify,
            stored=self._stored,
            jitter=self._jitter,
            metrics=self._metrics,
        )

    def _delivery(self, name: str) -> Delivery:
        """Return how far an archive is; of one whose state can't be read that is the error."""
        try:
            return self._deliveries.read(name)
        except OSError as error:
            unknown = Stand(error=f"its state can't be read: {error}")
            return Delivery(destinations=dict.fromkeys(self._names, unknown))

    def _held(self, name: str) -> int | None:
        """Return an archive's lock, None if it can't be had; of what is none it is told once."""
        try:
            return self._spool.hold(name)
        except NotOurs as error:
            self._complaints.say(name, f"left alone: {error}")
            return None

    def _pick_up(self, name: str, fd: int) -> bool:
        """Offer what is held; tell whether it is an archive."""
        try:
            # Another process may have offered it before the lock was had.
            if self._deliveries.is_offered(name):
                return True
            path = self._spool.path / name
            if identity_of(self._spool, name) is None:
                self._complaints.say(name, f"{path}: is no archive, and left alone")
                return False
            back = self._deliveries.take_back(name)
            self.offer(path if back else self._callback.on_close(path))
            return True
        finally:
            give_back(fd)

    def _is_in_spool(self, path: Path) -> bool:
        """Tell whether a path, which a callback may spell in its own way, is a file there.

        The spool itself may have been renamed: what is in it waits until it is back.
        """
        directory = self._spool.directory
        if not directory.exists(path.name):
            return False
        if path.parent == self._spool.path:
            return True
        try:
            return os.path.samestat(path.parent.stat(), os.fstat(directory.fd))
        except FileNotFoundError:
            return False

    def _is_settled(self) -> bool:
        return all(worker.settled or not worker.is_alive() for worker in self._workers)

    def _wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait for so many seconds at most; tell whether the condition holds."""
        deadline, waker = monotonic() + timeout, Waker()
        try:
            self._awaiting.add(waker)
            while not condition() and (left := deadline - monotonic()) > 0:
                waker.wait(left)
        finally:
            self._awaiting.discard(waker)
        return condition()

    def wake(self) -> None:
        """Have the destinations look for what was offered since."""
        for worker in self._workers:
            worker.waker.wake()

    def _notify(self) -> None:
        for waker in tuple(self._awaiting):
            waker.wake()


def _waiting(name: str, destination: str, stand: Stand, worker: Uploader | None) -> Waiting:
    refused = None if worker is None else (worker.refused | worker.denials).get(name)
    if refused is not None:
        return Waiting(name, destination, refused, final=True)
    if worker is not None and worker.denied:
        return Waiting(name, destination, worker.denied, final=True)
    trouble = "" if worker is None else worker.trouble
    return Waiting(name, destination, trouble or stand.error or "not tried yet", final=False)
