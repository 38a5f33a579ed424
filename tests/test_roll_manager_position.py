"""Positions: marks that can be saved, moved on, and read back."""

import pytest

from shoebox.archive.batch import Batch
from shoebox.archive.frames import RecordV1
from shoebox.errors import RecordValueError
from shoebox.roll_manager.position import advance, parse, render

BATCH = Batch("archive", "writer", 100, 40, [0, 3, 7], [{}] * 3, ["a", "b", "c"], [1, 2, 3])


@pytest.mark.parametrize("marks", [{}, {"aa": 0}, {"bb": 2**70, "a.events": 17}])
def test_marks_come_back_from_what_was_saved(marks):
    assert parse(render(marks)) == marks


def test_the_same_marks_are_the_same_text():
    assert render({"a": 1, "b": 2}) == render({"b": 2, "a": 1})


@pytest.mark.parametrize(("given", "mark"), [(1, 41), (2, 44), (3, 48)])
def test_a_writers_mark_is_the_number_behind_the_last_record_given(given, mark):
    """What was not selected from the block before it counts as read."""
    marks = {"writer": 5, "other": 6}
    advance(marks, BATCH, given)
    assert marks == {"writer": mark, "other": 6}


def test_nothing_given_moves_nothing():
    marks = {"writer": 5}
    advance(marks, BATCH, 0)
    assert marks == {"writer": 5}


def test_in_version_1_the_mark_is_the_offset_in_the_archive():
    marks = {}
    advance(marks, Batch.of_version_1(RecordV1(18, 60, {}, "x"), "a.events"), 1)
    assert marks == {"a.events": 19}


def test_records_whose_writer_is_not_known_leave_no_mark():
    """The header was lost: their numbers could be any writer's."""
    marks = {}
    advance(marks, BATCH._replace(writer=None), 3)
    assert marks == {}


@pytest.mark.parametrize("text", ["", "x", "[]", "1", "null", '{"a": "b"}', '{"a": 1.5}', '{"a":'])
def test_what_is_no_position_is_refused_and_shown(text):
    with pytest.raises(RecordValueError, match="none that a reader gave") as caught:
        parse(text)
    assert repr(text) in str(caught.value)


def test_what_goes_too_deep_is_no_position():
    with pytest.raises(RecordValueError, match="none that a reader gave"):
        parse("[" * 100_000)


def test_only_the_beginning_of_it_is_shown():
    with pytest.raises(RecordValueError) as caught:
        parse("x" * 10_000)
    assert len(str(caught.value)) < 200
