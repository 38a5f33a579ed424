"""Which records a reader is asked for: metadata that match or don't, and a time range."""

from __future__ import annotations

import re
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import translate
from functools import partial
from operator import eq
from typing import NamedTuple, TypeGuard

from shoebox.errors import RecordTypeError, RecordValueError

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)
_MAGIC = re.compile(r"[*?[]")
"""What makes a glob match more than itself."""

Time = int | datetime
"""Nanoseconds since the epoch, or an aware datetime."""


def nanoseconds(time: Time) -> int:
    """Return a time as nanoseconds since the epoch; raise RecordValueError for a naive one."""
    if not isinstance(time, datetime):
        return time
    if time.tzinfo is None:
        raise RecordValueError(f"{time!r} has no time zone; use an aware datetime")
    return (time - _EPOCH) // _MICROSECOND * 1000


@dataclass(frozen=True, slots=True)
class Not:
    """Wants what does not match the glob, and what does not have the key at all."""

    glob: str


Glob = str | Not
"""A case-sensitive shell glob that a value must match, or must not."""

Where = Mapping[str, Glob | Sequence[Glob]] | Sequence[tuple[str, Glob]]
"""Metadata keys and what their values must match: one glob, several, or a pair for each."""


class Need(NamedTuple):
    """What a record must have to be wanted, as far as an index can know of it."""

    key: str
    value: str | None
    """None if not only one value will do."""


class Selection:
    """What all of a record's parts must match to be wanted.

    `where` maps metadata keys to case-sensitive shell globs, to `Not` of one, or to a list
    of these; or has a pair for each. All must match. What lacks a key matches none of its
    globs, and so every `Not`. `since` is inclusive, `until` exclusive. A record without a
    timestamp (version 1) is in no time range.
    """

    def __init__(
        self,
        where: Where | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> None:
        self.conditions = _conditions({} if where is None else where)
        """A key and a glob for each."""
        self._tests = [_test(key, glob) for key, glob in self.conditions]
        self.needs = [
            Need(key, None if _MAGIC.search(glob) else glob)
            for key, glob in self.conditions
            if isinstance(glob, str)
        ]
        """What a block or an archive must have to hold a record that is wanted."""
        self.since = None if since is None else _bound("since", since)
        self.until = None if until is None else _bound("until", until)
        """Nanoseconds since the epoch."""
        self.timeless = since is None and until is None
        self.everything = self.timeless and not self._tests

    def overlaps(self, first: int, last: int) -> bool:
        """Tell whether a block whose records are of these times can hold one that is wanted."""
        return (self.since is None or last >= self.since) and (
            self.until is None or first < self.until
        )

    def matches(self, metadata: Mapping[str, str], timestamp: int | None) -> bool:
        """Tell whether a record is wanted."""
        if not self.timeless and not self._in_range(timestamp):
            return False
        return all(test(metadata.get(key)) for key, test in self._tests)

    def places(
        self,
        metadata: Sequence[Mapping[str, str]],
        timestamps: Sequence[int | None],
        places: Sequence[int],
    ) -> Sequence[int]:
        """Return those of the places whose records are wanted, condition by condition."""
        if not self.timeless:
            places = [at for at in places if self._in_range(timestamps[at])]
        for key, test in self._tests:
            places = [at for at in places if test(metadata[at].get(key))]
        return places

    def _in_range(self, timestamp: int | None) -> bool:
        return timestamp is not None and self.overlaps(timestamp, timestamp)


def _test(key: str, glob: Glob) -> tuple[str, Callable[[str | None], bool]]:
    """Return the key, and what tells whether its value, or None, will do."""
    if isinstance(glob, Not):
        found = _test(key, glob.glob)[1]
        return key, lambda value: not found(value)
    if not _MAGIC.search(glob):
        return key, partial(eq, glob)
    match = re.compile(translate(glob)).match
    return key, lambda value: value is not None and match(value) is not None


def _conditions(where: object) -> list[tuple[str, Glob]]:
    """Return a key and a glob for each condition; raise RecordTypeError for anything else."""
    pairs = where.items() if isinstance(where, Mapping) else where
    found = [it for pair in pairs for it in _of_pair(pair)] if _is_series(pairs) else [None]
    if any(it is None for it in found):
        raise RecordTypeError(
            f"where is {where!r}; give a dict of metadata keys to globs, or to Not(glob)"
        )
    return [it for it in found if it is not None]


def _of_pair(pair: object) -> Iterator[tuple[str, Glob] | None]:
    """Yield the conditions of a key; None for what is none."""
    key, globs = pair if isinstance(pair, tuple) and len(pair) == 2 else (None, None)  # noqa: PLR2004
    for glob in globs if isinstance(globs, list | tuple) else [globs]:
        yield (key, glob) if isinstance(key, str) and _is_glob(glob) else None


def _is_glob(glob: object) -> TypeGuard[Glob]:
    return isinstance(glob, str) or (isinstance(glob, Not) and isinstance(glob.glob, str))


def _is_series(pairs: object) -> TypeGuard[Iterable[object]]:
    return isinstance(pairs, list | tuple | ItemsView)


def _bound(name: str, time: object) -> int:
    if isinstance(time, int | datetime):
        return nanoseconds(time)
    raise RecordTypeError(
        f"{name} is {time!r}; give an aware datetime, or nanoseconds since the epoch"
    )
