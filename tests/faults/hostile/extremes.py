"""Small files in which one length or count is as large, or as small, as it can be; and bombs."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from itertools import product

import msgspec
import zstandard

from shoebox.archive import ArchiveReader
from shoebox.format import catalog, codecs, runs, v1, v2
from shoebox.format.preamble import MAX_METADATA, MAX_PAYLOAD
from shoebox.format.section import Section
from tests import golden
from tests.faults.hostile.forged import Forged, begun, entry, records, section_of
from tests.faults.hostile.mending import mended

FIELDS = {
    "level": (7, 1),
    "offset": (24, 8),
    "synced": (32, 8),
    "sequence": (40, 8),
    "first time": (48, 8),
    "last time": (56, 8),
    "items": (64, 4),
    "metadata stored": (68, 4),
    "metadata raw": (72, 4),
    "metadata codec": (80, 1),
    "metadata escaped": (81, 1),
    "payload stored": (82, 4),
    "payload raw": (86, 4),
    "payload codec": (94, 1),
    "payload escaped": (95, 1),
}
"""Of a head: where each stands, and its size; those of a tail lie at the same places."""

Named = Iterator[tuple[str, bytes]]
BOMB = 300 << 20
_PACK = {
    codecs.ZSTD: zstandard.ZstdCompressor().compress,
    codecs.GZIP: lambda raw: gzip.compress(raw, mtime=0),
}


def _values(size: int, left: int) -> set[int]:
    most = 256**size - 1
    limits = {v2.MAX_METADATA_SECTION, v2.MAX_SECTION, v2.MAX_RECORDS, v2.MAX_NUMBER}
    found = {0, 1, most, most - 1, most // 2, most // 2 + 1, left, left + 1}
    return {it for it in found | limits | {it + 1 for it in limits} if it <= most}


def heads() -> Named:
    """Yield archives in whose heads one field says something else, checksums mended."""
    for name in ("v2-none.events", "v2-zstd.events"):
        data = (golden.DATA / name).read_bytes()
        with ArchiveReader(golden.DATA / name) as reader:
            places = [item.at for item in reader.frames()]
        for at, (field, (offset, size)) in product(places, FIELDS.items()):
            for value in _values(size, len(data) - at - v2.FRAME_SIZE):
                begin = at + offset
                changed = bytearray(data)
                changed[begin : begin + size] = value.to_bytes(size, "little")
                changed[at + 96 : at + 100] = struct.pack(
                    "<I", codecs.checksum(bytes(changed[at : at + 96]))
                )
                yield f"{name}-{at}-{field}-{value}", bytes(changed)


def old() -> Named:
    """Yield records of version 1 of which each number says something else."""
    frame = v1.encode({"k": "v", "l": "w"}, b"payload")
    numbers = [*range(6, 42, 4), len(frame) - 11]
    for at in numbers:
        for value in _values(4, len(frame) - at - 4):
            changed = frame[:at] + value.to_bytes(4, "little") + frame[at + 4 :]
            yield f"v1-{at}-{value}", changed + frame


def directories() -> Named:
    """Yield archives in whose directory of filters one number says something else."""
    data = (golden.DATA / "v2-none.events").read_bytes()
    with ArchiveReader(golden.DATA / "v2-none.events") as reader:
        item = next(item for item in reader.frames() if item.is_a(v2.INDEX))
        raw = reader.metadata_section(item)
    begin, table = item.at + v2.FRAME_SIZE, item.frame.items * 56
    sizes = [(table + 1 + at, 1) for at in range(len(raw) - table - 1)]
    words = [(at, 8) for row in range(0, table, 56) for at in range(row, row + 40, 8)]
    words += [(at, 4) for row in range(0, table, 56) for at in (row + 40, row + 44)]
    for at, size in sizes + words:
        values = {0, 1, 0xFF, 0x7F, 0xDF, 0xC6} if size == 1 else _values(size, len(data) - begin)
        for value in values:
            changed = bytearray(data)
            changed[begin + at : begin + at + size] = value.to_bytes(size, "little")
            yield f"index-{at}-{value}", mended("archive", bytes(changed))


def packs() -> Named:
    """Yield blocks whose MessagePack says more than there is, or that there is a lot."""
    counts = struct.pack("<qIB", 0, 0, 1)
    for marker in (b"\xdd\0\0\0\1", b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff", b""):
        for rest in (
            b"\xdf\xff\xff\xff\xff",
            b"\xde\xff\xff",
            b"\x81\xdb\xff\xff\xff\xff",
            b"\x81\xa1k\xdb\xff\xff\xff\xff",
            b"\x91" * 100_000,
            b"\x81\xa1k" * 50_000,
            b"\x80" * (2 << 20),
            b"\xdf\0\x08\0\0" + b"".join(b"\xa4%4x\xa0" % at for at in range(1 << 16)),
        ):
            made = Forged()
            made.header()
            made.add(v2.BLOCK, counts + marker + rest, items=1)
            yield f"pack-{marker.hex()}-{rest[:6].hex()}-{len(rest)}", made.data


def bombs() -> Named:
    """Yield archives in which a section unpacks to more than it says, or to as much as it may."""
    for codec, size in product(_PACK, (v2.MAX_METADATA_SECTION, v2.MAX_SECTION, BOMB)):
        stored = _PACK[codec](bytes(size))
        for raw in sorted({1000, v2.MAX_METADATA_SECTION, v2.MAX_SECTION, size}):
            section = section_of(stored, raw, codec)
            yield f"bomb-{codec}-{size}-{raw}-metadata", _with(stored, b"", metadata=section)
            metadata = records(bytes(1000))
            yield (
                f"bomb-{codec}-{size}-{raw}-payload",
                _with(metadata, stored, payload=section),
            )
    stored = _PACK[codecs.ZSTD](b"x" * MAX_PAYLOAD)
    metadata = v2.encode_records([0], [MAX_PAYLOAD], b"\1", [b"\x80"])
    section = section_of(stored, MAX_PAYLOAD, codecs.ZSTD)
    yield "the largest payload", _with(metadata, stored, payload=section)


def _with(first: bytes, second: bytes, **told: Section) -> bytes:
    """Return an archive of a block with these sections, its index, and a sound block."""
    made = Forged()
    made.header()
    made.add(v2.BLOCK, first, second, **{"items": 1} | told)
    made.sequence = 1
    made.block(b"sound")
    root = made.index(*(entry(it, it.items) for it in made.frames[1:]))
    return made.tail(root, 2)


def filters() -> Named:
    """Yield archives whose filters are bombs, each alone or all together."""
    largest = 1 << 13
    for codec, (count, entries) in product(_PACK, [(1, 2), (100, 2), (40_000, 2), (5, 129)]):
        raw = bytes(largest * entries)
        for size in (len(raw), len(raw) * 50):
            stored = _PACK[codec](bytes(size))
            told = runs._SECTION.pack(*section_of(stored, len(raw), codec)) + b"\x10" * entries
            directory = runs._encode({f"{key}": told for key in range(count)})
            if len(directory) < MAX_METADATA * 3:
                name = f"filters-{codec}-{count}-{entries}-{size}"
                yield name, _filtered(directory, stored * count, entries)


def _filtered(directory: bytes, payload: bytes, entries: int) -> bytes:
    made = begun() if entries == 2 else Forged()
    if not made.frames:
        made.header()
        for _ in range(entries):
            made.block(b"x")
    blocks = made.frames[1:]
    rows = [entry(it, it.items, known=1) for it in blocks]
    root = made.index(*rows, directory=directory, payload_bytes=payload)
    return made.tail(root, sum(it.items for it in blocks))


def archives() -> Named:
    """Yield all files, each with what it is."""
    for source in (heads, old, directories, packs, bombs, filters):
        yield from source()
    yield "a bomb of a whole file.gz", gzip.compress(bytes(BOMB), mtime=0)
    yield "a bomb of a whole file.zst", zstandard.compress(bytes(BOMB))


def catalogs() -> Named:
    """Yield catalogs that claim, or unpack to, more than they may."""
    for codec, size in product(_PACK, (catalog.MAX_TABLE, BOMB)):
        stored = _PACK[codec](bytes(size))
        for raw in sorted({1000, catalog.MAX_TABLE, catalog.MAX_TABLE + 1, size}):
            yield f"table-{codec}-{size}-{raw}", stored + _end(0, section_of(stored, raw, codec))
        for raw in (8, 8 * catalog.MAX_TOTAL, 8 * catalog.MAX_TOTAL + 8, size):
            part = catalog.Part(0, section_of(stored, raw, codec))
            yield f"part-{codec}-{size}-{raw}", _of_part(part, stored)
    largest = 8 * catalog.MAX_TOTAL
    stored = _PACK[codecs.ZSTD](bytes(largest))
    part = catalog.Part(0, section_of(stored, largest, codecs.ZSTD))
    for count in (1, 2, 64):
        yield f"parts-{count}", _of_part(part, stored, count)
    for marker in (b"\xdd\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\x93\xdd\xff\xff\xff\xff"):
        yield f"pack-{marker.hex()}", marker + _end(0, section_of(marker))
    rows = b"\x93\x90\xdd\x00\x40\x00\x00" + b"\x91" * (4 << 20)
    yield "rows in rows", rows + _end(0, section_of(rows))
    deep = b"\x94\x90\x90\x90" + b"\x91" * (1 << 20)
    yield "more than a table, and deep", deep + _end(0, section_of(deep))


def _of_part(part: catalog.Part, stored: bytes, count: int = 1) -> bytes:
    row = catalog.Row("k", 1, "", "", 0, 0, 1, 0, 2**62, [1])
    table = msgspec.msgpack.encode(catalog.Table(["host"], [row], [[part] * count]))
    return stored + table + _end(len(stored), section_of(table))


def _end(at: int, section: Section) -> bytes:
    fields = catalog._END.pack(catalog._MAGIC, at, *section)
    return fields + struct.pack("<I", codecs.checksum(fields))


def states() -> Named:
    """Yield delivery states that go deeper than a reader may."""
    for opened in (b'{"x":' + b"[" * 100_000, b'{"x":' * 100_000, b"[" * (1 << 20)):
        yield f"state-{opened[:7]!r}", opened
