"""What is in the archive of a writer that died, and whether it is ours at all."""

import io
from pathlib import Path

import pytest

from shoebox.archive.examination import examine, refusal
from shoebox.archive.layout import LayoutV1, LayoutV2
from tests import golden

WHOLE = (golden.DATA / "v2-none.events").read_bytes()
OLD = (golden.DATA / "v1.events").read_bytes()
HEADER = 141
"""Bytes of the header frame."""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", ""),
        (b"\x84\x78", ""),
        (WHOLE, ""),
        (OLD, ""),
        (bytes(500), ""),
        (bytes(500) + WHOLE[HEADER:], ""),
        (bytes(512) + b"x", ""),
        (b"text", "does not begin as an archive does"),
        (b"\x1f\x8b", "does not begin as an archive does"),
        (bytes(500) + b"x", "does not begin as an archive does"),
        (golden.MAGIC + b"\x09\x00", "version 9 of the format is not known here"),
    ],
)
def test_a_file_is_ours_if_it_begins_as_an_archive_does(content, reason):
    found = refusal(io.BytesIO(content))
    assert reason in found
    assert bool(found) == bool(reason)


def test_a_whole_archive_has_ended():
    found = examine(io.BytesIO(WHOLE), Path("a.open"))
    assert (found.records, found.end, found.ended, found.fault) == (6, len(WHOLE), True, "")
    assert isinstance(found.layout, LayoutV2)


def test_version_1_has_no_end():
    found = examine(io.BytesIO(OLD), Path("a.open"))
    assert (found.records, found.end, found.ended) == (6, len(OLD), False)
    assert isinstance(found.layout, LayoutV1)


def test_the_sound_part_ends_where_the_first_unsound_thing_begins():
    found = examine(io.BytesIO(WHOLE[:-1]), Path("a.open"))
    assert (found.records, found.end, found.ended) == (6, len(WHOLE) - 100, False)
    assert (found.fault, found.damaged) == ("a frame is cut off", False)


def test_marks_behind_damage_count_and_records_do_not():
    changed = WHOLE[:HEADER] + b"\xff" + WHOLE[HEADER + 1 :]
    found = examine(io.BytesIO(changed), Path("a.open"))
    assert (found.records, found.end, found.mark) == (0, HEADER, HEADER)
    assert found.begun


def test_records_without_a_header_are_no_beginning():
    found = examine(io.BytesIO(WHOLE[HEADER:]), Path("a.open"))
    assert (found.begun, found.records, found.end) == (False, 0, 0)


def test_a_header_within_an_archive_is_no_part_of_it():
    found = examine(io.BytesIO(WHOLE[:HEADER] + WHOLE), Path("a.open"))
    assert (found.records, found.end) == (0, HEADER)
    assert found.fault == "a header frame that is doubled, or out of its place"


def test_an_archive_behind_records_of_version_1_is_no_part_of_them():
    found = examine(io.BytesIO(OLD + WHOLE), Path("a.open"))
    assert (found.records, found.end) == (6, len(OLD))
    assert found.fault == "a frame that was written to another place"
