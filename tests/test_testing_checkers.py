"""The tests of a roll checker: each catches what it is there for."""

import math
import time

import pytest

from shoebox.roll_checker import RollChecker
from shoebox.testing import DueTests, FakeArchive, RollCheckerTests
from shoebox.testing.subject import Failed


class Third(RollChecker):
    """Rolls with the third record."""

    reason = "third: three records"

    def __init__(self, **_):
        pass

    def check(self, archive):
        return archive.records >= 3


class Held(RollCheckerTests, DueTests):
    kind = Third

    def make(self, **more):
        return self.kind(**more)

    def make_due(self, archive):
        archive.records = 3


class TestThird(Held):
    kind = Third


class Intolerant(Third):
    def __init__(self, *, no_such_option=0):
        pass


class NeedsMetadata(Third):
    def check(self, archive):
        return archive.last_metadata["level"] == "error"


class StartsWithARecord(Third):
    def start(self, archive):
        self.first = archive.last_metadata.get("level")


class NeedsText(Third):
    def check(self, archive):
        return archive.last_payload.startswith("x")


class Truncates(Third):
    def check(self, archive):
        if archive.path.exists():
            archive.path.write_bytes(b"")
        return False


class Marks(Third):
    def check(self, archive):
        archive.last_metadata["seen"] = "yes"
        return False


class Slow(Third):
    def check(self, archive):
        until = time.process_time() + 0.0015
        while time.process_time() < until:
            pass
        return False


class Late(Third):
    def deadline(self):
        return -1.0


class NoNumber(Third):
    def deadline(self):
        return math.nan


class Wordy(Third):
    reason = "two\nlines"


class Reasonless(Third):
    reason = 3


class NeverDue(Third):
    def check(self, archive):
        return False


class HasADeadline(Third):
    def deadline(self):
        return 5.0


class RollsOnce(Third):
    done = False

    def check(self, archive):
        was, self.done = self.done, self.done or super().check(archive)
        return self.done and not was


class StaysDue(Third):
    done = False

    def check(self, archive):
        self.done = self.done or super().check(archive)
        return self.done


FAULTS = (Failed, TypeError, KeyError, AttributeError)


@pytest.mark.parametrize(
    ("test", "kind"),
    [
        (Held.test_its_constructor_is_tolerant, Intolerant),
        (Held.test_it_takes_any_record, NeedsMetadata),
        (Held.test_it_takes_any_record, StartsWithARecord),
        (Held.test_it_takes_any_record, NeedsText),
        (Held.test_its_deadline_is_a_number_of_seconds_or_none, Late),
        (Held.test_its_deadline_is_a_number_of_seconds_or_none, NoNumber),
        (Held.test_it_says_why, Wordy),
        (Held.test_it_says_why, Reasonless),
        (Held.test_it_rolls_when_it_is_due, NeverDue),
        (Held.test_it_rolls_when_it_is_due, HasADeadline),
        (Held.test_it_starts_anew_with_each_archive, RollsOnce),
        (Held.test_it_starts_anew_with_each_archive, StaysDue),
    ],
    ids=lambda it: it.__name__,
)
def test_a_checker_that_breaks_the_duty_is_caught(test, kind):
    tests = Held()
    tests.kind = kind
    with pytest.raises(FAULTS):
        test(tests)


@pytest.mark.parametrize(
    ("test", "kind"),
    [
        (Held.test_it_changes_nothing, Truncates),
        (Held.test_it_changes_nothing, Marks),
        (Held.test_it_is_asked_quickly, Slow),
    ],
    ids=lambda it: it.__name__,
)
def test_a_checker_that_changes_the_archive_or_takes_long_is_caught(test, kind, tmp_path):
    tests = Held()
    tests.kind = kind
    with pytest.raises(Failed):
        test(tests, tmp_path)


def test_who_does_not_say_how_the_checker_is_made_has_no_tests():
    with pytest.raises(TypeError, match="abstract"):
        RollCheckerTests()
    with pytest.raises(TypeError, match="make_due"):
        type("T", (DueTests,), {"make": Held.make})()


def test_a_fake_archive_is_as_it_is_before_the_first_record():
    archive = FakeArchive()
    assert (archive.records, archive.last_metadata, archive.last_payload) == (0, None, None)
