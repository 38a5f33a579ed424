"""The time checker: so long after the archive was opened."""

from shoebox.testing import FakeArchive
from shoebox_plugins.checkers.time import TimeRollChecker
from tests.checkers import Clock, LimitDuties, rolls


class TestDuties(LimitDuties):
    checker = TimeRollChecker
    option = "roll_minutes"

    def make(self, **more):
        self.clock = Clock()
        return self.checker(clock=self.clock, **more)

    def make_due(self, archive):
        self.clock.now += 3600


def test_time_rolls_when_the_minutes_have_passed():
    clock = Clock()
    checker = TimeRollChecker(roll_minutes=1.5, clock=clock)
    checker.start(FakeArchive())
    assert checker.deadline() == 90
    clock.now += 89.9
    assert not checker.check(FakeArchive())
    clock.now += 0.1
    assert checker.check(FakeArchive())
    assert checker.deadline() == 0.0
    assert checker.reason == "time: 1.5 minutes passed"


def test_time_counts_from_the_opening_of_each_archive():
    clock = Clock()
    assert rolls(TimeRollChecker(roll_minutes=10, clock=clock), clock, clock.now + 1800) == [
        1600,
        2200,
        2800,
    ]


def test_time_goes_by_a_clock_that_nobody_sets(monkeypatch):
    """The default is the monotonic clock: a step of the time of day changes nothing."""
    checker = TimeRollChecker(roll_minutes=60)
    checker.start(FakeArchive())
    monkeypatch.setattr("time.time", lambda: 2**40)
    assert not checker.check(FakeArchive())
    assert 3500 < checker.deadline() <= 3600
