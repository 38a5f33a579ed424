"""Version 2: the frames of an archive, as docs/format.md draws them.

    archive = header-frame { block-frame | index-frame } index-frame tail-frame

Every frame opens with 100 bytes that carry their own checksum: a `Frame` (for
header, block and index: its two sections follow) or a `Tail`. The archive's id and
the frame's offset stand in each, so that one that was moved, doubled or left out, or
that belongs to another archive, is noticed.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

import msgspec

from shoebox.errors import FormatError
from shoebox.format import codecs
from shoebox.format.preamble import MAGIC, MAX_METADATA, MAX_PAYLOAD
from shoebox.format.section import Section

VERSION: Final = 2
HEADER, BLOCK, INDEX, TAIL = 1, 2, 3, 4
KINDS = {HEADER: "header", BLOCK: "block", INDEX: "index", TAIL: "tail"}

BLOCK_BYTES: Final = 1 << 20
"""A block is written when its records come to this many bytes, `RECORD_COST` for each of
them included, so that small records don't make a huge metadata section."""

PLAIN_BLOCK_BYTES: Final = 1 << 18
"""The same where nothing is compressed: a larger block would save nothing, and a roll by
size is only as exact as a block is small."""

RECORD_COST: Final = 64

MAX_SECTION: Final = BLOCK_BYTES + MAX_PAYLOAD
MAX_METADATA_SECTION: Final = BLOCK_BYTES + MAX_METADATA + (1 << 20)
MAX_RECORDS: Final = 1 << 16
"""Of a block."""

MAX_ENTRIES: Final = 129
"""Of an index frame."""

MAX_LEVEL: Final = 62
"""Of an index frame: as many as there may be where each tells of two below it."""

MAX_NUMBER: Final = 1 << 62
"""Of offsets, lengths and sequence numbers: sums of two stay within 64 bits."""

_FRAME = struct.Struct("<IHBB16sQQQqqI" + "IIIBB" * 2)
_TAIL = struct.Struct("<IHBx16sQQQqqQQII8x")
_CRC = struct.Struct("<I")
_ARRAY = struct.Struct(">BI")
"""MessagePack's array 32: the marker and the number of items."""
_ARRAY_MARK: Final = 0xDD
_TYPES = b"\0\1"
"""What stands for a payload of type bytes, and of type str."""

_UNDECODABLE = msgspec.MsgspecError, UnicodeDecodeError
_MAX_ITEMS: Final = {HEADER: 0, BLOCK: MAX_RECORDS, INDEX: MAX_ENTRIES}
ID_SIZE = 16
FRAME_SIZE = _FRAME.size + _CRC.size


class Frame(NamedTuple):
    """The first 100 bytes of a header, block or index frame."""

    kind: int
    level: int
    """Height above the blocks: 0, or in an index frame 1 and more."""
    archive_id: bytes
    offset: int
    """Of this frame, from the archive's header frame."""
    synced: int
    """How many of the archive's bytes were known to be durable when this was written."""
    sequence: int
    """The first record's; in a header frame, that of the first record to come."""
    first_time: int
    last_time: int
    """Nanoseconds since the epoch, of the earliest and latest record; or of creation."""
    items: int
    """Records in a block, entries in an index frame."""
    metadata: Section = Section()
    payload: Section = Section()

    @property
    def size(self) -> int:
        """The bytes of the whole frame."""
        return FRAME_SIZE + self.metadata.stored + self.payload.stored


class Tail(NamedTuple):
    """The last 100 bytes of a sealed archive; `offset` says how long it is."""

    archive_id: bytes
    offset: int
    synced: int
    sequence: int
    first_time: int
    last_time: int
    records: int
    """In the archive."""
    index_offset: int
    """Of the index's root, from the archive's header frame."""
    index_metadata: int
    index_payload: int
    """The stored lengths of the root's two sections."""

    @property
    def size(self) -> int:
        """The bytes of the tail."""
        return FRAME_SIZE


class Records(NamedTuple):
    """A decoded metadata section: parallel sequences, one item a record."""

    timestamps: Sequence[int]
    lengths: Sequence[int]
    """Bytes of each payload."""
    texts: bytes
    """1 where the payload is str, 0 where it is bytes."""
    metadata: list[dict[str, str]]


def encode_frame(frame: Frame) -> bytes:
    """Return the frame's first 100 bytes."""
    fields = (MAGIC, VERSION, *frame[:9], *frame.metadata, *frame.payload)
    return _sign(_FRAME.pack(*fields))


def encode_tail(tail: Tail) -> bytes:
    """Return the tail."""
    return _sign(_TAIL.pack(MAGIC, VERSION, TAIL, *tail))


def decode_frame(data: bytes) -> Frame | Tail:
    """Return what stands in 100 bytes; raise FormatError unless they are sound.

    The checksum, the kind and every bound are looked at before anything is believed.
    """
    if len(data) != FRAME_SIZE or codecs.checksum(data[: _FRAME.size]) != _crc_of(data):
        raise FormatError("a frame whose checksum is wrong")
    magic, version, kind = _FRAME.unpack_from(data)[:3]
    if (magic, version) != (MAGIC, VERSION) or kind not in KINDS:
        raise FormatError(f"a frame of unknown kind {kind}")
    return _decode_tail(data) if kind == TAIL else _decode_frame(data)


