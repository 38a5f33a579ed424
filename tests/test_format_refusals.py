"""What a decoder refuses it refuses with its reason, and it takes what is just within a limit."""

import gzip
import re
import struct
import zlib

import msgspec
import pytest
import zstandard
from isal import isal_zlib

from shoebox.errors import FormatError
from shoebox.format import codecs, index, preamble, runs, section, v1, v2
from shoebox.format.section import Section

BLOCK = v2.Frame(v2.BLOCK, 0, bytes(16), 141, 0, 0, 0, 0, 1, Section(1, 1), Section(1, 1))
ENTRY = index.entry_of(BLOCK, 1)
TAIL = v2.Tail(bytes(16), 1000, 0, 0, 0, 0, 1, 800, 1, 1)
NO_DEFLATE = gzip.compress(b"abc")[:10] + b"\xff" * 20
ONE_RECORD = v2.encode_records([0], [1], b"\1", [v2.encode_map({})])


def head(metadata: int = 4, raw: int = 4, zero: int = 0) -> bytes:
    return v1.HEADER.pack(preamble.MAGIC, v1.VERSION, metadata, raw, zero)


def signed(data: bytes) -> bytes:
    return data + struct.pack("<I", codecs.checksum(data))


def gzipped(raw: bytes) -> bytes:
    packer = isal_zlib.compressobj(wbits=31)
    return packer.compress(raw) + packer.flush()


def directory(sizes: bytes, stored: int = 0, raw: int = 0) -> bytes:
    return msgspec.msgpack.encode({"k": struct.pack("<IIIBB", stored, raw, 0, 0, 0) + sizes})


def pending(*entries: index.Entry) -> index.Index:
    found = index.Index(bytes(16))
    for entry in entries:
        found.add(entry)
    return found


