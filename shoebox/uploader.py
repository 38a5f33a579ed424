"""Bringing the archives of a spool to one destination."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import Thread
from time import monotonic, time

from shoebox.backoff import CAP, Backoff
from shoebox.delivery import Deliveries, Delivery, now
from shoebox.destination import Destination
from shoebox.errors import StorageDenied, StorageUnavailable
from shoebox.escaping import logger, sentence
from shoebox.metrics import FAILED, LAST_STORED, SILENT, STORED, Metrics
from shoebox.retrying import RetryingBackend
from shoebox.sending import Sender
from shoebox.spool import Spool
from shoebox.waking import Flag, Waker

_log = logger(__name__)

RESCAN = 30.0
"""Seconds after which a destination looks for what other processes have offered."""

AGAIN = 0.5
"""Seconds after which it looks again at what another process ships."""

TRIES = 5
"""How often one archive is tried while the service is unavailable, before others are."""

_ALL = ""
"""What backs off where no archive is to blame."""


class Uploader(Thread):
    """Ships to one destination, one archive after the other."""

    def __init__(
        self,
        destination: Destination,
        spool: Spool,
        deliveries: Deliveries,
        names: Sequence[str],
        *,
        kinds: frozenset[str],
        stop: Flag,
        notify: Callable[[], None],
        stored: Callable[[str, str], None] = lambda _archive, _destination: None,
        jitter: Callable[[], float] = random.random,
        metrics: Metrics = SILENT,
    ) -> None:
        super().__init__(name=destination.name, daemon=True)
        self._backend = RetryingBackend(destination.backend, self._pause, jitter=jitter)
        self._backoff = Backoff(jitter)
        """When to try again what failed here."""
        self._sender = Sender(destination, self._backend, spool, deliveries, kinds)
        self._spool = spool
        self._deliveries = deliveries
        self._names = list(names)
        self._ending = stop
        self._notify = notify
        self._tell_stored = stored
        self._metrics = metrics
        for metric in (STORED, FAILED):
            metrics.tell(metric, 0, self.name)  # so that the first one is seen to be one more
        self._todo: dict[str, None] = {}
        """Names of the archives that are to be stored here, in their order."""
        self._next_scan: float | None = None
        """When to look for what others have offered; None if it was never done."""
        self._pardon = monotonic() + CAP
        """When to try again what was refused."""
        self._sending = ""
        """The archive that is being sent, if one is."""
        self._pauses = 0
        """How often it was unavailable for that."""
        self._stores = 0
        """Archives that were stored of late: what it refuses then is not refused with all."""
        self._told: set[str] = set()
        """What has held up archives since one was stored."""
        self.waker = Waker()
        self.denied = ""
        """Why the service refuses everything, if it does."""
        self.trouble = ""
        """Why it is being waited for, if it is."""
        self.refused: dict[str, str] = {}
        """Archives that it refused for good, and why; they are tried again now and then."""
        self.denials: dict[str, str] = {}
        """Archives that it denies while it takes others, and why: tried again ever more rarely."""
        self.quarantined: dict[str, str] = {}
        """The names in quarantine of archives that this thread has put there, by their own."""

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do that trying again could help."""
        if self._next_scan is None:
            return False
        return bool(self.denied) or self._todo.keys() <= self.denials.keys()

    def add(self, name: str) -> None:
        """Take in an archive that was offered."""
        self._todo[name] = None
        self.waker.wake()

    def run(self) -> None:
        """Ship what is offered until told to stop."""
        try:
            while not self._ending.is_set():
                seconds = self._pass()
                self._notify()
                if self.denied:
                    self._ending.wait(seconds)
                else:
                    self.waker.wait(seconds)
        finally:
            self._backend.close()
            self._notify()

    def _pass(self) -> float:
        """Ship what is to be shipped; return the seconds after which to look again."""
        try:
            self._scan()
            self._ship_all()
            if self._stores:
                self._put_aside()
            self._backoff.worked(_ALL)
            return min([RESCAN, *(self._backoff.seconds(it) or AGAIN for it in [*self._todo])])
        except StorageDenied as error:
            if not self.denied:
                _log.error("%s: paused: %s", self.name, error)
            self.denied = sentence(error)
            return CAP
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            self._note_trouble(error)
            self._backoff.failed(_ALL)
            self._notify()
            self._ending.wait(self._backoff.seconds(_ALL))
            return AGAIN

    def _ship_all(self) -> None:
        """Bring each archive a step on; raise StorageDenied where it is not one alone."""
        denied: list[tuple[str, StorageDenied]] = []
        before = self._stores
        for name in list(self._todo):
            if self._ending.is_set():
                return
            if self._backoff.seconds(name):
                continue
            try:
                done = self._try(name)
            except StorageDenied as error:
                if name in self.denials:
                    self._backoff.failed(name)
                elif denied:
                    raise
                else:
                    denied.append((name, error))  # the others tell what that means
                continue
            if done:
                self._todo.pop(name, None)
                self.denials.pop(name, None)
            self._notify()
        for name, reason in denied:
            if self._stores == before:
                raise reason
            _log.error("%s: can't be stored in %s: %s", name, self.name, reason)
            self.denials[name] = sentence(reason)
            self._backoff.failed(name)

    def _scan(self) -> None:
        """Look, now and then, for what other processes have offered."""
        if self._next_scan is not None and monotonic() < self._next_scan:
            return
        if monotonic() >= self._pardon:
            # Were others stored long ago, it may be the destination that changed since.
            self.refused, self._stores = {}, 0
            self._pardon = monotonic() + CAP
        offered = dict.fromkeys(self._deliveries.offered())
        self.refused = {name: why for name, why in self.refused.items() if name in offered}
        self._todo.update((name, None) for name in offered if name not in self.refused)
        self._next_scan = monotonic() + RESCAN

    def _try(self, name: str) -> bool:
        """Bring one archive a step on; tell whether it is done with here."""
        try:
            done = self._ship(name)
        except StorageDenied:
            raise
        except StorageUnavailable:
            return False  # each try was told of and waited for: others have their turn
        except OSError as error:
            # Such as no more descriptors: it is tried again, unless another thread has finished it.
            if self._spool.directory.exists(name):
                self._note_trouble(error)
                self._backoff.failed(name)
            return False
        self._backoff.worked(name)
        return done

    def _ship(self, name: str) -> bool:
        """Store an archive if that is to be done, remove it if all have it."""
        if not self._spool.directory.exists(name):
            self._deliveries.forget(name, self._names)
            return True
        delivery = self._deliveries.read(name)
        if delivery.stored_in([self.name]) and not delivery.stored_in(self._names):
            return True
        with self._deliveries.claims.on(name) as held:
            if not held:
                return False
            delivery = self._deliveries.read(name)
            if not delivery.stored_in([self.name]) and name not in self.refused:
                delivery = self._store(name, delivery)
            if delivery.stored_in(self._names):
                self._deliveries.finish(name, self._names)
        return True

    def _store(self, name: str, delivery: Delivery) -> Delivery:
        """Store an archive, and note what came of it."""
        before, self._sending, self._pauses = delivery.stand(self.name), name, 0
        try:
            key = self._sender.send(name)
        except OSError as error:
            # Unavailable or denied, or something here: the archive is not to blame.
            self._note_error(error)
            if not isinstance(error, StorageUnavailable):  # of those each try was told
                self._metrics.tell(FAILED, 1, self.name)
            raise
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            self._metrics.tell(FAILED, 1, self.name)
            if sentence(error) != before.error:
                _log.error("%s: can't be stored in %s: %s", name, self.name, error)
            self.refused[name] = sentence(error)
            stand = replace(before, error=sentence(error), refusals=before.refusals + 1)
        else:
            _log.info("%s: stored in %s as %s", name, self.name, key)
            stand = replace(before, key=key, stored=now(), error=None)
            self._stores += 1
        finally:
            self._sending = ""
        noted = self._deliveries.note(name, self.name, stand)
        self.trouble = self.denied = ""
        self._told.clear()
        if stand.stored is not None:
            self._metrics.tell(STORED, 1, self.name)
            self._metrics.tell(LAST_STORED, time(), self.name)
            self._tell_stored(name, self.name)
        return noted

    def _put_aside(self) -> None:
        """Put into quarantine what is refused again and again, while others are stored."""
        for name in list(self.refused):
            delivery = self._deliveries.read(name)
            if delivery.is_poison(self._names):
                try:
                    with self._deliveries.claims.on(name) as held:
                        if held:
                            self._quarantine(name, delivery)
                except OSError as error:
                    self._note_trouble(error)

    def _quarantine(self, name: str, delivery: Delivery) -> None:
        errors = sorted({it.error for it in delivery.destinations.values() if it.error})
        taken = self._deliveries.quarantine(name)
        del self.refused[name]
        if taken is not None:
            self.quarantined[name] = taken
            _log.error(
                "%s: is in quarantine as %s, since it was refused each time while others were "
                "taken: %s; put that right, and rename it back",
                name,
                taken,
                "; ".join(errors),
            )

    def _pause(self, seconds: float, error: StorageUnavailable) -> bool:
        self._note_error(error)
        self._metrics.tell(FAILED, 1, self.name)
        self.trouble = sentence(error)
        self._notify()
        self._pauses += 1
        return self._ending.wait(seconds) or (self._pauses >= TRIES and len(self._todo) > 1)

    def _note_error(self, error: Exception) -> None:
        """Note what holds up the archive that is being sent, for whoever looks at the spool."""
        with suppress(OSError):  # a full disk must not keep it from being shipped
            stand = self._deliveries.read(self._sending).stand(self.name)
            told = sentence(error)
            if self._sending and stand.error != told:
                self._deliveries.note(self._sending, self.name, replace(stand, error=told))

    def _note_trouble(self, error: Exception) -> None:
        """Log what keeps archives here, once until one is stored."""
        self.trouble = sentence(error)
        if self.trouble not in self._told and not self._ending.is_set():
            self._told.add(self.trouble)
            _log.error("%s: can't ship now: %s", self.name, error)
