"""How long to wait before the next try, and when each of several things is to be tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from time import monotonic

BASE = 0.5
CAP = 300.0
"""Seconds: before try n + 1 it is waited random(0, min(CAP, BASE * 2**n)), so that many
clients don't come back at once (full jitter)."""


def pause(tries: int, jitter: Callable[[], float] = random.random) -> float:
    """Return the seconds to wait after a try, counted from 0, that failed as those before."""
    return jitter() * min(CAP, BASE * 2.0 ** min(tries, 30))


class Backoff:
    """Says of things by their names when they are due again; what never failed is due."""

    def __init__(
        self,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._jitter = jitter
        self._clock = clock
        self._failed: dict[str, tuple[int, float]] = {}
        """How often in a row, and when it is due."""

    def failed(self, name: str) -> None:
        """Take down that a try has failed once more."""
        tries, _ = self._failed.get(name, (0, 0.0))
        self._failed[name] = tries + 1, self._clock() + pause(tries, self._jitter)

    def worked(self, name: str) -> None:
        """Forget what failed before."""
        self._failed.pop(name, None)

    def seconds(self, name: str) -> float:
        """Return the seconds until it is due, 0 if it is."""
        if name not in self._failed:
            return 0.0
        return max(0.0, self._failed[name][1] - self._clock())
