"""Storing one archive with one destination, and comparing what is there with what is here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from shoebox.archive.identity import Identity
from shoebox.delivery import Deliveries, identity_of
from shoebox.destination import Destination
from shoebox.digests import KINDS, digests
from shoebox.errors import (
    InvalidName,
    KeyCollision,
    ObjectNotFound,
    StorageError,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.escaping import logger
from shoebox.retrying import UNAVAILABLE, RetryingBackend
from shoebox.spool import Spool
from shoebox.storage import ObjectInfo

_log = logger(__name__)

MENDS = 3
"""How often one archive that was stored wrong is removed there and sent again."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """An archive, and what its object is to be."""

    name: str
    key: str
    size: int
    metadata: dict[str, str]
    checksums: dict[str, str]


class Sender:
    """Stores archives of a spool with one destination; `retrying` is its backend, wrapped.

    Every try does the whole again: the put, which finds what an earlier one stored, and
    the comparison. `kinds` are the digests that are made of an archive, in one pass.
    """

    def __init__(
        self,
        destination: Destination,
        retrying: RetryingBackend,
        spool: Spool,
        deliveries: Deliveries,
        kinds: frozenset[str],
    ) -> None:
        self._destination = destination
        self._backend = destination.backend
        self._retrying = retrying
        self._spool = spool
        self._deliveries = deliveries
        self._kinds = kinds
        self._mends: Counter[str] = Counter()
        """By the archives' keys."""

    def send(self, name: str) -> str:
        """Store the archive, compare it, and return its key; raise what a backend may raise."""
        identity = identity_of(self._spool, name)
        if identity is None:
            raise InvalidName(f"{name}: is not an archive, and not shipped")
        archive = self._described(name, identity)
        self._retrying.retry(f"store {archive.key}", lambda: self._try(archive))
        self._mends.pop(archive.key, None)
        return archive.key

    def _described(self, name: str, identity: Identity) -> _Sent:
        key = self._destination.key(name, identity)
        size = self._spool.directory.stat(name).st_size
        checksums = self._deliveries.checksums(name, self._kinds)
        named = {"sha256", *self._backend.checksums}
        metadata = identity.metadata() | {kind: checksums[kind] for kind in sorted(named)}
        return _Sent(name, key, size, metadata, checksums)

    def _try(self, archive: _Sent) -> None:
        try:
            self._backend.put(archive.key, self._spool.path / archive.name, archive.metadata)
            self._compare(archive)
        except UNAVAILABLE:
            # A service that finds the checksum wrong each time may be right.
            self._check_here(archive)
            raise
        except KeyCollision:
            info = self._stat(archive)
            if not self._is_equal(archive, info):
                self._mend(archive, info)
            raise

    def _compare(self, archive: _Sent) -> None:
        """Raise a StorageError unless what is stored is the archive."""
        info = self._stat(archive)
        if not self._is_equal(archive, info):
            self._mend(archive, info)
            raise StorageRejected(
                f"what is stored under {archive.key} ({info.size} bytes) is not the archive "
                f"({archive.size} bytes); it stays here: look at the object"
            )

    def _stat(self, archive: _Sent) -> ObjectInfo:
        try:
            return self._backend.stat(archive.key)
        except ObjectNotFound as error:
            raise _gone(archive) from error

    def _is_equal(self, archive: _Sent, info: ObjectInfo) -> bool:
        """Compare the size, and the content by the service's checksums, else by reading it."""
        if info.size != archive.size:
            return False
        stored = {kind: info.checksums[kind] for kind in KINDS & info.checksums.keys()}
        if not stored or self._destination.verify == "get":
            stored |= self._read(archive)
        return stored == self._deliveries.checksums(archive.name, stored)

    def _read(self, archive: _Sent) -> dict[str, str]:
        """Return the SHA-256 of what is stored; what is said to be there and is not may come."""
        try:
            with self._backend.open(archive.key) as file:
                return digests(file, ["sha256"])
        except ObjectNotFound as error:
            raise _gone(archive) from error

    def _mend(self, archive: _Sent, info: ObjectInfo) -> None:
        """Remove an object that is not the archive, if it says that it is: our own, gone wrong.

        Raise StorageUnavailable then, so that the archive is sent again; StorageRejected if it is
        the archive that has gone wrong here, when the object may be all there is of it.
        """
        said = info.metadata
        ours = all(said.get(key) == archive.metadata[key] for key in ("archive", "sha256"))
        given_up = self._mends[archive.key] >= MENDS
        if not ours or given_up:
            return
        self._check_here(archive)
        self._mends[archive.key] += 1
        _log.warning("%s: what was stored is not what was sent; sending it again", archive.key)
        try:
            self._backend.delete(archive.key)
        except (ObjectNotFound, StorageUnavailable):
            pass
        except StorageError as error:
            _log.error("%s: can't be removed: %s", archive.key, error)
            return
        raise StorageUnavailable(f"{archive.key}: was stored with other bytes than were sent")

    def _check_here(self, archive: _Sent) -> None:
        """Raise StorageRejected if the archive is not what it was when it was sealed."""
        here = self._deliveries.digests(archive.name, archive.checksums)
        if here != archive.checksums:
            raise StorageRejected(
                f"{archive.name}: was changed here since it was sealed, and is not sent: see what "
                "is left of it with shoebox verify"
            )


def _gone(archive: _Sent) -> StorageUnavailable:
    return StorageUnavailable(f"{archive.key}: was stored, and is not there; it is sent again")
