"""When to roll: the interface of roll checkers, and the two that need no plugin.

`SizeRollChecker`, `TimeRollChecker` and `CronRollChecker` are plugins like any
third party's; they are looked up by name when they are first used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from shoebox.errors import ConfigError
from shoebox.escaping import logger

LOG = logger(__name__)


class Archive(Protocol):
    """What a checker may know of the open archive."""

    @property
    def path(self) -> Path:
        """Where the open archive is."""

    @property
    def size(self) -> int:
        """How many bytes the file has."""

    @property
    def records(self) -> int:
        """How many records were written to it."""

    @property
    def opened(self) -> int:
        """When it was opened, in nanoseconds since the epoch."""

    @property
    def last_metadata(self) -> dict[str, str] | None:
        """The metadata of the last record, or None before the first."""

    @property
    def last_payload(self) -> str | bytes | None:
        """The payload of the last record, or None before the first."""


class RollChecker(ABC):
    """Decides when the open archive is sealed and the next one opened.

    The manager asks under its lock, and only for an archive that has a record.
    Constructors take keyword arguments only and tolerate ones they don't know.
    `reason` says, after `check` said yes, why; metrics count by what it says before a colon.
    """

    reason: str = "its checker asked for it"

    def start(self, archive: Archive) -> None:  # noqa: B027  (most checkers need none)
        """Hear that a new archive was opened."""

    @abstractmethod
    def check(self, archive: Archive) -> bool:
        """Tell whether to roll now.

        Asked after every record, so let it be one comparison, and when the
        deadline has passed.
        """

    def deadline(self) -> float | None:
        """Return after how many seconds from now to ask although nothing is written.

        0.0 says that it has passed, None that records alone decide.
        """
        return None


class NeverRollChecker(RollChecker):
    """Leaves rolling to `roll()` and `close()`."""

    OPTIONS: tuple[()] = ()

    def __init__(self, **_: object) -> None:
        """Take no option."""

    def check(self, archive: Archive) -> bool:  # noqa: ARG002  (the interface's)
        """Say no."""
        return False


class AnyRollChecker(RollChecker):
    """Rolls when any of its checkers says so; they are asked in the order given.

    One that raises is logged, once for each archive, and the others are asked.
    """

    def __init__(self, checkers: Sequence[RollChecker]) -> None:
        self._checkers = tuple(checkers)
        self._logged: set[int] = set()
        self._name = ""

    def start(self, archive: Archive) -> None:
        """Tell every checker of the new archive."""
        self._logged.clear()
        self._name = archive.path.name
        for checker in self._checkers:
            try:
                checker.start(archive)
            except Exception as error:  # noqa: BLE001  (a plugin's may be any; writing goes on)
                self._log(checker, error)

    def check(self, archive: Archive) -> bool:
        """Tell whether one of them wants to roll, and take over its reason."""
        for checker in self._checkers:
            try:
                if checker.check(archive):
                    self.reason = checker.reason
                    return True
            except Exception as error:  # noqa: BLE001  (a plugin's may be any; writing goes on)
                self._log(checker, error)
        return False

    def deadline(self) -> float | None:
        """Return the earliest of their deadlines."""
        return min(
            (
                seconds
                for checker in self._checkers
                if (seconds := self._deadline(checker)) is not None
            ),
            default=None,
        )

    def _deadline(self, checker: RollChecker) -> float | None:
        try:
            seconds = checker.deadline()
            return None if seconds is None else float(seconds)
        except Exception as error:  # noqa: BLE001  (a plugin's may be any; writing goes on)
            self._log(checker, error)
            return None

    def _log(self, checker: RollChecker, error: Exception) -> None:
        if id(checker) in self._logged:
            return
        self._logged.add(id(checker))
        LOG.error(
            "the checker %s failed for archive %s; the others are still asked",
            type(checker).__name__,
            self._name,
            exc_info=error,
        )


def positive(option: str, value: float) -> float:
    """Return the value of a checker's option, or raise ConfigError if it isn't above 0."""
    if not value > 0:  # so that nan is refused too
        raise ConfigError(f"{option} = {value!r}: give a number above 0")
    return value


if TYPE_CHECKING:
    SizeRollChecker: Callable[..., RollChecker]
    TimeRollChecker: Callable[..., RollChecker]
    CronRollChecker: Callable[..., RollChecker]
else:
    _PLUGINS = {"SizeRollChecker": "size", "TimeRollChecker": "time", "CronRollChecker": "cron"}

    def __getattr__(name: str) -> type[RollChecker]:
        """Look a plugin's class up when it is first used."""
        if name not in _PLUGINS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from shoebox.plugins import load  # noqa: PLC0415  (slow, and only now needed)

        globals()[name] = checker = load("roll_checker", _PLUGINS[name])
        return checker
