"""The records checker: at the number."""

from shoebox.testing import FakeArchive
from shoebox_plugins.checkers.records import RecordsRollChecker
from tests.checkers import LimitDuties


class TestDuties(LimitDuties):
    checker = RecordsRollChecker
    option = "roll_records"

    def make_due(self, archive):
        archive.records = 1_000_000


def test_records_rolls_at_the_number():
    checker = RecordsRollChecker(roll_records=3)
    assert [checker.check(FakeArchive(records=n)) for n in (2, 3, 4)] == [False, True, True]
    assert checker.reason == "records: 3 reached"
    assert checker.deadline() is None
