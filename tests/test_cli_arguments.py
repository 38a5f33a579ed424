"""What arguments accept."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime

import pytest

from shoebox.cli import arguments
from shoebox.cli.text import moment
from shoebox.selection import Not


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31 12:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("20260131", datetime(2026, 1, 31, tzinfo=UTC)),
        ("1767225600000000000", 1767225600000000000),
        ("0", 0),
        ("-5", -5),
    ],
)
def test_a_time_is_iso_8601_or_nanoseconds(text, time):
    assert arguments.time(text) == time


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (arguments.condition, "!=x"),
        (arguments.condition, "x"),
        (arguments.time, "yesterday"),
        (arguments.time, ""),
        (arguments.time, "1e9"),
        (arguments.seconds, "-0.1"),
        (arguments.seconds, "nan"),
        (arguments.seconds, "inf"),
        (arguments.megabytes, "0"),
        (arguments.megabytes, "1 MB"),
        (arguments.amount, "1.5"),
        (arguments.amount, "-1"),
        (arguments.amount, "\u0661"),
        (arguments.pair, "k"),
        (arguments.pair, "=v"),
        (arguments.pair, "k=\udcff"),
        (arguments.path_pair, "k="),
    ],
)
def test_what_makes_no_sense_is_refused(type_, text):
    with pytest.raises(ArgumentTypeError):
        type_(text)


def test_what_makes_sense_is_taken():
    assert arguments.pair("k=a=b") == ("k", "a=b")
    assert arguments.pair("k=") == ("k", "")
    assert arguments.path_pair("k=a.b") == ("k", ("a", "b"))
    assert arguments.seconds("0") == 0.0
    assert arguments.megabytes("0.5") == 0.5
    assert arguments.amount("7") == 7


def test_times_are_shown_in_utc():
    assert moment(0) == "1970-01-01T00:00:00.000000Z"
    assert moment(-1) == "1969-12-31T23:59:59.999999Z"
    assert moment(1_767_225_600_123_456_789) == "2026-01-01T00:00:00.123456Z"


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("k=a*", ("k", "a*")),
        ("k=!a", ("k", "!a")),
        ("k!=a*", ("k", Not("a*"))),
        ("k!=", ("k", Not(""))),
        ("k!!=a", ("k!", Not("a"))),
    ],
)
def test_a_condition_is_a_glob_or_the_negation_of_one(text, condition):
    assert arguments.condition(text) == condition
