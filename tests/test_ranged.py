"""Files that fetch ranges: the bytes of the object, in few requests."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoebox.errors import StorageUnavailable
from shoebox.ranged import LARGEST, SMALLEST, RangedFile

CONTENT = bytes(range(251)) * 4000


class Fetches:
    """A file over some bytes, and the ranges that were asked for."""

    def __init__(self, content=CONTENT):
        self.ranges = []
        self.content = content
        self.file = RangedFile(len(content), self.fetch)

    def fetch(self, start, stop):
        self.ranges.append((start, stop))
        return self.content[start:stop]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 300_000)),
        st.tuples(st.just("seek"), st.integers(0, len(CONTENT) + 10)),
        st.tuples(st.just("readinto"), st.integers(0, 300_000)),
    ),
    max_size=12,
)


@given(STEPS)
def test_it_gives_what_a_file_would(steps):
    ours, theirs = Fetches().file, io.BytesIO(CONTENT)
    for step, number in steps:
        if step == "readinto":
            one, other = bytearray(number), bytearray(number)
            assert ours.readinto(one) == theirs.readinto(other)
            assert one == other
        else:
            assert getattr(ours, step)(number) == getattr(theirs, step)(number)
        assert ours.tell() == theirs.tell()


@pytest.mark.parametrize("whence", [io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
def test_it_can_be_read_from_anywhere(whence):
    file = Fetches().file
    file.seek(10)
    assert (
        file.seek(-5 if whence == io.SEEK_END else 5, whence) == {0: 5, 1: 15, 2: 1003995}[whence]
    )
    with pytest.raises(ValueError, match="no offset"):
        file.seek(-(10**9), whence)


def test_many_small_reads_are_one_request():
    it = Fetches()
    for _ in range(SMALLEST // 100):
        it.file.read(100)
    assert it.ranges == [(0, SMALLEST)]


def test_requests_grow_while_it_is_read_from_one_end_to_the_other():
    it = Fetches(bytes(20 * LARGEST))
    while it.file.read(100_000):
        pass
    sizes = [stop - start for start, stop in it.ranges]
    assert max(sizes) == LARGEST
    assert sum(sizes) == 20 * LARGEST
    assert len(sizes) < 35


def test_a_jump_begins_small_again():
    it = Fetches()
    it.file.read(3 * SMALLEST)
    it.file.seek(900_000)
    it.file.read(1)
    assert it.ranges[-1] == (900_000, 900_000 + SMALLEST)


def test_nothing_is_kept_but_the_last_request_and_a_large_read_is_in_pieces():
    """So that memory is bounded whatever is asked for at once."""
    it = Fetches(bytes(3 * LARGEST))
    assert len(it.file.read()) == 3 * LARGEST
    assert max(stop - start for start, stop in it.ranges) == LARGEST


def test_an_answer_that_is_too_short_is_an_error_and_no_end():
    file = RangedFile(100, lambda start, _: CONTENT[start : start + 7])
    with pytest.raises(StorageUnavailable, match="7 bytes came instead of 100"):
        file.read()


def test_an_empty_object_takes_no_request():
    it = Fetches(b"")
    assert it.file.read() == b""
    assert it.ranges == []