REFUSED = {
    "a version 1 header that holds nonsense": lambda: v1.lengths(head(zero=1)),
    "a version 1 payload length over the limit": lambda: v1.lengths(
        head(raw=preamble.MAX_PAYLOAD + 5)
    ),
    "a version 1 payload that is not as long as it says": lambda: v1.payload_size(b"\2\0\0\0", 5),
    "a version 1 metadata block with a wrong number of pairs": lambda: v1.decode_metadata(
        b"\1\0\0\0"
    ),
    "version 1 metadata that is not as long as it says": lambda: v1.decode_metadata(
        struct.pack("<III", 4, 9, 9)
    ),
    "version 1 metadata that is not UTF-8": lambda: v1.decode_metadata(
        struct.pack("<III", 4, 1, 0) + b"\xff"
    ),
    "a section whose checksum is wrong": lambda: section.decode_section(Section(1, 1, 0), b"x"),
    "unknown compression 9": lambda: codecs.decompress(9, b"", 0),
    "a section of 1 bytes that should be 2": lambda: codecs.decompress(codecs.NONE, b"x", 2),
    "a zstd section that declares another size": lambda: codecs.decompress(
        codecs.ZSTD, zstandard.compress(b"abc"), 4
    ),
    "a gzip section that does not end where it should": lambda: codecs.decompress(
        codecs.GZIP, gzip.compress(b"abc")[:-1], 3
    ),
    "a frame whose checksum is wrong": lambda: v2.decode_frame(bytes(99) + b"x"),
    "a frame of unknown kind 5": lambda: v2.decode_frame(
        signed(v2.encode_frame(BLOCK._replace(kind=5))[:96])
    ),
    "a block frame that holds nonsense": lambda: v2.decode_frame(
        v2.encode_frame(BLOCK._replace(items=v2.MAX_RECORDS + 1))
    ),
    f"a section of {v2.MAX_SECTION + 1} bytes is over the limit": lambda: v2.decode_frame(
        v2.encode_frame(BLOCK._replace(payload=Section(1, v2.MAX_SECTION + 1)))
    ),
    "a tail that holds nonsense": lambda: v2.decode_frame(
        v2.encode_tail(TAIL._replace(index_offset=1000))
    ),
    "a metadata section that is too short for its records": lambda: v2.decode_records(b"x", 1),
    "a metadata section that is not of 2 records": lambda: v2.decode_records(
        bytes(26) + ONE_RECORD[13:], 2
    ),
    "a payload of an unknown type": lambda: v2.decode_records(
        ONE_RECORD[:12] + b"\2" + ONE_RECORD[13:], 1
    ),
    "payloads that are not as long as their records say": lambda: v2.decode_payloads(
        b"xy", v2.decode_records(ONE_RECORD, 1)
    ),
    "a str payload that is not UTF-8": lambda: v2.decode_payloads(
        b"\xff", v2.decode_records(ONE_RECORD, 1)
    ),
    "filters of another number of entries": lambda: runs.decode(directory(b"\0"), 2, 0),
    "an index frame whose filters are not as long as it says": lambda: runs.decode(
        directory(b"\0"), 1, 1
    ),
    "filters whose sizes can't be": lambda: runs.decode(directory(b"\2"), 1, 0),
    f"a directory of filters of {index.MAX_DIRECTORY + 1} bytes is over the limit": lambda: (
        index.decode(bytes(56 + index.MAX_DIRECTORY + 1), 1, 0)
    ),
    f"filters of more than {runs.MAX_RAW} bytes": lambda: runs.decode(
        directory(b"\0", raw=runs.MAX_RAW + 1), 1, 0
    ),
    "an index frame that none can stand above": lambda: index.Index(bytes(16)).add(
        index.entry_of(BLOCK, 1), v2.MAX_LEVEL
    ),
    "an index frame that tells of other records than lie below it": lambda: pending(ENTRY).add(
        ENTRY._replace(records=2), 1
    ),
    "a frame that no index frame follows which tells of it": lambda: pending(
        *(ENTRY._replace(offset=number + 1) for number in range(index.FANOUT + 2))
    ),
    "an index frame whose table is not as long as it says": lambda: index.decode(b"", 1, 0),
    "an index frame of level 1 that has nothing below it": lambda: index.Index(bytes(16)).add(
        index.entry_of(BLOCK, 1), 1
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_refused_is_refused_with_its_reason(reason):
    with pytest.raises(FormatError, match=f"^{re.escape(reason)}$"):
        REFUSED[reason]()


@pytest.mark.parametrize(
    ("reason", "refused"),
    [
        ("a zstd section that can't be", lambda: codecs.decompress(codecs.ZSTD, b"", 0)),
        ("a gzip section that can't be", lambda: codecs.decompress(codecs.GZIP, NO_DEFLATE, 3)),
        ("a header that can't be decoded", lambda: v2.decode_origin(bytes(16) + b"\xc1")),
        (
            "metadata that can't be decoded",
            lambda: v2.decode_records(bytes(13) + b"\xdd\0\0\0\1\xc1", 1),
        ),
        ("filters that can't be decoded", lambda: runs.decode(b"\xc1", 1, 0)),
        ("filters that can't be decoded", lambda: index.decode(bytes(56), 1, 0)),
    ],
)
def test_what_a_library_says_is_part_of_the_reason(reason, refused):
    with pytest.raises(FormatError, match=f"^{re.escape(reason)}.*: .+"):
        refused()


@pytest.mark.parametrize("metadata", [4, 3 * preamble.MAX_METADATA])
@pytest.mark.parametrize("raw", [4, 4 + preamble.MAX_PAYLOAD])
def test_version_1_takes_lengths_up_to_the_limits(metadata, raw):
    assert v1.lengths(head(metadata, raw)) == (metadata, raw)


@pytest.mark.parametrize("metadata", [3, 3 * preamble.MAX_METADATA + 1])
def test_version_1_takes_no_length_beyond_them(metadata):
    with pytest.raises(FormatError, match="nonsense"):
        v1.lengths(head(metadata))


@pytest.mark.parametrize(
    "frame",
    [
        BLOCK._replace(items=v2.MAX_RECORDS),
        BLOCK._replace(offset=v2.MAX_NUMBER, synced=v2.MAX_NUMBER, sequence=v2.MAX_NUMBER),
        BLOCK._replace(offset=1),
        BLOCK._replace(kind=v2.INDEX, level=v2.MAX_LEVEL),
        BLOCK._replace(payload=Section(1, v2.MAX_SECTION)),
    ],
)
def test_a_frame_may_be_at_its_limits(frame):
    assert v2.decode_frame(v2.encode_frame(frame)) == frame


def test_a_tail_may_be_at_its_limits():
    tail = TAIL._replace(offset=v2.MAX_NUMBER, records=v2.MAX_NUMBER)
    assert v2.decode_frame(v2.encode_tail(tail)) == tail


@pytest.mark.parametrize("field", ["offset", "synced", "sequence", "records"])
def test_no_number_of_a_tail_may_be_beyond(field):
    with pytest.raises(FormatError, match="a tail that holds nonsense"):
        v2.decode_frame(v2.encode_tail(TAIL._replace(**{field: v2.MAX_NUMBER + 1})))


def test_a_block_without_a_record_has_the_shortest_metadata():
    assert v2.decode_records(v2.encode_records([], [], b"", []), 0) == ((), (), b"", [])


def test_a_gzip_bomb_is_unpacked_no_further_than_one_byte_over_what_it_declares():
    bomb = gzip.compress(bytes(1 << 20))
    with pytest.raises(FormatError, match="^a gzip section that does not end where it should$"):
        codecs.decompress(codecs.GZIP, bomb, 10)


def test_of_a_gzip_section_one_byte_more_than_it_declares_is_unpacked_to_tell():
    for more, reason in ((1, "a section of 11 bytes that should be 10"), (2, "does not end where")):
        with pytest.raises(FormatError, match=reason):
            codecs.decompress(codecs.GZIP, gzip.compress(bytes(10 + more)), 10)


@pytest.mark.parametrize(
    ("codec", "pack"),
    [
        (codecs.ZSTD, zstandard.ZstdCompressor(level=codecs.ZSTD_LEVEL).compress),
        (codecs.GZIP, gzipped),
    ],
)
def test_what_would_become_as_long_is_stored_as_it_is(codec, pack):
    able = (bytes(range(length)) + bytes(zeros) for length in range(60) for zeros in range(60))
    raw = next(it for it in able if len(pack(it)) == len(it))
    assert codecs.compress(codec, raw) == (codecs.NONE, raw)


@pytest.mark.parametrize("codec", [codecs.ZSTD, codecs.GZIP])
def test_what_would_not_become_shorter_is_stored_as_it_is(codec):
    raw = zlib.compress(b"")
    assert codecs.compress(codec, raw) == (codecs.NONE, raw)


def test_an_index_level_is_due_with_its_last_entry():
    pending = index.Index(bytes(16))
    entry = index.entry_of(BLOCK, 1)
    for number in range(1, index.FANOUT):
        pending.add(entry._replace(offset=number))
    assert pending.full() is None
    pending.add(entry._replace(offset=index.FANOUT))
    assert pending.full() == 0


def test_an_entry_keeps_the_filters_of_its_block():
    assert index.entry_of(BLOCK, 1, {"k": b"\xff"}).filters == {"k": b"\xff"}
    assert index.entry_of(BLOCK, 1).filters is None


@pytest.mark.parametrize("level", [0, v2.MAX_LEVEL + 1])
def test_an_index_frame_is_above_the_blocks_and_no_higher_than_can_be(level):
    with pytest.raises(FormatError, match="^a index frame that holds nonsense$|^an index frame"):
        v2.decode_frame(v2.encode_frame(BLOCK._replace(kind=v2.INDEX, level=level)))


def test_a_metadata_section_without_its_metadata_is_not_of_so_many_records():
    with pytest.raises(FormatError, match="^a metadata section that is not of 1 records$"):
        v2.decode_records(bytes(13), 1)
