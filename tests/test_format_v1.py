"""The bytes of 2014."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoebox.errors import FormatError
from shoebox.format import v1

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def decode(frame: bytes) -> tuple[dict[str, str], str | bytes]:
    metadata, raw = v1.lengths(frame[: v1.HEADER.size])
    block = frame[v1.HEADER.size :]
    assert len(block) == metadata + raw
    size = v1.payload_size(block[metadata : metadata + 4], raw)
    return v1.decode_metadata(block[:metadata]), v1.decode_payload(block[-size:] if size else b"")


def test_a_record_is_laid_out_as_in_2014():
    assert v1.encode({"kä": "v"}, b"payload") == bytes.fromhex(
        "84788669 0100 10000000 0b000000 00000000"
        "04000000 03000000 01000000 6bc3a4 76"
        "07000000 7061796c6f6164"
    )


@given(metadata=st.dictionaries(TEXT, TEXT, max_size=5), payload=st.binary(max_size=50))
def test_a_record_comes_back(metadata, payload):
    found, raw = decode(v1.encode(metadata, payload))
    assert found == metadata
    assert (raw.encode() if isinstance(raw, str) else raw) == payload


def test_a_payload_that_is_utf_8_is_text_and_any_other_is_bytes():
    assert decode(v1.encode({}, "größe".encode()))[1] == "größe"
    assert decode(v1.encode({}, b"\xff"))[1] == b"\xff"


@pytest.mark.parametrize(
    ("metadata", "raw", "zero"),
    [(3, 4, 0), (4, 3, 0), (4, 4, 1), (2**31, 4, 0), (4, 2**31, 0), (4, (128 << 20) + 5, 0)],
)
def test_lengths_that_hold_nonsense_are_refused(metadata, raw, zero):
    with pytest.raises(FormatError):
        v1.lengths(v1.HEADER.pack(0x69867884, 1, metadata, raw, zero))


@pytest.mark.parametrize(
    "block",
    [
        struct.pack("<I", 1),
        struct.pack("<I", 4),
        struct.pack("<III", 4, 1, 1) + b"k",
        struct.pack("<III", 4, 1, 1) + b"kvx",
        struct.pack("<III", 4, 1, 1) + b"k\xff",
        struct.pack("<II", 2**32 - 4, 0),
        struct.pack("<III", 4, 2**32 - 1, 2**32 - 1),
    ],
)
def test_metadata_that_does_not_add_up_is_refused(block):
    with pytest.raises(FormatError):
        v1.decode_metadata(block)


def test_a_payload_of_another_length_is_refused():
    with pytest.raises(FormatError, match="not as long as it says"):
        v1.payload_size(struct.pack("<I", 2), 5)
