"""A reader written from docs/format.md alone: it imports nothing of shoebox.

It is slow and takes whole files into memory; it is there to show that the page is
enough. Damage is not its business, but for going on at the next frame.
"""

import struct
import zlib
from typing import NamedTuple

import zstandard

MAGIC = b"\x84\x78\x86\x69"
HEADER, BLOCK, INDEX, TAIL = 1, 2, 3, 4


class Bad(Exception):
    """The bytes are not what the page says."""


class Row(NamedTuple):
    metadata: dict[str, str]
    payload: str | bytes
    time: int | None
    writer: str | None
    sequence: int | None


class Head(NamedTuple):
    kind: int
    level: int
    archive_id: bytes
    offset: int
    sequence: int
    items: int
    sections: list[tuple[int, int, int, int, int]]
    size: int


def _table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


TABLE = _table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def read(data: bytes) -> list[Row]:
    """Return every record, reading forward."""
    data = unpack_file(data)
    rows: list[Row] = []
    at, writer = 0, ""
    while at < len(data):
        try:
            _, version = struct.unpack_from("<IH", data, at)
            if data[at : at + 4] != MAGIC:
                raise Bad("no frame")
            if version == 1:
                row, at = record_of_version_1(data, at)
                rows.append(row)
                continue
            if version != 2:
                raise Bad("unknown version")
            head = parse_head(data, at)
        except (Bad, struct.error):
            at = data.find(MAGIC, at + 1)
            if at < 0:
                break
            continue
        if head.kind == HEADER:
            writer = section(data, at, head, 0)[:16].hex()
        elif head.kind == BLOCK:
            rows += block(data, at, head, writer)
        at += head.size
    return rows


def read_by_index(data: bytes) -> list[Row]:
    """Return every record of version 2, archive by archive from the end, by their indexes."""
    rows: list[Row] = []
    end = len(data)
    while end:
        tail = parse_head(data, end - 100)
        if tail.kind != TAIL:
            raise Bad("no tail")
        start = end - 100 - tail.offset
        header = parse_head(data, start)
        writer = section(data, start, header, 0)[:16].hex()
        root, table, filters = struct.unpack_from("<QII", data, end - 100 + 72)
        (records,) = struct.unpack_from("<Q", data, end - 100 + 64)
        found = below(data, start, root, 100 + table + filters, writer)
        if len(found) != records:
            raise Bad("the tail counts other records")
        rows = found + rows
        end = start
    return rows


def below(data: bytes, start: int, offset: int, size: int, writer: str) -> list[Row]:
    head = parse_head(data, start + offset)
    if (head.offset, head.size) != (offset, size):
        raise Bad("an entry does not tell of the frame that it points to")
    if head.kind == BLOCK:
        return block(data, start + offset, head, writer)
    rows: list[Row] = []
    for entry in entries(data, start + offset, head):
        found = below(data, start, entry[0], 100 + entry[5] + entry[6], writer)
        if len(found) != entry[2] or found[0].sequence != entry[1]:
            raise Bad("an entry counts other records")
        if parse_head(data, start + entry[0]).sections[1][3] != entry[8]:
            raise Bad("an entry has another codec")
        times = [row.time for row in found]
        if (min(times), max(times)) != (entry[3], entry[4]):
            raise Bad("an entry has other times")
        rows += found
    return rows


def entries(data: bytes, at: int, head: Head) -> list[tuple[object, ...]]:
    """Return offset, sequence, records, times, lengths and filters of each entry.

    Its filters are a dict of key to filter, None if nothing is known of its values.
    """
    table, rows = section(data, at, head, 0), []
    section(data, at, head, 1)
    if len(table) < 56 * head.items:
        raise Bad("a table of another length")
    for number in range(head.items):
        *entry, known = struct.unpack_from("<QQQqqIIBB6x", table, 56 * number)
        rows.append((*entry[:7], {} if known else None, entry[7]))
    unpacker = MessagePack(table[56 * head.items :])
    place = at + 100 + head.sections[0][0]
    for _ in range(unpacker.map_size()):
        place = add_filters(rows, unpacker.text(), unpacker.binary(), data, place)
    unpacker.finish()
    if place != at + head.size:
        raise Bad("filters of another length")
    return rows


def add_filters(rows: list, key: str, described: bytes, data: bytes, start: int) -> int:
    """Give each entry its filter of a key; return where the next key's begin."""
    descriptor, sizes = struct.unpack("<IIIBB", described[:14]), described[14:]
    raw, place = unpack(data[start : start + descriptor[0]], descriptor), 0
    for row, size in zip(rows, sizes, strict=True):
        length = 2**size // 8 if size > 1 else 0
        if size and row[7] is not None:
            row[7][key] = raw[place : place + length]
        place += length
    if place != len(raw):
        raise Bad("a key's filters")
    return start + descriptor[0]


def may_hold(filter_: bytes, xxh3: int) -> bool:
    """Tell whether a value of this XXH3-64 hash may be in the block."""
    bits = len(filter_) * 8
    if not bits:
        return True
    numbers = [(xxh3 >> shift & 0xFFFF) % bits for shift in (0, 16)]
    return all(filter_[number >> 3] & 0x80 >> (number & 7) for number in numbers)


