"""The frames of version 2."""

import struct

import pytest

from shoebox.errors import FormatError
from shoebox.format import codecs, v2
from shoebox.format.section import Section

FRAME = v2.Frame(
    kind=v2.BLOCK,
    level=0,
    archive_id=bytes(range(16)),
    offset=141,
    synced=100,
    sequence=7,
    first_time=-5,
    last_time=6,
    items=2,
    metadata=Section(10, 20, 0xDEADBEEF, 1, 0),
    payload=Section(30, 40, 0xCAFEBABE, 2, 1),
)
TAIL = v2.Tail(bytes(range(16)), 1000, 900, 7, -5, 6, 2, 800, 56, 14)


def signed(data: bytes) -> bytes:
    return data + struct.pack("<I", codecs.checksum(data))


def test_a_head_is_laid_out_as_specified():
    assert v2.encode_frame(FRAME)[:96] == bytes.fromhex(
        "84788669 0200 02 00 000102030405060708090a0b0c0d0e0f"
        "8d00000000000000 6400000000000000 0700000000000000"
        "fbffffffffffffff 0600000000000000 02000000"
        "0a000000 14000000 efbeadde 01 00 1e000000 28000000 bebafeca 02 01"
    )


def test_a_tail_is_laid_out_as_specified():
    assert v2.encode_tail(TAIL)[:96] == bytes.fromhex(
        "84788669 0200 04 00 000102030405060708090a0b0c0d0e0f"
        "e803000000000000 8403000000000000 0700000000000000"
        "fbffffffffffffff 0600000000000000 0200000000000000 2003000000000000"
        "38000000 0e000000 0000000000000000"
    )


def test_frame_and_tail_come_back():
    assert v2.decode_frame(v2.encode_frame(FRAME)) == FRAME
    assert v2.decode_frame(v2.encode_tail(TAIL)) == TAIL
    assert (FRAME.size, TAIL.size) == (140, 100)


@pytest.mark.parametrize("data", [v2.encode_frame(FRAME), v2.encode_tail(TAIL)])
def test_a_changed_bit_or_a_cut_is_refused(data):
    for at in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            with pytest.raises(FormatError):
                v2.decode_frame(bytes(changed))
        with pytest.raises(FormatError):
            v2.decode_frame(data[:at])


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": 0},
        {"kind": 5},
        {"items": 0},
        {"items": v2.MAX_RECORDS + 1},
        {"level": 1},
        {"kind": v2.INDEX},
        {"offset": 0},
        {"offset": 2**63},
        {"synced": 2**63},
        {"sequence": 2**64 - 1},
        {"metadata": Section(0, v2.MAX_METADATA_SECTION + 1)},
        {"payload": Section(0, v2.MAX_SECTION + 1)},
        {"payload": Section(2**32 - 1, 0)},
        {"payload": Section(0, 0, 0, 0, 2)},
        {"kind": v2.HEADER, "offset": 0, "items": 0},
        {"kind": v2.HEADER, "items": 0, "payload": Section()},
        {"kind": v2.HEADER, "offset": 0, "payload": Section()},
    ],
)
def test_a_frame_that_holds_nonsense_is_refused_though_its_checksum_is_right(fields):
    with pytest.raises(FormatError):
        v2.decode_frame(v2.encode_frame(FRAME._replace(**fields)))


@pytest.mark.parametrize("fields", [{"offset": 2**63}, {"records": 2**63}, {"index_offset": 1000}])
def test_a_tail_that_holds_nonsense_is_refused(fields):
    with pytest.raises(FormatError):
        v2.decode_frame(v2.encode_tail(TAIL._replace(**fields)))


def test_another_version_or_magic_is_refused():
    head = v2.encode_frame(FRAME)[:96]
    for wrong in (head[:4] + b"\x03" + head[5:], b"\x00" + head[1:]):
        with pytest.raises(FormatError):
            v2.decode_frame(signed(wrong))


def test_records_come_back():
    maps = [{}, {"k": "größe"}, {"": ""}]
    raw = v2.encode_records(
        [1, -1, 2**63 - 1], [0, 3, 1], b"\1\0\1", list(map(v2.encode_map, maps))
    )
    records = v2.decode_records(raw, 3)
    assert records == ((1, -1, 2**63 - 1), (0, 3, 1), b"\1\0\1", maps)
    assert v2.decode_payloads(b"\xff\xfe\xfdx", records) == ["", b"\xff\xfe\xfd", "x"]


def test_ascii_payloads_that_are_all_text_are_text():
    records = v2.Records((0, 0), (2, 1), b"\1\1", [{}, {}])
    assert v2.decode_payloads(b"abc", records) == ["ab", "c"]


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        (b"", 1),
        (bytes(13), 1),
        (bytes(13) + b"\x90", 1),
        (bytes(13) + b"\x92\x80\x80", 1),
        (bytes(13) + b"\x91\x80\x80", 1),
        (bytes(13) + b"\x91\xa1x", 1),
        (bytes(13) + b"\x91\x81\xa1k\x01", 1),
        (bytes(13) + b"\x91\x81\xa1k\xa1\xff", 1),
        (bytes(12) + b"\x02\x91\x80", 1),
    ],
)
def test_records_that_do_not_add_up_are_refused(raw, count):
    with pytest.raises(FormatError):
        v2.decode_records(raw, count)


@pytest.mark.parametrize(
    ("raw", "lengths", "texts"),
    [(b"abc", (1, 1), b"\1\1"), (b"a", (1, 2**32 - 1), b"\1\1"), (b"\xff", (1,), b"\1")],
)
def test_payloads_that_do_not_add_up_are_refused(raw, lengths, texts):
    count = len(lengths)
    with pytest.raises(FormatError):
        v2.decode_payloads(raw, v2.Records((0,) * count, lengths, texts, [{}] * count))


def test_the_origin_comes_back():
    raw = v2.encode_origin(b"W" * 16, {"k": "v"})
    assert v2.decode_origin(raw) == (b"W" * 16, {"k": "v"})
    for wrong in (b"", raw[:16], raw[:-1], raw + b"x", b"W" * 16 + b"\x81\xa1\xff\xa1v"):
        with pytest.raises(FormatError):
            v2.decode_origin(wrong)
