"""Every decoder as a function of bytes that somebody else has made, and what it promises of them.

Each refuses by FormatError, or what it gives keeps what is asserted here. Any other exception
is a fault. `python -m tests.faults.hostile.fuzz` has atheris look for one; the inputs that it
kept are read again by test_corpus.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

from shoebox.errors import FormatError
from shoebox.format import codecs, filters, index, runs, v1, v2
from shoebox.format.preamble import MAGIC_BYTES, MAX_METADATA, MAX_PAYLOAD, version_of
from shoebox.format.section import Section, decode_section
from tests.faults.hostile import files

SECTION = struct.Struct("<IIIBB")
BLOCK = struct.Struct("<HI")
"""The number of records or entries, and the bytes of the raw metadata section that follows."""
RUNS = struct.Struct("<BI")
"""The number of entries, and the bytes that all runs are stored in."""
LARGEST = 1 << 20
"""Bytes that a section may declare here, so that a run is short."""


def preamble(data: bytes) -> None:
    """Bytes are a preamble if the magic is there and a version behind it."""
    version = version_of(data)
    assert (version is not None) == (data.startswith(MAGIC_BYTES) and len(data) >= 6)
    assert version is None or version == int.from_bytes(data[4:6], "little")


def v1_record(data: bytes) -> None:
    """A record of version 1 is within the limits, and is written as it was read."""
    head = data[: v1.HEADER.size]
    if len(head) < v1.HEADER.size:
        return
    metadata, raw = v1.lengths(head)
    assert metadata <= 3 * MAX_METADATA
    assert raw <= MAX_PAYLOAD + 4
    end = len(head) + metadata + raw
    if len(data) < end:
        return
    size = v1.payload_size(data[end - raw : end - raw + 4], raw)
    pairs = v1.decode_metadata(data[len(head) : end - raw])
    payload = v1.decode_payload(data[end - size : end])
    again = v1.encode(pairs, payload if isinstance(payload, bytes) else payload.encode())
    # It is shorter where a key stood there twice.
    assert again[-raw:] == data[end - raw : end]
    assert len(again) <= end


def head(data: bytes) -> None:
    """A head is within the limits, and is written as it was read."""
    found = v2.decode_frame(data[: v2.FRAME_SIZE])
    assert 0 <= found.offset <= v2.MAX_NUMBER
    assert 0 <= found.sequence <= v2.MAX_NUMBER
    if isinstance(found, v2.Tail):
        assert v2.decode_frame(v2.encode_tail(found)) == found
        assert found.index_offset < found.offset
        return
    assert v2.encode_frame(found) == data[: v2.FRAME_SIZE]
    assert found.items <= v2.MAX_RECORDS
    assert found.metadata.within(v2.MAX_METADATA_SECTION)
    assert found.payload.within(v2.MAX_SECTION)


def origin(data: bytes) -> None:
    """What a header says comes back when it is written again."""
    writer, metadata = v2.decode_origin(data)
    assert len(writer) == v2.ID_SIZE
    assert v2.decode_origin(v2.encode_origin(writer, metadata)) == (writer, metadata)


def block(data: bytes) -> None:
    """A block gives as many records as it says, and no byte of its payloads twice."""
    if len(data) < BLOCK.size:
        return
    count, length = BLOCK.unpack_from(data)
    raw, payload = _two(data[BLOCK.size :], length)
    records = v2.decode_records(raw, count)
    assert len(records.timestamps) == len(records.lengths) == len(records.texts) == count
    maps = list(map(v2.encode_map, records.metadata))
    again = v2.encode_records(records.timestamps, records.lengths, records.texts, maps)
    assert v2.decode_records(again, count) == records
    payloads = v2.decode_payloads(payload, records)
    assert b"".join(it if isinstance(it, bytes) else it.encode() for it in payloads) == payload
    assert [isinstance(it, str) for it in payloads] == list(map(bool, records.texts))


def section(data: bytes) -> None:
    """A section is as long as it says when it is unpacked."""
    if len(data) < SECTION.size:
        return
    told = Section._make(SECTION.unpack_from(data))
    if told.within(LARGEST):
        assert len(decode_section(told, data[SECTION.size :])) == told.raw


def codec(data: bytes) -> None:
    """Nothing is unpacked but what gives just as many bytes as were declared."""
    if len(data) < 4:
        return
    size = int.from_bytes(data[1:4], "little") % LARGEST
    assert len(codecs.decompress(data[0], data[4:], size)) == size


def bloom(data: bytes) -> None:
    """A filter lets every value through that it was built from, and any filter can be asked."""
    values = {it.decode(errors="replace") for it in data.split(b"\0")}
    built = filters.build(values)
    assert all(filters.may_hold(built, it) for it in values)
    powers = range(filters.MIN_BITS.bit_length() - 1, filters.MAX_BITS.bit_length())
    for size in [1 << power - 3 for power in powers if 1 << power - 3 <= len(data)]:
        assert isinstance(filters.may_hold(data[:size], "a"), bool)


def directory(data: bytes) -> None:
    """Runs lie one behind the other, within what is stored, and none is too large together."""
    if len(data) < RUNS.size:
        return
    count, stored = RUNS.unpack_from(data)
    found = list(runs.decode(data[RUNS.size :], count, stored).values())
    ends = [run.at + run.section.stored for run in found]
    assert [run.at for run in found] == [0, *ends][: len(found)]
    assert ends[-1:] in ([], [stored])
    assert sum(run.section.raw for run in found) <= runs.MAX_RAW
    assert all(len(run.sizes) == count for run in found)


def entries(data: bytes) -> None:
    """An index frame tells of as many frames as it says, with filters that can be asked."""
    if len(data) < BLOCK.size:
        return
    count, length = BLOCK.unpack_from(data)
    raw, payload = _two(data[BLOCK.size :], length)
    found = index.decode(raw, count, len(payload)).filled(payload)
    assert len(found) == count
    held = [it for entry in found for it in (entry.filters or {}).values()]
    assert all(isinstance(filters.may_hold(it, "n1"), bool) for it in held)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "preamble": preamble,
    "v1": v1_record,
    "head": head,
    "origin": origin,
    "block": block,
    "section": section,
    "codec": codec,
    "filters": bloom,
    "directory": directory,
    "index": entries,
    "tail": files.tail,
    "descent": files.descent,
    "archive": files.archive,
    "packed": files.packed,
    "recovery": files.recovery,
    "catalog": files.catalog,
    "delivery": files.delivery,
}


def try_on(name: str, data: bytes) -> None:
    """Give a decoder these bytes; it may refuse them."""
    with suppress(FormatError):
        TARGETS[name](data)


def _two(data: bytes, length: int) -> tuple[bytes, bytes]:
    return data[:length], data[length:]
