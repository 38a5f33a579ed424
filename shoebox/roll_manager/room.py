"""A limit on the bytes of a spool, and what happens at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Event
from time import monotonic
from typing import NamedTuple

from shoebox.errors import SpoolFull, SpoolTooSmall
from shoebox.spool import Spool

MEASURE_EVERY = 1.0
"""Seconds for which the bytes of the other files are taken to be what they were."""

ROLL_EVERY = 1.0
"""Seconds between two rolls at the limit at least: records of many sizes would else be refused
and taken in turn, with an archive for each few of them."""

LOOK_AGAIN = 0.05
"""Seconds between two looks whether shipping has made room."""


class Own(NamedTuple):
    """What a writer adds to the spool itself, in bytes."""

    filed: int
    """Of the open archive, in its file."""
    taken: int
    """The same, with what is buffered."""
    passed_on: int
    """Of the archives that it handed over so far."""


class Room:
    """Holds back, or refuses, what would bring a spool over its limit.

    `limit` is in bytes. `timeout` is the number of seconds to wait for room, 0 to
    refuse at once. Other processes' files count too, as of a second ago.
    """

    def __init__(
        self, spool: Spool, limit: int, timeout: float, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._spool = spool
        self._limit = limit
        self._timeout = timeout
        self._clock = clock
        self._others = 0
        self._passed_on = 0
        self._measured = -MEASURE_EVERY
        self._rolled = -ROLL_EVERY
        self._never = Event()

    def make(
        self,
        own: Callable[[], Own],
        flush: Callable[[], None],
        roll: Callable[[], None],
        payloads: Iterable[object],
    ) -> None:
        """Return when the payloads have room; raise SpoolFull if they have none in time.

        Raise SpoolTooSmall, at once, for what an empty spool would have no room for: whoever
        tries again until there is room would do so for ever. What is buffered counts as it is
        until `flush` has compressed it. What is open is never shipped: `roll` has it sealed.
        """
        # What is neither text nor bytes is refused by the archive, with a better message.
        wanted = sum(len(it) for it in payloads if isinstance(it, str | bytes))
        if self._has(own, wanted):
            return
        if wanted > self._limit:
            raise SpoolTooSmall(
                f"{self._spool.path}: the spool may hold {self._limit} bytes, and the record has "
                f"{wanted}: it was not taken; raise the limit"
            )
        flush()
        deadline = self._clock() + self._timeout
        while not self._has(own, wanted, fresh=True):
            self._roll_now_and_then(roll)
            if self._clock() >= deadline:
                raise SpoolFull(
                    f"{self._spool.path}: the spool is at its limit of {self._limit} bytes; the "
                    "record was not taken: see that archives are shipped, or raise the limit"
                )
            self._never.wait(LOOK_AGAIN)

    def _roll_now_and_then(self, roll: Callable[[], None]) -> None:
        now = self._clock()
        if now - self._rolled >= ROLL_EVERY:
            self._rolled = now
            roll()

    def _has(self, own: Callable[[], Own], wanted: int, *, fresh: bool = False) -> bool:
        filed, taken, passed_on = own()
        now = self._clock()
        if fresh or now - self._measured >= MEASURE_EVERY:
            self._measured = now
            self._others = self._spool.size() - filed
            self._passed_on = passed_on
        sealed_since = passed_on - self._passed_on
        return self._others + sealed_since + taken + wanted <= self._limit
