"""Asking a roll checker, which is a plugin: whatever it does, writing goes on."""

from __future__ import annotations

from collections.abc import Callable

from shoebox.archive import ArchiveWriter
from shoebox.complaints import Complaints
from shoebox.escaping import cause, logger
from shoebox.roll_checker import RollChecker

log = logger(__name__)
"""Where what goes wrong with a writer in the background is told."""


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
