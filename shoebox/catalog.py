"""The catalog of a prefix: one object that says what the archives there can hold.

A file of parts, of their table, and of an end of a fixed size that leads to the table.
The table has a row for each archive. For each metadata key the parts hold a number for
each value of each archive, in order: the low 32 bits of the value's XXH3-64 hash, and
below them the number of the archive's row. Each part holds the hashes that begin with
the same bits, so that a search reads one part for each value it looks for.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from typing import BinaryIO, NamedTuple, TypeVar

import msgspec
from xxhash import xxh3_64_intdigest

from shoebox.errors import FormatError, ObjectNotFound
from shoebox.escaping import logger
from shoebox.format import codecs
from shoebox.format.section import Section, decode_section, encode_section
from shoebox.selection import Need, Selection
from shoebox.spool import CATALOG
from shoebox.storage import StorageBackend

_T = TypeVar("_T")
_log = logger(__name__)

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
_HASH_BITS = 32


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


class Catalog:
    """A catalog in a store, read when it is asked. One that can't be read knows nothing.

    May be asked by several threads.
    """

    def __init__(self, backend: StorageBackend, key: str) -> None:
        self.key = key
        self._backend = backend
        self._lock = Lock()
        self._table: Table | None = None
        self._by_key: dict[str, int] = {}
        self._able: tuple[Selection | None, frozenset[int]] = (None, frozenset())

    @property
    def table(self) -> Table:
        """What it holds; nothing where it has gone, or is unsound."""
        with self._lock:
            if self._table is None:
                self._ask(lambda _file, _table: None)
            return NOTHING if self._table is None else self._table

    def row(self, key: str, size: int) -> Row | None:
        """Return what is known of an archive; None if nothing is, or of another one."""
        rows, number = self.table.rows, self._by_key.get(key)
        return rows[number] if number is not None and rows[number].size == size else None

    def rules_out(self, key: str, size: int, selection: Selection) -> bool:
        """Tell whether an archive is known, and can't hold what is selected."""
        able = self.able(selection)
        return self.row(key, size) is not None and self._by_key[key] not in able

    def able(self, selection: Selection) -> frozenset[int]:
        """Return the numbers of the rows whose archives can hold what is selected."""
        with self._lock:
            if self._able[0] is not selection:
                found = self._ask(lambda file, table: _able(file, table, selection))
                every = range(0 if self._table is None else len(self._table.rows))
                self._able = selection, frozenset(every if found is None else found)
            return self._able[1]

    def everything(self) -> dict[str, array[int]] | None:
        """Return hash and row, as one number, of all values by key; None where it is unsound."""
        with self._lock:
            return self._ask(_everything)

    def _ask(self, question: Callable[[BinaryIO, Table], _T]) -> _T | None:
        """Return the answer; None, with a warning, where the catalog has gone or is unsound."""
        if self._table is NOTHING:
            return None
        try:
            with self._backend.open(self.key) as file:
                table = self._know(decode(file)) if self._table is None else self._table
                return question(file, table)
        except (FormatError, ObjectNotFound) as error:
            # The archives themselves tell all that it does.
            _log.warning("%s: the catalog can't be used, make a new one: %s", self.key, error)
            if self._table is None:
                self._know(NOTHING)
            return None

    def _know(self, table: Table) -> Table:
        self._by_key = {row.key: number for number, row in enumerate(table.rows)}
        self._table = table
        return table


def _able(file: BinaryIO, table: Table, selection: Selection) -> set[int]:
    """Return the numbers of the rows whose archives can hold what is selected."""
    able = {
        number
        for number, row in enumerate(table.rows)
        if selection.overlaps(row.first_time, row.last_time)
    }
    for need in selection.needs:
        able = _able_to(file, table, need, able) if able else able
    return able


def _able_to(file: BinaryIO, table: Table, need: Need, able: set[int]) -> set[int]:
    """Return those of the rows that may have what is needed."""
    rows = table.rows
    if need.key not in table.keys:
        return set()
    key = table.keys.index(need.key)
    able = {it for it in able if rows[it].values[key] != ABSENT}
    if need.value is None or all(rows[it].values[key] == ANYTHING for it in able):
        return able
    having = set(_having(file, table.parts[key], hash_of(need.value)))
    return {it for it in able if it in having or rows[it].values[key] == ANYTHING}


def _having(file: BinaryIO, parts: list[Part], wanted: int) -> Iterator[int]:
    """Yield the rows whose archives have a value of that hash."""
    numbers = _part(file, parts[wanted * len(parts) >> _HASH_BITS])
    for number in numbers[bisect_left(numbers, wanted << _HASH_BITS) :]:
        if number >> _HASH_BITS != wanted:
            return
        yield number & ((1 << _HASH_BITS) - 1)


def _everything(file: BinaryIO, table: Table) -> dict[str, array[int]]:
    return {
        key: array("Q", (number for part in parts for number in _part(file, part)))
        for key, parts in zip(table.keys, table.parts, strict=True)
    }


def _part(file: BinaryIO, part: Part) -> Sequence[int]:
    file.seek(part.at)
    raw = decode_section(part.section, file.read(part.section.stored))
    return struct.unpack(f"<{len(raw) // 8}Q", raw)


def is_catalog(key: str) -> bool:
    """Tell whether a key is a catalog's."""
    return key.endswith(CATALOG)


def hash_of(value: str) -> int:
    """Return the number that stands for a value."""
    return xxh3_64_intdigest(value.encode()) & ((1 << _HASH_BITS) - 1)


def decode(file: BinaryIO) -> Table:
    """Return the table of a catalog; raise FormatError where there is none."""
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
    if at < begins:
        file.seek(at)
        last, begins = file.read(begins - at) + last, at
    raw = decode_section(section, last[at - begins : at - begins + section.stored])
    try:
        return _decode(raw)
    except msgspec.MsgspecError as error:
        raise FormatError(f"its table can't be decoded: {error}") from error


def write(file: BinaryIO, keys: list[str], rows: list[Row], values: Iterable[array[int]]) -> None:
    """Write a catalog; `values` gives for each key the numbers of hash and row."""
    at = 0
    parts: list[list[Part]] = []
    for numbers in values:
        parts.append([])
        for section, stored in _parts(numbers):
            file.write(stored)
            parts[-1].append(Part(at, section))
            at += len(stored)
    section, stored = encode_section(codecs.ZSTD, _encode(Table(keys, rows, parts)))
    end = _END.pack(_MAGIC, at, *section)
    file.write(stored + end + _CRC.pack(codecs.checksum(end)))


def _parts(numbers: array[int]) -> Iterator[tuple[Section, bytes]]:
    """Yield a section for each possible beginning of a hash; one at a time is sorted."""
    bits = (len(numbers) // PART).bit_length()
    shift = 2 * _HASH_BITS - bits
    parts = [array("Q") for _ in range(1 << bits)]
    for number in numbers:
        parts[number >> shift].append(number)
    for part in parts:
        yield encode_section(codecs.ZSTD, struct.pack(f"<{len(part)}Q", *sorted(part)))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Table).decode
