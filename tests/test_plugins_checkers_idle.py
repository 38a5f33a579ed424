"""The idle checker: when nothing was written for so long."""

from shoebox.testing import FakeArchive
from shoebox_plugins.checkers.idle import IdleRollChecker
from tests.checkers import Clock, LimitDuties


class TestDuties(LimitDuties):
    checker = IdleRollChecker
    option = "idle_seconds"

    def make(self, **more):
        self.clock = Clock()
        return self.checker(clock=self.clock, **more)

    def make_due(self, archive):
        self.clock.now += 60


def test_idle_rolls_when_nothing_was_written_for_so_long():
    clock = Clock()
    checker = IdleRollChecker(idle_seconds=5, clock=clock)
    archive = FakeArchive()
    checker.start(archive)
    archive.records = 1
    assert not checker.check(archive)
    assert checker.deadline() == 5
    clock.now += 4
    assert not checker.check(archive)
    assert checker.deadline() == 1
    clock.now += 1
    assert checker.deadline() == 0.0
    assert checker.check(archive)
    assert checker.reason == "idle: nothing written for 5 seconds"


def test_each_record_starts_the_idle_wait_anew():
    clock = Clock()
    checker = IdleRollChecker(idle_seconds=5, clock=clock)
    archive = FakeArchive()
    checker.start(archive)
    for _ in range(10):
        clock.now += 4
        archive.records += 1
        assert not checker.check(archive)
    assert checker.deadline() == 5


def test_idle_waits_for_the_first_record():
    clock = Clock()
    checker = IdleRollChecker(idle_seconds=5, clock=clock)
    archive = FakeArchive(records=0)
    checker.start(archive)
    clock.now += 1000
    assert checker.deadline() is None
    assert not checker.check(archive)


def test_idle_forgets_the_archive_before():
    clock = Clock()
    checker = IdleRollChecker(idle_seconds=5, clock=clock)
    checker.start(FakeArchive())
    checker.check(FakeArchive(records=7))
    checker.start(FakeArchive())
    clock.now += 1000
    assert checker.deadline() is None
    assert not checker.check(FakeArchive(records=1))
    assert checker.deadline() == 5
