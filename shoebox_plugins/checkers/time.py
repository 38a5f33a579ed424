"""Rolls by the age of the archive."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from oslo_config import cfg

from shoebox.roll_checker import Archive, RollChecker, positive


class TimeRollChecker(RollChecker):
    """Rolls `roll_minutes` after the archive was opened.

    By the monotonic clock (`clock`, in seconds): setting the time of day changes nothing.
    """

    OPTIONS: ClassVar[tuple[cfg.Opt, ...]] = (
        cfg.FloatOpt(
            "roll_minutes",
            default=60.0,
            min=0.001,
            help="Roll this many minutes after the archive was opened; fractions are allowed.",
        ),
    )

    def __init__(
        self,
        *,
        roll_minutes: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        **_: object,
    ) -> None:
        self._seconds = positive("roll_minutes", roll_minutes) * 60
        self._clock = clock
        self._due = clock() + self._seconds
        self.reason = f"time: {roll_minutes:g} minutes passed"

    def start(self, archive: Archive) -> None:  # noqa: ARG002  (the interface's)
        """Count from now."""
        self._due = self._clock() + self._seconds

    def check(self, archive: Archive) -> bool:  # noqa: ARG002  (the interface's)
        """Compare the clock with the time that is due."""
        return self._clock() >= self._due

    def deadline(self) -> float:
        """Return the seconds that are left."""
        return max(0.0, self._due - self._clock())
