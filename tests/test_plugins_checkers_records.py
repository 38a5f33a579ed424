"""The records checker: at the number."""

from shoebox_plugins.checkers.records import RecordsRollChecker
from tests.checkers import Archive, LimitDuties


class TestDuties(LimitDuties):
    checker = RecordsRollChecker
    option = "roll_records"


def test_records_rolls_at_the_number():
    checker = RecordsRollChecker(roll_records=3)
    assert [checker.check(Archive(records=n)) for n in (2, 3, 4)] == [False, True, True]
    assert checker.reason == "records: 3 reached"
    assert checker.deadline() is None
