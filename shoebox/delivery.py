"""Where each archive of a spool stands with each backend: its `NAME.delivery`.

The file makes the archive one that is offered for shipping: its callbacks have run.
It is JSON, replaced as a whole, durably, whenever something in it changes:

    {"archive": ID, "offered": ISO 8601, "checksums": {"sha256": …, …},
     "destinations": {NAME: {"key": …, "stored": ISO 8601 or null, "error": …, "refusals": 0}}}

ID is the archive's own: where a state has outlived its archive, it says nothing of another one
that has the name now. That of an archive in quarantine, `NAME.corrupt`, is
`NAME.corrupt.delivery`.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from threading import Lock, RLock

import msgspec

from shoebox.archive.identity import Identity, identify
from shoebox.claims import Claims
from shoebox.digests import digests
from shoebox.escaping import logger, sentence
from shoebox.files import NO_FILE, numbered
from shoebox.spool import CORRUPT, DELIVERY, Spool

_log = logger(__name__)

_LIMIT = 1 << 20

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

POISON = 3
"""How often every destination that has not stored an archive must have refused it, for good
by its own word, before it is put into quarantine."""


@dataclass(slots=True)
class Stand:
    """How far the delivery to one destination is."""

    key: str | None = None
    stored: str | None = None
    """When size and checksum there were compared, ISO 8601 in UTC."""
    error: str | None = None
    """What went wrong last."""
    refusals: int = 0
    """How often it was refused for good."""

    def __post_init__(self) -> None:
        if self.error is not None:
            # A plugin may have said it, or whoever has changed the file.
            self.error = sentence(self.error)


@dataclass(slots=True)
class Delivery:
    """How far the delivery of one archive is."""

    archive: str | None = None
    """The archive's id; None where it can't be told."""
    offered: str | None = None
    """Since when it waits, ISO 8601 in UTC."""
    checksums: dict[str, str] = field(default_factory=dict)
    """Digests of the archive, by `shoebox.digests`' names, made when it was sealed or offered."""
    destinations: dict[str, Stand] = field(default_factory=dict)
    """By their names."""

    def stand(self, name: str) -> Stand:
        """Return how it stands with a destination."""
        return self.destinations.get(name, Stand())

    def stored_in(self, names: Sequence[str]) -> bool:
        """Tell whether each of these destinations has it."""
        return all(self.stand(name).stored is not None for name in names)

    def is_poison(self, names: Sequence[str]) -> bool:
        """Tell whether those of these destinations that don't have it won't ever take it."""
        stands = [self.stand(name) for name in names]
        return not self.stored_in(names) and all(
            stand.stored is not None or stand.refusals >= POISON for stand in stands
        )


# Made here, before there are threads: two that ask msgspec for a dataclass it does not know yet,
# at the same time, crash the process.
_decode = msgspec.json.Decoder(Delivery).decode

_Mark = tuple[int, ...]


