"""The filters of an index frame are found key by key, and what are none are refused."""

import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoebox.errors import FormatError
from shoebox.format import codecs, filters, runs

MAGIC = b"\x84\x78\x86\x69"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
BLOCK = st.none() | st.dictionaries(
    TEXT, st.just(b"") | st.sets(TEXT, max_size=40).map(filters.build), max_size=4
)


@given(blocks=st.lists(BLOCK, min_size=1, max_size=6), codec=st.sampled_from(sorted(codecs.NAMES)))
def test_each_key_has_a_run_of_its_own(blocks, codec):
    directory, stored = runs.encode(blocks, codec)
    found = runs.decode(directory, len(blocks), len(stored))
    assert found.keys() == {key for block in blocks if block for key in block}
    for key, run in found.items():
        alone = stored[run.at : run.at + run.section.stored]
        assert list(run.filters(alone)) == [
            b"" if block is None else block.get(key) for block in blocks
        ]


def test_a_run_that_holds_the_magic_is_escaped_for_itself():
    """So that it can be read alone; and over the seam of two runs the magic stands nowhere."""
    blocks = [{"a": MAGIC * 8, "b": MAGIC[1:] + bytes(29)}]
    directory, stored = runs.encode(blocks, codecs.NONE)
    assert MAGIC not in stored
    found = runs.decode(directory, 1, len(stored))
    assert [run.section.escaped for run in found.values()] == [1, 1]
    for key, run in found.items():
        alone = stored[run.at : run.at + run.section.stored]
        assert list(run.filters(alone)) == [blocks[0][key]]


def test_a_run_that_was_changed_is_refused():
    directory, stored = runs.encode([{"a": filters.build({"1"})}], codecs.NONE)
    run = runs.decode(directory, 1, len(stored))["a"]
    with pytest.raises(FormatError, match="checksum"):
        list(run.filters(stored[:-1] + b"x"))


def directory(sizes: bytes, raw: int, stored: int = 0) -> bytes:
    return msgspec.msgpack.encode({"k": struct.pack("<IIIBB", stored, raw, 0, 0, 0) + sizes})


@pytest.mark.parametrize(
    ("data", "stored"),
    [
        (b"", 0),
        (b"\x90", 0),
        (b"\x81\xa1k\xc4\x03abc", 0),
        (b"\x81\xa1k\xa1v", 0),
        (b"\x81\xa1\xff\xc4\x00", 0),
        (b"\xdf\xff\xff\xff\xff", 0),
        (b"\x80\x80", 0),
        (directory(b"\0", 0), 1),
        (directory(b"\0\0", 0), 0),
        (directory(b"\2", 0), 0),
        (directory(b"\7", 16), 0),
        (directory(b"\x11", 1 << 14), 0),
        (directory(b"\x08", 31), 0),
        (directory(b"\x08", 32, 1 << 31), 1 << 31),
    ],
)
def test_what_are_no_filters_is_refused(data, stored):
    with pytest.raises(FormatError):
        runs.decode(data, 1, stored)


def test_one_run_may_have_filters_of_every_size():
    sizes = [1 << power for power in range(5, 14)]
    blocks = [{"a": bytes(size)} for size in sizes] + [{"a": b""}, {"b": b""}]
    directory, stored = runs.encode(blocks, codecs.NONE)
    run = runs.decode(directory, len(blocks), len(stored))["a"]
    assert list(run.filters(stored)) == [*map(bytes, sizes), b"", None]


def test_filters_up_to_the_limit_are_taken():
    found = runs.decode(directory(b"\x10" * 1024, runs.MAX_RAW), 1024, 0)
    assert found["k"].section.raw == runs.MAX_RAW