def unpack_file(data: bytes) -> bytes:
    if data[:2] == b"\x1f\x8b":
        return gunzip(data)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        reader = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
        return reader.readall()
    return data


def gunzip(data: bytes) -> bytes:
    parts = []
    while data:
        member = zlib.decompressobj(31)
        parts.append(member.decompress(data))
        data = member.unused_data
    return b"".join(parts)


def record_of_version_1(data: bytes, at: int) -> tuple[Row, int]:
    metadata, raw, zero = struct.unpack_from("<III", data, at + 6)
    start = at + 18
    end = start + metadata + raw
    if zero or end > len(data):
        raise Bad("nonsense")
    (count,) = struct.unpack_from("<I", data, start)
    count //= 4
    sizes = struct.unpack_from(f"<{2 * count}I", data, start + 4)
    place = start + 4 + 8 * count
    strings = []
    for size in sizes:
        strings.append(data[place : place + size].decode())
        place += size
    (size,) = struct.unpack_from("<I", data, place)
    payload = data[place + 4 : end]
    if place != start + metadata or size != len(payload):
        raise Bad("lengths that do not add up")
    pairs = dict(zip(strings[::2], strings[1::2], strict=True))
    return Row(pairs, text_if_it_is(payload), None, None, None), end


def text_if_it_is(payload: bytes) -> str | bytes:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload


def parse_head(data: bytes, at: int) -> Head:
    head = data[at : at + 100]
    if len(head) < 100 or head[:6] != MAGIC + b"\x02\x00":
        raise Bad("no frame of version 2")
    if struct.unpack_from("<I", head, 96) != (crc32c(head[:96]),):
        raise Bad("a head's checksum")
    kind, level = head[6], head[7]
    archive_id = head[8:24]
    offset, _synced, sequence, _first, _last = struct.unpack_from("<QQQqq", head, 24)
    if kind == TAIL:
        return Head(kind, 0, archive_id, offset, sequence, 0, [], 100)
    (items,) = struct.unpack_from("<I", head, 64)
    sections = [struct.unpack_from("<IIIBB", head, place) for place in (68, 82)]
    size = 100 + sections[0][0] + sections[1][0]
    if at + size > len(data):
        raise Bad("cut off")
    return Head(kind, level, archive_id, offset, sequence, items, sections, size)


def section(data: bytes, at: int, head: Head, number: int) -> bytes:
    """Return a raw section: 0 is that of the metadata, 1 that of the payloads."""
    start = at + 100 + (head.sections[0][0] if number else 0)
    return unpack(data[start : start + head.sections[number][0]], head.sections[number])


def unpack(packed: bytes, descriptor: tuple[int, ...]) -> bytes:
    """Return the raw bytes of a section."""
    _stored, raw, checksum, codec, escaped = descriptor
    if crc32c(packed) != checksum:
        raise Bad("a section's checksum")
    if escaped:
        packed = packed[1:].replace(b"\x84\x78\x86\x00", b"\x84\x78\x86")
    if codec == 1:
        packed = zstandard.ZstdDecompressor().decompress(packed)
    elif codec == 2:
        packed = zlib.decompress(packed, 31)
    if len(packed) != raw:
        raise Bad("a section's length")
    return packed


def block(data: bytes, at: int, head: Head, writer: str) -> list[Row]:
    raw, payloads = section(data, at, head, 0), section(data, at, head, 1)
    count = head.items
    times = struct.unpack_from(f"<{count}q", raw)
    sizes = struct.unpack_from(f"<{count}I", raw, 8 * count)
    types = raw[12 * count : 13 * count]
    unpacker = MessagePack(raw[13 * count :])
    if unpacker.array_size() != count:
        raise Bad("the array's length")
    rows, place = [], 0
    for number in range(count):
        payload: str | bytes = payloads[place : place + sizes[number]]
        place += sizes[number]
        if types[number]:
            payload = payload.decode()
        pairs = unpacker.map()
        rows.append(Row(pairs, payload, times[number], writer, head.sequence + number))
    unpacker.finish()
    if place != len(payloads):
        raise Bad("the payloads' lengths")
    return rows


class MessagePack:
    """What the page names of MessagePack, from front to back."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise Bad("MessagePack that is cut off")
        self.at += size
        return self.data[self.at - size : self.at]

    def size(self, markers: dict[int, int], fixed: tuple[int, int]) -> int:
        """Return a length: of so many bytes behind each marker, or within a range of markers."""
        marker = self.take(1)[0]
        if fixed[0] <= marker < fixed[1]:
            return marker - fixed[0]
        if marker not in markers:
            raise Bad("another type")
        return int.from_bytes(self.take(markers[marker]), "big")

    def array_size(self) -> int:
        return self.size({0xDD: 4}, (0, 0))

    def map_size(self) -> int:
        return self.size({0xDE: 2, 0xDF: 4}, (0x80, 0x90))

    def text(self) -> str:
        return self.take(self.size({0xD9: 1, 0xDA: 2, 0xDB: 4}, (0xA0, 0xC0))).decode()

    def binary(self) -> bytes:
        return self.take(self.size({0xC4: 1, 0xC5: 2, 0xC6: 4}, (0, 0)))

    def map(self) -> dict[str, str]:
        return {self.text(): self.text() for _ in range(self.map_size())}

    def finish(self) -> None:
        if self.at != len(self.data):
            raise Bad("something follows")