def _mark(fd: int) -> _Mark:
    """Return what is another for every file, and once a file has been changed."""
    found = os.fstat(fd)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class Deliveries:
    """The deliveries of a spool, and this process's claims on its archives."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.claims = Claims(spool)
        self.lock = Lock()
        """Held while a state changes."""
        self._hashing = RLock()
        self._made: dict[str, tuple[_Mark, dict[str, str]]] = {}
        """The digests that were made of archives, and of what file each."""
        self._unwritten: dict[str, Delivery] = {}
        """States that a full disk had no room for: what they let go makes some."""
        self.lost: set[str] = set()
        """Archives that were found removed before they were stored everywhere."""

    def offer(self, name: str, checksums: Mapping[str, str] | None = None) -> None:
        """Say that an archive, whose callbacks have run, is to be shipped.

        `checksums` are those digests of it that are known already.
        """
        with self.lock:
            if not self.is_offered(name):
                delivery = Delivery(self._id(name), now(), dict(checksums or {}))
                self._note(name, delivery)

    def is_offered(self, name: str) -> bool:
        """Tell whether an archive, and not an earlier one of its name, is to be shipped."""
        return self.read(name).offered is not None

    def offered(self) -> list[str]:
        """Return the names of the archives that are to be shipped, sorted."""
        with self._spool.directory.listing() as entries:
            regular = {entry.name: entry.is_file(follow_symlinks=False) for entry in entries}
        states = [it for it in regular if it.endswith(DELIVERY)]
        names = [it.removesuffix(DELIVERY) for it in states if not it.endswith(CORRUPT + DELIVERY)]
        # What has the name of a state, and is none, is not ours unless it is beside an archive.
        found = {it for it in names if regular[it + DELIVERY] or it in regular}
        return sorted(found | {*self._unwritten})

    def checksums(self, name: str, kinds: Collection[str]) -> dict[str, str]:
        """Return these digests of an archive, each made once and noted in its state.

        So what was changed on this disk since is not taken for what was written.
        """
        with self._hashing:
            known = self.read(name).checksums
            made = self.digests(name, set(kinds) - known.keys())
            if made:
                with self.lock:
                    delivery = self.read(name)
                    delivery.checksums |= made
                    self._note(name, delivery)
            return {kind: (known | made)[kind] for kind in kinds}

    def digests(self, name: str, kinds: Collection[str]) -> dict[str, str]:
        """Return these digests of an archive as it is now; it is read once, unless it changes."""
        if not kinds:
            return {}
        with self._hashing, self._spool.directory.reading(name) as file:
            mark = _mark(file.fileno())
            before, known = self._made.get(name, (mark, {}))
            known = known if before == mark else {}
            known |= digests(file, set(kinds) - known.keys())
            self._made[name] = mark, known
            return {kind: known[kind] for kind in kinds}

    def read(self, name: str) -> Delivery:
        """Return how far an archive is.

        One whose state is another archive's, or garbage, or no file, begins anew; of one that is
        gone it is what its state says.
        """
        archive = self._id(name)
        found = self._unwritten.get(name) or self._read(name)
        return found if archive in {None, found.archive} else Delivery(archive)

    def _read(self, name: str) -> Delivery:
        try:
            return _decode(self._spool.directory.read(name + DELIVERY, _LIMIT))
        except (FileNotFoundError, ValueError, RecursionError):
            return Delivery()
        except OSError as error:
            if error.errno not in NO_FILE:
                raise
            return Delivery()

    def _id(self, name: str) -> str | None:
        """Return an archive's id; None if it is gone or is none."""
        try:
            identity = identity_of(self._spool, name)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in NO_FILE:
                raise
            return None
        return None if identity is None else identity.id

    def note(self, name: str, destination: str, stand: Stand) -> Delivery:
        """Take down, durably, how far an archive is with a destination; return the whole."""
        with self.lock:
            delivery = self.read(name)
            delivery.destinations[destination] = stand
            self._note(name, delivery)
            return delivery

    def finish(self, name: str, destinations: Sequence[str]) -> None:
        """Remove an archive that these destinations have, and its state last.

        Its state is looked at once more: another thread may have finished it, and the
        name may be another archive's by now. The caller holds the claim.
        """
        with self.lock:
            delivery = self.read(name)
            if delivery.stored_in(destinations) and delivery.archive == self._id(name):
                self._spool.directory.remove(name)
                self._remove_state(name)

    def quarantine(self, name: str) -> str | None:
        """Put an archive aside that no destination will take; return its name there.

        None if it is gone. Its state goes with it. The caller holds the claim.
        """
        directory = self._spool.directory
        with self.lock:
            if not directory.exists(name):
                return None
            taken = next(
                free + CORRUPT for free in numbered(name) if not directory.exists(free + CORRUPT)
            )
            self._write(taken, self.read(name))
            directory.rename(name, taken)
            self._remove_state(name)
            return taken

    def take_back(self, name: str) -> bool:
        """Offer an archive that was renamed back from quarantine as it stood before that.

        Tell whether it was; another archive under its name begins anew. In either case the state
        in quarantine is removed. The caller holds the archive's lock.
        """
        aside, directory = name + CORRUPT, self._spool.directory
        with self.lock:
            if directory.exists(aside) or not directory.exists(aside + DELIVERY):
                return False
            delivery = self.read(aside)
            # One that was changed since keeps its digests, so that it is not sent.
            same = delivery.archive == self._id(name)
            if same:
                for stand in delivery.destinations.values():
                    stand.refusals = 0
                self._write(name, delivery)
            self._remove_state(aside)
            return same

    def forget(self, name: str, destinations: Sequence[str]) -> None:
        """Remove the state of an archive that is gone."""
        with self.lock:
            directory = self._spool.directory
            known = name in self._unwritten or directory.exists(name + DELIVERY)
            if directory.exists(name) or not known:
                return
            if not self.read(name).stored_in(destinations):
                self.lost.add(name)
                _log.error("%s: was removed before it was stored everywhere", name)
            self._remove_state(name)

    def after_fork(self) -> None:
        """Forget, in a forked child, the parent's claims."""
        self.lock = Lock()
        self._hashing = RLock()
        self.claims.after_fork()

    def _note(self, name: str, delivery: Delivery) -> None:
        """Take down a state durably; on a full disk keep it here, and go on with what it says.

        Nothing is taken down of an archive that is gone: another thread has finished it.
        """
        if not self._spool.directory.exists(name):
            return
        try:
            self._write(name, delivery)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            self._unwritten[name] = delivery
        else:
            self._unwritten.pop(name, None)

    def _write(self, name: str, delivery: Delivery) -> None:
        content = json.dumps(asdict(delivery), indent=1).encode()
        self._spool.directory.replace(name + DELIVERY, content)

    def _remove_state(self, name: str) -> None:
        # A power cut must not bring the archive back without its state.
        self._spool.directory.sync()
        self._spool.directory.remove(name + DELIVERY)
        self._made.pop(name, None)
        self._unwritten.pop(name, None)


def identity_of(spool: Spool, name: str) -> Identity | None:
    """Return the identity of a file of the spool, None if it is no archive."""
    with spool.directory.reading(name) as file:
        return identify(file)


def now() -> str:
    """Return the time as a state has it: ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
