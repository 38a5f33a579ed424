"""Which records a reader is asked for: metadata globs and a time range."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from fnmatch import translate

from shoebox.errors import RecordTypeError, RecordValueError

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)

Time = int | datetime
"""Nanoseconds since the epoch, or an aware datetime."""


def nanoseconds(time: Time) -> int:
    """Return a time as nanoseconds since the epoch; raise RecordValueError for a naive one."""
    if not isinstance(time, datetime):
        return time
    if time.tzinfo is None:
        raise RecordValueError(f"{time!r} has no time zone; use an aware datetime")
    return (time - _EPOCH) // _MICROSECOND * 1000


Where = Mapping[str, str] | list[tuple[str, str]]
"""Metadata keys and the globs that their values must match."""


class Selection:
    """What all of a record's parts must match to be wanted.

    `where` maps metadata keys to case-sensitive shell globs, or has a pair for each, so
    that one key can have several; `since` is inclusive,
    `until` exclusive. A record without a timestamp (version 1) is in no time range.
    """

    def __init__(
        self,
        where: Where | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> None:
        globs = _globs({} if where is None else where)
        self._patterns = [(key, re.compile(translate(glob)).match) for key, glob in globs]
        self._since = None if since is None else _bound("since", since)
        self._until = None if until is None else _bound("until", until)
        self.timeless = since is None and until is None
        self.everything = self.timeless and not self._patterns

    def overlaps(self, first: int, last: int) -> bool:
        """Tell whether a block whose records are of these times can hold one that is wanted."""
        return (self._since is None or last >= self._since) and (
            self._until is None or first < self._until
        )

    def matches(self, metadata: Mapping[str, str], timestamp: int | None) -> bool:
        """Tell whether a record is wanted."""
        if not self.timeless and not self._in_range(timestamp):
            return False
        return all(
            key in metadata and match(metadata[key]) is not None for key, match in self._patterns
        )

    def _in_range(self, timestamp: int | None) -> bool:
        return timestamp is not None and self.overlaps(timestamp, timestamp)


def _globs(where: object) -> list[tuple[str, str]]:
    pairs = list(where.items()) if isinstance(where, Mapping) else where
    if isinstance(pairs, list) and all(map(_is_pair_of_text, pairs)):
        return [(key, glob) for key, glob in pairs]
    raise RecordTypeError(f"where is {where!r}; give a dict of metadata keys to globs")


def _is_pair_of_text(pair: object) -> bool:
    return isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(it, str) for it in pair)  # noqa: PLR2004


def _bound(name: str, time: object) -> int:
    if isinstance(time, int | datetime):
        return nanoseconds(time)
    raise RecordTypeError(
        f"{name} is {time!r}; give an aware datetime, or nanoseconds since the epoch"
    )
