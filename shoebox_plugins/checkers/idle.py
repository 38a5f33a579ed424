"""Rolls when nothing is written."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from oslo_config import cfg

from shoebox.roll_checker import Archive, RollChecker, positive


class IdleRollChecker(RollChecker):
    """Rolls when no record was written for `idle_seconds`, by the monotonic clock.

    A record starts the wait anew, so it is the deadline that rolls.
    """

    OPTIONS: ClassVar[tuple[cfg.Opt, ...]] = (
        cfg.FloatOpt(
            "idle_seconds",
            default=60.0,
            min=0.001,
            help="Roll when no record was written for this many seconds; fractions are allowed.",
        ),
    )

    def __init__(
        self,
        *,
        idle_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        **_: object,
    ) -> None:
        self._seconds = positive("idle_seconds", idle_seconds)
        self._clock = clock
        self._records = 0
        self._due = 0.0
        self.reason = f"idle: nothing written for {idle_seconds:g} seconds"

    def start(self, archive: Archive) -> None:
        """Wait for the first record."""
        self._records = archive.records

    def check(self, archive: Archive) -> bool:
        """Tell whether the wait is over; a record that is new starts it anew."""
        if archive.records != self._records:
            self._records = archive.records
            self._due = self._clock() + self._seconds
            return False
        return self._records > 0 and self._clock() >= self._due

    def deadline(self) -> float | None:
        """Return the seconds that are left, or None before the first record."""
        if not self._records:
            return None
        return max(0.0, self._due - self._clock())
