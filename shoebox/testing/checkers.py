"""The tests of a roll checker, and an archive to ask it about."""

from __future__ import annotations

import copy
import dataclasses
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from shoebox.roll_checker import RollChecker
from shoebox.testing.subject import Failed, constructor_fault

_ASKED = 1000
_SECONDS = 1.0
"""Of processor time, for so many checks: it is asked after every record."""


@dataclass
class FakeArchive:
    """An open archive as a checker sees it; set its fields as if records had been written."""

    path: Path = Path("spool/a.events.open")
    size: int = 0
    records: int = 0
    opened: int = 0
    last_metadata: dict[str, str] | None = None
    last_payload: str | bytes | None = None


class RollCheckerTests(ABC):
    """What every roll checker does. Subclass it, and say how the checker is made.

    Add `DueTests` to the bases of one that rolls by itself, as all but few do.
    """

    @abstractmethod
    def make(self, **more: object) -> RollChecker:
        """Return a new checker; hand these further arguments to its constructor."""

    def test_its_constructor_is_tolerant(self) -> None:
        """It takes keyword arguments only, and tolerates ones it doesn't know."""
        _require_tolerance(type(self.make(no_such_option=1)))

    def test_it_takes_any_record(self) -> None:
        """It can be asked about one without metadata, and with a payload of either type."""
        checker = self.make()
        checker.start(FakeArchive())
        for payload in ("text", b"bytes", ""):
            archive = FakeArchive(size=100, records=1, last_metadata={}, last_payload=payload)
            bool(checker.check(archive))

    def test_it_changes_nothing(self, tmp_path: Path) -> None:
        """The archive is what it was, the file and what is known of it."""
        archive = _written(tmp_path)
        before = copy.deepcopy(dataclasses.asdict(archive))
        checker = self.make()
        checker.start(archive)
        checker.check(archive)
        checker.deadline()
        content = archive.path.read_bytes()
        if dataclasses.asdict(archive) != before or content != b"x" * archive.size:
            raise Failed(f"the archive was {before}, and now is {archive}")

    def test_it_is_asked_quickly(self, tmp_path: Path) -> None:
        """A check takes less than a millisecond of the processor."""
        checker, archive = self.make(), _written(tmp_path)
        checker.start(archive)
        start = time.process_time()
        for _ in range(_ASKED):
            checker.check(archive)
        took = time.process_time() - start
        if took > _SECONDS:
            raise Failed(f"{_ASKED} checks took {took:.1f} s of the processor")

    def test_its_deadline_is_a_number_of_seconds_or_none(self) -> None:
        """Whether it has started or not, and whether there is a record or not."""
        checker = self.make()
        _require_deadline(checker)
        for archive in (FakeArchive(), FakeArchive(records=1, last_metadata={})):
            checker.start(archive)
            _require_deadline(checker)
            checker.check(archive)
            _require_deadline(checker)

    def test_it_says_why(self) -> None:
        """Its reason is a text on one line."""
        _require_reason(self.make())


class DueTests(ABC):
    """What a checker does that rolls by itself. Say what has to happen for it to roll."""

    @abstractmethod
    def make(self, **more: object) -> RollChecker:
        """As for `RollCheckerTests`."""

    @abstractmethod
    def make_due(self, archive: FakeArchive) -> None:
        """Do what makes the checker made last roll: write to the archive, put its clock ahead."""

    def test_it_rolls_when_it_is_due(self) -> None:
        """And says why, and with no deadline that is still to come."""
        checker, archive = self.make(), FakeArchive()
        checker.start(archive)
        _write(checker, archive)
        self.make_due(archive)
        if not checker.check(archive):
            raise Failed(f"it does not roll, asked about {archive}")
        _require_reason(checker)
        seconds = checker.deadline()
        if seconds is not None and seconds > 0:
            raise Failed(f"it rolls now, and says that it will in {seconds} s")

    def test_it_starts_anew_with_each_archive(self) -> None:
        """An archive that is opened after a roll is not due at once, but when its time comes."""
        checker = self.make()
        for number in range(3):
            archive = FakeArchive(path=Path(f"spool/{number}.events.open"))
            checker.start(archive)
            checker.start(archive)
            if _write(checker, archive):
                raise Failed(f"archive {number} is to be rolled at once")
            self.make_due(archive)
            if not checker.check(archive):
                raise Failed(f"archive {number} is not rolled when it is due")


def _write(checker: RollChecker, archive: FakeArchive) -> bool:
    """Write a first record; return what the checker says to it."""
    archive.records, archive.size, archive.last_metadata, archive.last_payload = 1, 100, {}, ""
    return bool(checker.check(archive))


def _written(folder: Path) -> FakeArchive:
    path = folder / "a.events.open"
    path.write_bytes(b"x" * 500)
    return FakeArchive(path, 500, 2, time.time_ns(), {"key": "value"}, b"payload")


def _require_tolerance(kind: type[object]) -> None:
    fault = constructor_fault(kind)
    if fault is not None:
        raise Failed(f"{kind.__name__} {fault}")


def _require_deadline(checker: RollChecker) -> None:
    seconds: object = checker.deadline()
    if seconds is not None and not (isinstance(seconds, (int, float)) and seconds >= 0):
        raise Failed(f"its deadline is {seconds!r}, neither a number of 0 or more nor None")


def _require_reason(checker: RollChecker) -> None:
    reason: object = checker.reason
    if not isinstance(reason, str) or not reason or not reason.isprintable():
        raise Failed(f"its reason is {reason!r}, and no text on one line")
