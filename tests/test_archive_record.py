"""What travels: records as plain tuples, and faults that say where they are."""

import pickle
from dataclasses import FrozenInstanceError

import pytest

from shoebox.archive.record import Fault, Position, Record

RECORD = Record({"k": "v"}, b"x", 7, "aa", 41, "bb", Position(100, 1))
FAULT = Fault("spool/a.events", "torn", 100, 140, "never completely written")


def test_a_record_begins_with_what_was_written():
    metadata, payload, timestamp, *_ = RECORD
    assert (metadata, payload, timestamp) == ({"k": "v"}, b"x", 7)


def test_positions_are_in_the_order_of_the_file():
    assert sorted([Position(100, 1), Position(20, 3), Position(100, 0)]) == [
        Position(20, 3),
        Position(100, 0),
        Position(100, 1),
    ]


def test_a_fault_says_in_one_line_which_bytes_of_which_archive_and_why():
    assert str(FAULT) == "spool/a.events: torn at bytes 100-140: never completely written"


def test_a_fault_that_was_found_twice_is_one_and_nobody_changes_it():
    assert {FAULT, Fault("spool/a.events", "torn", 100, 140, FAULT.reason)} == {FAULT}
    with pytest.raises(FrozenInstanceError):
        FAULT.end = 0


@pytest.mark.parametrize("it", [RECORD, FAULT])
def test_both_pass_between_processes(it):
    assert pickle.loads(pickle.dumps(it)) == it  # noqa: S301 - it is our own
