"""Bringing the archives of a spool to one destination."""

from __future__ import annotations

import hashlib
import logging
import random
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from threading import Event, Thread
from time import monotonic
from typing import Any, BinaryIO

from shoebox.archive.frames import Frames, Located
from shoebox.archive.source import Bytes
from shoebox.delivery import Deliveries, Delivery, Stand
from shoebox.destination import Destination
from shoebox.errors import (
    FormatError,
    InvalidName,
    StorageDenied,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.retrying import CAP, RetryingBackend
from shoebox.spool import Spool
from shoebox.storage import StorageBackend

_log = logging.getLogger(__name__)

RESCAN = 30.0
"""Seconds after which a destination looks for what other processes have offered."""

AGAIN = 0.5
"""Seconds after which it looks again at what another process ships, or what failed here."""

_CHUNK = 1 << 20


class Uploader(Thread):
    """Ships to one destination, one archive after the other."""

    def __init__(
        self,
        destination: Destination,
        spool: Spool,
        deliveries: Deliveries,
        names: Sequence[str],
        *,
        stop: Event,
        notify: Callable[[], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(name=destination.name, daemon=True)
        self._destination = destination
        self._backend = RetryingBackend(destination.backend, self._pause, jitter=jitter)
        self._spool = spool
        self._deliveries = deliveries
        self._names = list(names)
        self._stop_event = stop
        self._notify = notify
        self._todo: dict[str, None] = {}
        """Names of the archives that are to be stored here, in their order."""
        self._next_scan: float | None = None
        """When to look for what others have offered; None if it was never done."""
        self.wake = Event()
        self.denied = ""
        """Why the service refuses everything, if it does."""
        self.trouble = ""
        """Why it is being waited for, if it is."""
        self.refused: dict[str, str] = {}
        """Archives that it refused for good, and why; the next start tries them again."""

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do that trying again could help."""
        if self._next_scan is None:
            return False
        return bool(self.denied) or not self._todo

    def add(self, name: str) -> None:
        """Take in an archive that was offered."""
        self._todo[name] = None
        self.wake.set()

    def run(self) -> None:
        """Ship what is offered until told to stop."""
        try:
            while not self._stop_event.is_set():
                self.wake.clear()
                seconds = self._pass()
                self._notify()
                if self.denied:
                    self._stop_event.wait(seconds)
                else:
                    self.wake.wait(seconds)
        finally:
            self._backend.close()
            self._notify()

    def _pass(self) -> float:
        """Ship what is to be shipped; return the seconds after which to look again."""
        try:
            self._scan()
            for name in list(self._todo):
                if self._stop_event.is_set():
                    break
                if self._try(name):
                    self._todo.pop(name, None)
                self._notify()
        except StorageDenied as error:
            if not self.denied:
                _log.error("%s: paused: %s", self.name, error)
            self.denied = str(error)
            return CAP
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            self._note_trouble(error)
        return AGAIN if self._todo else RESCAN

    def _scan(self) -> None:
        """Look, now and then, for what other processes have offered."""
        if self._next_scan is not None and monotonic() < self._next_scan:
            return
        offered = dict.fromkeys(self._deliveries.offered())
        self.refused = {name: why for name, why in self.refused.items() if name in offered}
        self._todo.update((name, None) for name in offered if name not in self.refused)
        self._next_scan = monotonic() + RESCAN

    def _try(self, name: str) -> bool:
        """Bring one archive a step on; tell whether it is done with here."""
        try:
            done = self._ship(name)
        except (StorageUnavailable, StorageDenied):
            raise
        except OSError as error:
            # Such as no more descriptors: it is tried again.
            self._note_trouble(error)
            return False
        self.denied = ""
        return done

    def _ship(self, name: str) -> bool:
        """Store an archive if that is to be done, remove it if all have it."""
        if not self._spool.directory.exists(name):
            self._deliveries.forget(name, self._names)
            return True
        delivery = self._deliveries.read(name)
        if delivery.stored_in([self.name]) and not delivery.stored_in(self._names):
            return True
        with self._deliveries.claimed(name) as held:
            if not held:
                return False
            delivery = self._deliveries.read(name)
            if not delivery.stored_in([self.name]) and name not in self.refused:
                delivery = self._store(name)
            if delivery.stored_in(self._names):
                self._deliveries.finish(name, self._names)
        return True

    def _store(self, name: str) -> Delivery:
        stand = Stand()
        try:
            stand.key = self._put(name)
            stand.stored = datetime.now(UTC).isoformat()
            _log.info("%s: stored in %s as %s", name, self.name, stand.key)
        except OSError:
            # Unavailable or denied, or something here: the archive is not to blame.
            raise
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            _log.error("%s: can't be stored in %s: %s", name, self.name, error)
            stand.error = self.refused[name] = str(error)
        self.trouble = ""
        return self._deliveries.note(name, self.name, stand)

    def _put(self, name: str) -> str:
        """Store an archive, compare what is there with what is here, and return its key."""
        identity = archive_id(self._spool, name)
        if identity is None:
            raise InvalidName(f"{name}: is not an archive, and not shipped")
        key = self._destination.key(name, identity)
        sha256 = _checksums(self._spool, name, ["sha256"])["sha256"]
        self._backend.put(key, self._spool.path / name, {"archive": identity, "sha256": sha256})
        self._backend.retry(
            f"verify {key}",
            lambda: _verify(self._destination.backend, key, self._spool, name, sha256),
        )
        return key

    def _pause(self, seconds: float, error: StorageUnavailable) -> bool:
        self.trouble = str(error)
        self._notify()
        return self._stop_event.wait(seconds)

    def _note_trouble(self, error: Exception) -> None:
        """Log what keeps archives here, once for as long as it stays the same."""
        if str(error) != self.trouble and not self._stop_event.is_set():
            _log.error("%s: can't ship now: %s", self.name, error)
        self.trouble = str(error)


def archive_id(spool: Spool, name: str) -> str | None:
    """Return what makes a file's key its own, None if it does not begin as an archive does.

    The archive's id; in version 1, which has none, the SHA-256 of its bytes.
    """
    with spool.directory.reading(name) as file:
        try:
            first = Frames(Bytes(file)).at(0)
        except FormatError:
            return None
    if isinstance(first, Located):
        return first.frame.archive_id.hex()
    return None if first is None else _checksums(spool, name, ["sha256"])["sha256"][:32]


def _verify(backend: StorageBackend, key: str, spool: Spool, name: str, sha256: str) -> None:
    """Compare what is stored with the file: by the service's checksum, else by reading it."""
    info = backend.stat(key)
    stored = {kind: info.checksums[kind] for kind in _DIGESTS if kind in info.checksums}
    if not stored:
        with backend.open(key) as file:
            stored = _digests(file, ["sha256"])
    local = {"sha256": sha256}
    local |= _checksums(spool, name, stored.keys() - local)
    size = spool.directory.stat(name).st_size
    if info.size != size or any(local[kind] != stored[kind] for kind in stored):
        raise StorageRejected(
            f"what is stored under {key} ({info.size} bytes) is not the archive ({size} bytes); "
            "it stays here: look at the object"
        )


_DIGESTS: dict[str, Callable[[], Any]] = {
    "sha256": hashlib.sha256,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}


def _checksums(spool: Spool, name: str, kinds: Collection[str]) -> dict[str, str]:
    if not kinds:
        return {}
    with spool.directory.reading(name) as file:
        return _digests(file, kinds)


def _digests(file: BinaryIO, kinds: Collection[str]) -> dict[str, str]:
    """Return the checksums of a file, in hexadecimal, in one pass."""
    digests = {kind: _DIGESTS[kind]() for kind in kinds}
    while chunk := file.read(_CHUNK):
        for digest in digests.values():
            digest.update(chunk)
    return {kind: digest.hexdigest() for kind, digest in digests.items()}
