"""Rolls by the calendar."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import ClassVar
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from oslo_config import cfg

from shoebox.errors import ConfigError
from shoebox.roll_checker import Archive, RollChecker

# How long, in seconds, until it is noticed that somebody set the time of day.
LOOK_AGAIN = 60.0
# How many seconds a clock may be corrected by, without a time coming twice.
CORRECTION = 60.0


class CronRollChecker(RollChecker):
    """Rolls at the times of a cron expression (five fields, or six with seconds first).

    By the time of day (`clock`, in seconds since the epoch). As in Debian's cron, a
    time that daylight saving skips comes when the gap ends, and one that it repeats
    comes once, the first time; expressions with `*` as minute or hour come each time
    that the clock on the wall shows it. A clock that is set back by more than a
    minute counts anew from there; one that is set ahead rolls once.

    Raises ConfigError for an expression or a time zone that can't be used.
    """

    OPTIONS: ClassVar[tuple[cfg.Opt, ...]] = (
        cfg.StrOpt(
            "cron",
            default="0 * * * *",
            help="When to roll, as a cron expression: minute, hour, day, month, day of the week.",
        ),
        cfg.StrOpt(
            "timezone",
            default="UTC",
            help="The time zone of the expression, such as Europe/Berlin.",
        ),
    )

    def __init__(
        self,
        *,
        cron: str = "0 * * * *",
        timezone: str = "UTC",
        clock: Callable[[], float] = time.time,
        **_: object,
    ) -> None:
        self._cron = cron
        self._zone = _zone(timezone)
        self._clock = clock
        self._set(clock())
        self.reason = f"cron: {cron} ({timezone})"

    def start(self, archive: Archive) -> None:  # noqa: ARG002  (the interface's)
        """Wait for the next time from now."""
        self._set(self._clock())

    def check(self, archive: Archive) -> bool:  # noqa: ARG002  (the interface's)
        """Compare the clock with the time that is due."""
        now = self._clock()
        if self._earliest <= now < self._due:
            return False
        return self._passed(now)

    def deadline(self) -> float:
        """Return the seconds that are left, or as many as pass until it looks again."""
        return min(LOOK_AGAIN, max(0.0, self._due - self._clock()))

    def _passed(self, now: float) -> bool:
        if now >= self._due:
            return True
        self._set(now)
        return False

    def _set(self, now: float) -> None:
        self._earliest = now - CORRECTION
        self._due = self._next(now)

    def _next(self, now: float) -> float:
        local = datetime.fromtimestamp(now, self._zone)
        try:
            times = (when.timestamp() for when in CronSim(self._cron, local))
            # In an hour that is repeated, CronSim begins with the first of the two.
            due = next((when for when in times if when > now), None)
        except CronSimError as error:
            raise ConfigError(
                f"cron = {self._cron!r}: {error}; give five fields such as '0 * * * *'"
            ) from error
        if due is None:
            raise ConfigError(f"cron = {self._cron!r}: no such time in the next 50 years")
        return due


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError(
            f"timezone = {name!r} is not known: give one such as Europe/Berlin, or UTC"
        ) from error
