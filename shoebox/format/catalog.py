"""The bytes of a catalog: what many archives can hold, told in one object.

Parts, their table, and an end of a fixed size that leads to the table, which has a row for
each archive. For each metadata key the parts hold a number for each value of each archive,
in order: the low 32 bits of the value's XXH3-64 hash, and below them the number of the
archive's row. Each part holds the hashes that begin with the same bits, so that a search
reads one part for each value it looks for.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

import msgspec
from xxhash import xxh3_64_intdigest

from shoebox.errors import ConfigError, FormatError
from shoebox.format import codecs
from shoebox.format.section import Section, decode_section, encode_section

ABSENT, ANYTHING = 0, -1
"""What stands for the number of values: no record has the key; or there were too many."""

PART = 1 << 13
"""Values of a part, about."""

_MAGIC = b"shoebox catalog\1"
_END = struct.Struct("<16sQIIIBB2x")
"""Magic with the version, where the table begins, and its section."""
_CRC = struct.Struct("<I")
_END_SIZE = _END.size + _CRC.size
_FIRST = 1 << 16
"""Bytes of the first read, from the end."""

MAX_TABLE = 1 << 26
"""Bytes of the table: some 300,000 archives."""

MAX_TOTAL = 1 << 24
"""Values of all archives and keys."""

_NUMBER = 8
HASH_BITS = 32


class Row(msgspec.Struct, array_like=True, frozen=True):
    """What is known of an archive; ids are in hexadecimal, times nanoseconds since the epoch."""

    key: str
    size: int
    archive: str
    writer: str
    created: int
    sequence: int
    records: int
    first_time: int
    last_time: int
    values: list[int]
    """The number of values of each of the catalog's keys, or ABSENT or ANYTHING."""


class Part(NamedTuple):
    """Where the numbers of some values are."""

    at: int
    section: Section


class Table(msgspec.Struct, array_like=True, frozen=True):
    """What a catalog holds, but for the parts themselves."""

    keys: list[str]
    rows: list[Row]
    parts: list[list[Part]]
    """Those of each key, a power of two of them, by the first bits of the hashes."""


NOTHING = Table([], [], [])
"""The table of a catalog that knows nothing."""


def read_part(file: BinaryIO, part: Part) -> array[int]:
    """Return the numbers of a part; raise FormatError where it is unsound."""
    file.seek(part.at)
    raw = decode_section(part.section, file.read(part.section.stored))
    numbers = array("Q", raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def hash_of(value: str) -> int:
    """Return the number that stands for a value."""
    return xxh3_64_intdigest(value.encode()) & ((1 << HASH_BITS) - 1)


def decode(file: BinaryIO) -> Table:
    """Return the table of a catalog; raise FormatError where there is none, or it can't be."""
    size = file.seek(0, 2)
    first = min(size, _FIRST)
    file.seek(size - first)
    last = file.read(first)
    end = last[-_END_SIZE:]
    if (
        len(end) < _END_SIZE
        or codecs.checksum(end[: _END.size]) != _CRC.unpack(end[_END.size :])[0]
    ):
        raise FormatError("its end is missing, or was changed")
    magic, at, *fields = _END.unpack(end[: _END.size])
    if magic != _MAGIC:
        raise FormatError("it is of another version")
    section = Section(*fields)
    begins = size - first
    if not section.within(MAX_TABLE) or at + section.stored + _END_SIZE != size:
        raise FormatError("its table is not where it says, or over the limit")
    if at < begins:
        file.seek(at)
        last, begins = file.read(begins - at) + last, at
    raw = decode_section(section, last[at - begins : at - begins + section.stored])
    try:
        table = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"its table can't be decoded: {error}") from error
    _check(table, at)
    return table


def _check(table: Table, end: int) -> None:
    """Raise FormatError unless a table fits together, and its parts lie before `end`."""
    width = len(table.keys)
    if len({*table.keys}) != width or len(table.parts) != width:
        raise FormatError("its table tells of a key twice, or not at all")
    if len({row.key for row in table.rows}) != len(table.rows):
        raise FormatError("its table tells of an archive twice")
    if any(len(row.values) != width for row in table.rows):
        raise FormatError("its table counts the values of other keys")
    for parts in table.parts:
        if not parts or len(parts) & (len(parts) - 1):
            raise FormatError("its table has another number of parts than hashes lead to")
    every = [part for parts in table.parts for part in parts]
    if not all(_is_plausible(part, end) for part in every):
        raise FormatError("its table tells of a part that can't be")
    if sum(part.section.raw for part in every) > _NUMBER * MAX_TOTAL:
        raise FormatError(f"its parts have more than {MAX_TOTAL} values")


def _is_plausible(part: Part, end: int) -> bool:
    at, section = part
    return (
        min(at, *section) >= 0
        and at + section.stored <= end
        and section.raw % _NUMBER == 0
        and section.within(_NUMBER * MAX_TOTAL)
    )


def write(file: BinaryIO, keys: list[str], rows: list[Row], values: Iterable[array[int]]) -> None:
    """Write a catalog; `values` gives for each key the numbers of hash and row.

    Raise ConfigError for more archives than one can tell of.
    """
    at = 0
    parts: list[list[Part]] = []
    for numbers in values:
        parts.append([])
        for section, stored in _parts(numbers):
            file.write(stored)
            parts[-1].append(Part(at, section))
            at += len(stored)
    table = _encode(Table(keys, rows, parts))
    if len(table) > MAX_TABLE:
        raise ConfigError(
            f"the catalog of {len(rows)} archives would be over the limit of {MAX_TABLE} bytes: "
            "make one for each of several longer prefixes"
        )
    section, stored = encode_section(codecs.ZSTD, table)
    end = _END.pack(_MAGIC, at, *section)
    file.write(stored + end + _CRC.pack(codecs.checksum(end)))


def _parts(numbers: array[int]) -> Iterator[tuple[Section, bytes]]:
    """Yield a section for each possible beginning of a hash; one at a time is sorted."""
    bits = (len(numbers) // PART).bit_length()
    shift = 2 * HASH_BITS - bits
    parts = [array("Q") for _ in range(1 << bits)]
    for number in numbers:
        parts[number >> shift].append(number)
    for part in parts:
        yield encode_section(codecs.ZSTD, struct.pack(f"<{len(part)}Q", *sorted(part)))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Table).decode
