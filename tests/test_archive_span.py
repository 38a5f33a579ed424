"""Spans: parts of a file that meet and share no frame."""

import io
import pickle

import pytest

from shoebox.archive import ArchiveReader
from shoebox.archive.span import WHOLE, Span, Start
from tests import golden

START = Start(100, 0, bytes(16), 7)


def test_the_whole_file_is_a_span():
    assert WHOLE.has(0)
    assert WHOLE.has(2**62)
    assert not WHOLE.ends(2**62)
    assert WHOLE.clipped(2**62) == 2**62


@pytest.mark.parametrize(("at", "has"), [(99, False), (100, True), (199, True), (200, False)])
def test_a_span_has_what_begins_in_it(at, has):
    assert Span(START, 200).has(at) == has
    assert Span(None, 200).has(at) == (at < 200)
    assert Span(START).has(at) == (at >= 100)


def test_what_is_left_out_at_its_end_is_somebody_elses():
    assert Span(START, 200).clipped(150) == 150
    assert Span(START, 200).clipped(300) == 200


def test_it_travels():
    assert pickle.loads(pickle.dumps(Span(START, 200))) == Span(START, 200)  # noqa: S301 - our own


def test_a_reader_of_a_span_gives_the_blocks_that_begin_in_it(tmp_path):
    rows = [[({"n": f"{number}"}, "x" * 100, number)] for number in range(9)]
    data = golden.write_blocks(tmp_path / "a", rows, compression="none").read_bytes()
    with ArchiveReader(io.BytesIO(data), name="a") as reader:
        records = list(reader.records())
    at = [it.position.offset for it in records]
    for first in range(1, 9):
        for last in range(first, 9):
            start = Start(at[first], 0, golden.ARCHIVE_ID, records[first].sequence)
            span = Span(start, at[last])
            with ArchiveReader(io.BytesIO(data), name="a", span=span) as reader:
                assert list(reader.records()) == records[first:last]
                assert reader.faults == []
