"""The header that an archive begins with, read alone."""

import io

import pytest

from shoebox.archive.header import header_of, read_header
from shoebox.archive.source import Bytes
from shoebox.errors import FormatError
from tests import golden


def test_a_header_says_whose_archive_it_is():
    header = read_header(golden.DATA / "v2-zstd.events")
    assert header.archive == golden.ARCHIVE_ID.hex()
    assert header.writer == golden.WRITER_ID.hex()
    assert (header.created, header.sequence) == (golden.CREATED, golden.FIRST_SEQUENCE)
    assert header.metadata == {"made by": "tests/golden.py"}


@pytest.mark.parametrize("data", [b"", b"no archive" * 20])
def test_where_there_is_none_none_is_read(data):
    assert read_header(io.BytesIO(data)) is None
    assert read_header(golden.DATA / "v1.events") is None


def test_a_header_can_stand_behind_another_archive():
    first, second = (
        (golden.DATA / name).read_bytes() for name in ("v2-none.events", "v2-tree.events")
    )
    data = Bytes(io.BytesIO(first + second))
    assert header_of(data, len(first)) == header_of(data)
    assert header_of(data, len(first) + len(second) - 100) is None
    with pytest.raises(FormatError):
        header_of(data, 7)
