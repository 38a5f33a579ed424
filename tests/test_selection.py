"""Which records a reader is asked for."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shoebox.errors import RecordTypeError, RecordValueError
from shoebox.selection import Need, Not, Selection, nanoseconds


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
        ({"host": Not("n1")}, False),
        ({"host": Not("web*")}, True),
        ({"host": Not("N1")}, True),
        ({"other": Not("*")}, True),
        ({"other": Not("x")}, True),
        ({"host": ["n*", Not("n2")]}, True),
        ({"host": ("n*", Not("n1"))}, False),
        ([("host", "n*"), ("host", Not("?1"))], False),
        ((("host", "n*"), ("event_type", Not("volume.*"))), True),
        ({"host": []}, True),
    ],
)
def test_every_condition_must_match(where, wanted):
    assert Selection(where).matches(METADATA, 0) == wanted
    assert list(Selection(where).places([METADATA] * 2, [0, 0], [1])) == [1] * wanted


@pytest.mark.parametrize(
    ("time", "wanted"), [(9, False), (10, True), (19, True), (20, False), (None, False)]
)
def test_since_is_inclusive_and_until_exclusive(time, wanted):
    assert Selection(since=10, until=20).matches({}, time) == wanted
    assert list(Selection(since=10, until=20).places([{}], [time], [0])) == [0] * wanted


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


def test_what_an_index_can_know_of_is_a_value_or_at_least_a_key():
    where = {"host": ["n1", "n*", Not("n2")], "event_type": "a[bc]", "other": Not("x")}
    assert Selection(where).needs == [
        Need("host", "n1"),
        Need("host", None),
        Need("event_type", None),
    ]
    assert not Selection({"other": Not("x")}).everything


@pytest.mark.parametrize(
    "where",
    [
        "host=n1",
        {"host": 1},
        {1: "n1"},
        {"host": None},
        {"host": Not(1)},
        [("host",)],
        [3],
        3,
        {"host": ["n1", 3]},
        {"host": [["n1"]]},
    ],
)
def test_what_is_no_condition_is_refused(where):
    with pytest.raises(RecordTypeError, match="where is .*; give a dict"):
        Selection(where)
