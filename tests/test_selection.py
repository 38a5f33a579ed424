"""Which records a reader is asked for."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shoebox.errors import RecordValueError
from shoebox.selection import Selection, nanoseconds


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (5, 5),
        (-(2**63), -(2**63)),
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 0),
        (datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), -1000),
        (datetime(2262, 4, 11, 23, 47, 16, 854775, tzinfo=UTC), 9223372036854775000),
    ],
)
def test_a_time_is_nanoseconds_exactly(time, expected):
    assert nanoseconds(time) == expected


def test_a_naive_datetime_is_refused():
    with pytest.raises(RecordValueError, match="no time zone"):
        nanoseconds(datetime(2014, 1, 1))  # noqa: DTZ001


METADATA = {"event_type": "compute.instance.create", "host": "n1"}


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ({}, True),
        ({"host": "n1"}, True),
        ({"host": "n?"}, True),
        ({"host": "N1"}, False),
        ({"host": "n"}, False),
        ({"event_type": "compute.*"}, True),
        ({"event_type": "*.create", "host": "n[0-9]"}, True),
        ({"event_type": "*.create", "host": "n2"}, False),
        ({"other": "*"}, False),
    ],
)
def test_every_glob_must_match(where, wanted):
    assert Selection(where).matches(METADATA, 0) == wanted


@pytest.mark.parametrize(
    ("time", "wanted"), [(9, False), (10, True), (19, True), (20, False), (None, False)]
)
def test_since_is_inclusive_and_until_exclusive(time, wanted):
    assert Selection(since=10, until=20).matches({}, time) == wanted


@pytest.mark.parametrize(
    ("first", "last", "wanted"),
    [(0, 9, False), (0, 10, True), (12, 13, True), (19, 30, True), (20, 30, False), (0, 90, True)],
)
def test_a_block_overlaps_if_one_of_its_records_can_be_wanted(first, last, wanted):
    assert Selection(since=10, until=20).overlaps(first, last) == wanted


def test_nothing_asked_is_everything():
    assert Selection().everything
    assert Selection({}).everything
    assert not Selection({"a": "*"}).everything
    assert not Selection(since=0).everything
    assert Selection({"a": "*"}).timeless
    assert Selection().matches({}, None)
