"""Asking a roll checker, which is a plugin: whatever it does, writing goes on."""

from __future__ import annotations

from collections.abc import Callable

from shoebox.archive import ArchiveWriter
from shoebox.escaping import cause, logger
from shoebox.roll_checker import RollChecker

_log = logger(__name__)


class Complaints:
    """What goes wrong in the background: logged once, for as long as it stays the same."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def say(self, topic: str, message: str) -> None:
        """Log a message, unless it was the last on its topic."""
        if self._said.get(topic) != message:
            self._said[topic] = message
            _log.error("%s", message)

    def over(self, topic: str) -> None:
        """Hear that a topic is no trouble any more."""
        self._said.pop(topic, None)

    def __contains__(self, topic: str) -> bool:
        return topic in self._said


class Asked:
    """A checker whose errors and nonsense mean: do not roll."""

    def __init__(self, checker: RollChecker, complaints: Complaints) -> None:
        self._checker = checker
        self._complaints = complaints
        self.check: Callable[[ArchiveWriter], object] = checker.check
        """The checker's own, for who asks after every record and sees to its errors."""

    @property
    def reason(self) -> str:
        """Why it said yes."""
        try:
            return str(self._checker.reason)
        except Exception:  # noqa: BLE001 - a plugin may raise anything
            return f"its {type(self._checker).__name__} asked for it"

    def start(self, archive: ArchiveWriter) -> None:
        """Tell it of a new archive."""
        try:
            self._checker.start(archive)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            self.failed(archive, error)

    def is_due(self, archive: ArchiveWriter) -> bool:
        """Ask whether to roll."""
        try:
            return bool(self._checker.check(archive))
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            return self.failed(archive, error)

    def deadline(self, archive: ArchiveWriter | None) -> float | None:
        """Ask when to ask although nothing is written, in seconds from now."""
        if archive is None or not archive.records:
            return None
        try:
            seconds = self._checker.deadline()
            return None if seconds is None else float(seconds)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            self.failed(archive, error)
            return None

    def failed(self, archive: ArchiveWriter, error: Exception) -> bool:
        """Log the error; return that nothing is to be rolled."""
        name = type(self._checker).__name__
        self._complaints.say(
            "checker", f"{archive.path}: the checker {name} failed: {cause(error)}; writing goes on"
        )
        return False
