"""The size checker: at the byte."""

from shoebox.testing import FakeArchive
from shoebox_plugins.checkers.size import SizeRollChecker
from tests.checkers import LimitDuties


class TestDuties(LimitDuties):
    checker = SizeRollChecker
    option = "roll_size_mb"

    def make_due(self, archive):
        archive.size = 100 * 2**20


def test_size_rolls_at_the_byte():
    checker = SizeRollChecker(roll_size_mb=1)
    assert not checker.check(FakeArchive(size=2**20 - 1))
    assert checker.check(FakeArchive(size=2**20))
    assert checker.reason == "size: 1 MB reached"
    assert checker.deadline() is None


def test_a_size_may_be_a_fraction():
    """It is not rounded to whole MB."""
    checker = SizeRollChecker(roll_size_mb=0.5)
    assert [checker.check(FakeArchive(size=size)) for size in (2**19 - 1, 2**19)] == [False, True]
