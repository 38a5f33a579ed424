"""What each file of a spool is, and where it stands with each destination; only looked at."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from shoebox import config
from shoebox.archive.frames import Frames
from shoebox.archive.source import Bytes
from shoebox.cli import configuration, exits
from shoebox.delivery import Deliveries, Delivery, Stand
from shoebox.errors import ConfigError, FormatError
from shoebox.files import TEMPORARY_SUFFIX
from shoebox.sources import base_name, is_being_written
from shoebox.spool import CORRUPT, DELIVERY, OPEN, TORN, Spool

_OFFERED = "waiting"
_QUARANTINE = "quarantine"
_UNREADABLE = "unreadable"
_ASIDE = {TORN: "torn tail", CORRUPT: _QUARANTINE}


@dataclass(frozen=True, slots=True)
class State:
    """What a file of the spool is."""

    archive: str
    """The file's name."""
    state: str
    size: int
    since: str
    """When it was offered, or its last change; ISO 8601 in UTC."""
    stands: dict[str, Stand] = field(default_factory=dict)
    """By destination, of an archive that was offered."""
    error: str | None = None
    """Why it could not be opened."""

    def state_with(self, stand: Stand) -> str:
        """Return what it is for a destination."""
        if self.state != _OFFERED:
            return self.state
        if stand.stored is not None:
            return "stored"
        return "refused" if stand.refusals else _OFFERED


def place(directory: str | None, files: Sequence[str]) -> tuple[str, list[str]]:
    """Return the spool's path, and the names of its destinations, from the ini or without."""
    if directory is not None and not files:
        return directory, []
    conf = configuration.required(files)
    path = config.settings(conf)["directory"] if directory is None else directory
    if not path:
        raise ConfigError(
            f"[{config.GROUP}] directory: not set; name the spool there, or with --directory"
        )
    return path, [it.name for it in config.instances(conf, "storage")]


def states(path: str, destinations: Sequence[str]) -> Iterator[State]:
    """Yield the state of each archive that is there, by name; what vanishes is left out."""
    # It is only looked at, so that nobody can do harm by what it leads to.
    spool = Spool(path, trusted=True, looking=True)
    try:
        found = dict[str, State]()
        for name in spool.directory.names():
            state = _state_now(spool, name, destinations)
            if state is not None:
                found.setdefault(state.archive, state)
        yield from found.values()
    finally:
        spool.close()


def _state_now(spool: Spool, name: str, destinations: Sequence[str]) -> State | None:
    """Return a file's state, also that of one that has been sealed in the meantime."""
    for now in (name, base_name(name)):
        with suppress(FileNotFoundError):
            return _state(spool, now, destinations)
    return None


def _state(spool: Spool, name: str, destinations: Sequence[str]) -> State | None:
    """Return a file's state, None if it is no archive; raise FileNotFoundError if it is gone."""
    if name.endswith((DELIVERY, TEMPORARY_SUFFIX)):
        return None
    if not stat.S_ISREG(spool.directory.stat(name).st_mode):
        return None
    delivery, why = Delivery(), None
    kind: str | None = _UNREADABLE
    try:
        with spool.directory.reading(name) as file:
            delivery = Deliveries(spool).read(name)
            kind = _kind(spool, name, file)
    except FileNotFoundError:
        raise
    except OSError as error:
        why = exits.sentence_of(error)
    if kind is None:
        return None
    # It may have been renamed since it was looked at, and be of another kind now.
    seen = spool.directory.stat(name)
    changed = datetime.fromtimestamp(int(seen.st_mtime), UTC).isoformat()
    since = (delivery.offered or changed).replace("+00:00", "Z")
    return State(name, kind, seen.st_size, since, _stands(kind, delivery, destinations), why)


def _kind(spool: Spool, name: str, file: BinaryIO) -> str | None:
    """Return what a file is by its name, and what lies beside it; None if it is no archive."""
    if name.endswith(OPEN):
        return "open" if is_being_written(spool.path / name) else "abandoned"
    for suffix, kind in _ASIDE.items():
        if name.endswith(suffix):
            return kind
    if spool.directory.exists(name + DELIVERY):
        return _OFFERED
    return "sealed" if _is_archive(file) else None


def _is_archive(file: BinaryIO) -> bool:
    """Tell whether a file begins as an archive does."""
    try:
        return Frames(Bytes(file)).at(0) is not None
    except FormatError:
        return False


def _stands(kind: str, delivery: Delivery, destinations: Sequence[str]) -> dict[str, Stand]:
    if kind == _OFFERED:
        return {name: delivery.stand(name) for name in destinations or delivery.destinations}
    return delivery.destinations if kind == _QUARANTINE else {}
