"""The index of an archive: a tree of entries, written in pieces as the archive grows.

An entry tells of one frame what a search must know to leave it out: where it is, how
many records it holds, from when to when, and which metadata values. `FANOUT` entries
of blocks make an index frame, whose own entry goes one level up; so that neither
memory nor the time to open an archive grows with it. The frame's metadata section is
the table of entries and the directory of their filters, its payload section these.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from shoebox.errors import FormatError
from shoebox.format import codecs, runs, v2
from shoebox.format.filters import Filters
from shoebox.format.section import Section, encode_section

FANOUT = v2.MAX_ENTRIES - 1
"""At the end one more may come in from the level below that is closed."""

MAX_DIRECTORY = 1 << 20
"""Bytes; where the keys of the filters would need more, no entry of the frame has filters."""

_ENTRY = struct.Struct("<QQQqqIIBB6x")


class Entry(NamedTuple):
    """What the index knows of one block, or of one index frame a level below."""

    offset: int
    sequence: int
    records: int
    first_time: int
    last_time: int
    metadata: int
    payload: int
    """The stored lengths of the frame's two sections."""
    codec: int = codecs.NONE
    """Of the payload section."""
    filters: Filters | None = None
    """None where nothing is known."""

    @property
    def size(self) -> int:
        """The bytes of the frame."""
        return v2.FRAME_SIZE + self.metadata + self.payload


class Piece(NamedTuple):
    """An index frame without its filters: what it takes to read those of a key."""

    entries: list[Entry]
    """With empty filters where there are some."""
    runs: dict[str, runs.Run]

    def filled(self, payload: bytes) -> list[Entry]:
        """Return the entries with all their filters; raise FormatError where one is unsound."""
        for key, run in self.runs.items():
            stored = payload[run.at : run.at + run.section.stored]
            for entry, filter_ in zip(self.entries, run.filters(stored), strict=True):
                if entry.filters is not None and filter_ is not None:
                    entry.filters[key] = filter_
        return self.entries


def entry_of(frame: v2.Frame, records: int, filters: Filters | None = None) -> Entry:
    """Return the entry of a frame under which so many records lie."""
    return Entry(
        frame.offset,
        frame.sequence,
        records,
        frame.first_time,
        frame.last_time,
        frame.metadata.stored,
        frame.payload.stored,
        frame.payload.codec,
        filters,
    )


def _summed(entries: Sequence[Entry]) -> tuple[int, int, int, int]:
    """Return what an entry of them all tells: sequence, records, first and last time."""
    return (
        entries[0].sequence,
        sum(entry.records for entry in entries),
        min(entry.first_time for entry in entries),
        max(entry.last_time for entry in entries),
    )


def decode(raw: bytes, count: int, stored: int) -> Piece:
    """Return what the raw metadata section of an index frame tells of its entries.

    `count` is their number, `stored` how many bytes of filters follow.
    """
    end = count * _ENTRY.size
    if len(raw) < end or not count:
        raise FormatError("an index frame whose table is not as long as it says")
    if len(raw) - end > MAX_DIRECTORY:
        raise FormatError(f"a directory of filters of {len(raw) - end} bytes is over the limit")
    rows = _ENTRY.iter_unpack(memoryview(raw)[:end])
    entries = [Entry._make((*row[:-1], {} if row[-1] else None)) for row in rows]
    return Piece(entries, runs.decode(memoryview(raw)[end:], count, stored))


class Index:
    """The entries that still wait for their index frame, by level; FANOUT in each, or one more."""

    def __init__(self, archive_id: bytes, codec: int = codecs.NONE) -> None:
        self._archive_id = archive_id
        self._codec = codec
        self._levels: list[list[Entry]] = []

    def add(self, entry: Entry, level: int = 0) -> None:
        """Take in the entry of a frame that is in the file; one that is known changes nothing.

        That of a block goes to level 0, that of an index frame to its own level, where it
        stands for the entries of the level below. Raise FormatError where there are none, or
        where it tells of other records, and for an entry that no index frame has room for.
        """
        if level == v2.MAX_LEVEL:
            raise FormatError("an index frame that none can stand above")
        self._put(entry, level)

    def _put(self, entry: Entry, level: int) -> None:
        below = self._levels[level - 1] if 0 < level <= len(self._levels) else []
        known = self._levels[level] if level < len(self._levels) else []
        if not known or known[-1].offset < entry.offset:
            _check(entry, level, below, known)
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(entry)
        below.clear()

    def full(self) -> int | None:
        """Return the lowest level that is due to be written, if there is one."""
        for level, entries in enumerate(self._levels):
            if len(entries) >= FANOUT:
                return level
        return None

    def encode(self, level: int, offset: int, synced: int) -> tuple[Entry, list[bytes]]:
        """Return a level's index frame and its own entry; nothing changes yet."""
        entries = self._levels[level]
        directory, filters = runs.encode([entry.filters for entry in entries], self._codec)
        known = len(directory) <= MAX_DIRECTORY
        if not known:
            directory, filters = runs.EMPTY, b""
        rows = [_ENTRY.pack(*entry[:8], known and entry.filters is not None) for entry in entries]
        table, stored_table = encode_section(self._codec, b"".join((*rows, directory)))
        sequence, records, first_time, last_time = _summed(entries)
        frame = v2.Frame(
            kind=v2.INDEX,
            level=level + 1,
            archive_id=self._archive_id,
            offset=offset,
            synced=synced,
            sequence=sequence,
            first_time=first_time,
            last_time=last_time,
            items=len(entries),
            metadata=table,
            payload=Section(len(filters), len(filters), codecs.checksum(filters)),
        )
        entry = entry_of(frame, records)
        return entry, [v2.encode_frame(frame), stored_table, filters]

    def finish(self, offset: int, synced: int) -> tuple[Entry, list[bytes]]:
        """Return the root's entry, and every index frame that is still to be written.

        Levels are closed from the bottom until one frame is above all the others.
        """
        buffers: list[bytes] = []
        rest = Index(self._archive_id, self._codec)
        rest._levels = [list(entries) for entries in self._levels]
        level = 0
        while True:
            if rest._levels[level]:
                entry, frame = rest.encode(level, offset, synced)
                buffers += frame
                offset += entry.size
                rest._put(entry, level + 1)
            level += 1
            if level == len(rest._levels) - 1 and len(rest._levels[level]) == 1:
                return rest._levels[level][0], buffers


def _check(entry: Entry, level: int, below: list[Entry], known: list[Entry]) -> None:
    """Raise FormatError where an entry can't follow those of its level, above those below."""
    if level > 0 and not below:
        raise FormatError(f"an index frame of level {level} that has nothing below it")
    if level > 0 and entry[1:5] != _summed(below):
        raise FormatError("an index frame that tells of other records than lie below it")
    if len(known) > FANOUT:
        raise FormatError("a frame that no index frame follows which tells of it")