def encode_origin(writer_id: bytes, metadata: Mapping[str, str]) -> bytes:
    """Return a header frame's raw metadata section: who writes, and what else is to be known."""
    return writer_id + encode_map(metadata)


def decode_origin(raw: bytes) -> tuple[bytes, dict[str, str]]:
    """Return the writer's id and the free metadata; raise FormatError where there are none."""
    try:
        return raw[:ID_SIZE], decode_map(memoryview(raw)[ID_SIZE:])
    except _UNDECODABLE as error:
        raise FormatError(f"a header that can't be decoded: {error}") from error


def encode_records(
    timestamps: Sequence[int], lengths: Sequence[int], texts: bytes, maps: Sequence[bytes]
) -> bytes:
    """Return a raw metadata section; `maps` are the records' metadata from `encode_map`."""
    count = len(timestamps)
    return b"".join(
        (
            struct.pack(f"<{count}q", *timestamps),
            struct.pack(f"<{count}I", *lengths),
            texts,
            _ARRAY.pack(_ARRAY_MARK, count),
            *maps,
        )
    )


def decode_records(raw: bytes, count: int) -> Records:
    """Return what `encode_records` was given; raise FormatError where it does not add up."""
    maps_at = 13 * count
    if maps_at > len(raw):
        raise FormatError("a metadata section that is too short for its records")
    if raw[maps_at : maps_at + _ARRAY.size] != _ARRAY.pack(_ARRAY_MARK, count):
        # Before it is decoded: an array of more maps takes many times the memory of its bytes.
        raise FormatError(f"a metadata section that is not of {count} records")
    try:
        metadata = _decode_maps(memoryview(raw)[maps_at:])
    except _UNDECODABLE as error:
        raise FormatError(f"metadata that can't be decoded: {error}") from error
    timestamps = struct.unpack_from(f"<{count}q", raw)
    lengths = struct.unpack_from(f"<{count}I", raw, 8 * count)
    texts = raw[12 * count : maps_at]
    if texts.strip(_TYPES):
        raise FormatError("a payload of an unknown type")
    return Records(timestamps, lengths, texts, metadata)


def decode_payloads(raw: bytes, records: Records) -> list[str | bytes]:
    """Return the payloads of a block's records, as the types that they were written with."""
    spans = pairwise(accumulate(records.lengths, initial=0))
    if sum(records.lengths) != len(raw):
        raise FormatError("payloads that are not as long as their records say")
    if records.texts.count(1) == len(records.texts):
        with suppress(UnicodeDecodeError):
            text = raw.decode("ascii")
            return [text[start:end] for start, end in spans]
    try:
        return [
            raw[start:end].decode() if is_text else raw[start:end]
            for is_text, (start, end) in zip(records.texts, spans, strict=True)
        ]
    except UnicodeDecodeError as error:
        raise FormatError("a str payload that is not UTF-8") from error


encode_map = msgspec.msgpack.Encoder().encode
"""Return a str:str dict as a MessagePack map: one C call that copies it whole."""

decode_map = msgspec.msgpack.Decoder(dict[str, str]).decode
_decode_maps = msgspec.msgpack.Decoder(list[dict[str, str]]).decode


def _sign(data: bytes) -> bytes:
    return data + _CRC.pack(codecs.checksum(data))


def _crc_of(data: bytes) -> int:
    (crc,) = _CRC.unpack_from(data, _FRAME.size)
    return int(crc)


def _decode_frame(data: bytes) -> Frame:
    fields = _FRAME.unpack_from(data)
    sections = Section._make(fields[11:16]), Section._make(fields[16:21])
    frame = Frame._make((*fields[2:11], *sections))
    if not _is_plausible(frame) or frame.items > _MAX_ITEMS[frame.kind]:
        raise FormatError(f"a {KINDS[frame.kind]} frame that holds nonsense")
    for section, limit in ((frame.metadata, MAX_METADATA_SECTION), (frame.payload, MAX_SECTION)):
        if not section.within(limit):
            raise FormatError(f"a section of {section.raw} bytes is over the limit")
    return frame


def _is_plausible(frame: Frame) -> bool:
    """Tell whether the fields can be those of a frame of its kind."""
    if max(frame.offset, frame.synced, frame.sequence) > MAX_NUMBER or frame.level > MAX_LEVEL:
        return False
    if frame.kind == HEADER:
        return not (frame.offset or frame.level or frame.payload.stored)
    return frame.offset > 0 and frame.items > 0 and (frame.level > 0) == (frame.kind == INDEX)


def _decode_tail(data: bytes) -> Tail:
    tail = Tail._make(_TAIL.unpack_from(data)[3:])
    numbers = tail.offset, tail.synced, tail.sequence, tail.records
    if max(numbers) > MAX_NUMBER or not tail.index_offset < tail.offset:
        raise FormatError("a tail that holds nonsense")
    return tail
