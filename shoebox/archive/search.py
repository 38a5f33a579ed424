"""Which blocks of a sealed file can hold what is wanted, as the indexes at its archives' ends say.

The tails are stepped back over from the file's end. From each the root is found, and
below it what times and filters don't rule out; of the filters only those of the wanted
keys are read. Nothing is believed that does not fit together: a FormatError sends the
reader back to going through the frames, which finds the same and says what is wrong.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from shoebox.archive.frames import Located
from shoebox.archive.source import Bytes
from shoebox.errors import FormatError
from shoebox.format import filters, index, runs, v2
from shoebox.format.section import decode_section
from shoebox.selection import Need, Selection

END = 1 << 14
"""Bytes of a first read from an archive's end: the tail, and mostly the root as well."""

JOINED = 1 << 20
"""Bytes that are read at once at most where blocks lie close to each other."""


class Hit(NamedTuple):
    """A block that can hold what is wanted."""

    start: int
    """Where its archive begins in the file."""
    archive_id: bytes
    entry: index.Entry

    @property
    def at(self) -> int:
        """Where the block stands in the file."""
        return self.start + self.entry.offset

    @property
    def end(self) -> int:
        """Where its payloads begin: up to there it is read to see whether it has a match."""
        return self.at + v2.FRAME_SIZE + self.entry.metadata

    def locate(self, data: Bytes) -> Located:
        """Return the block's frame; raise FormatError where another one stands."""
        frame = _frame(data.read(self.at, v2.FRAME_SIZE), self.archive_id, self.entry)
        if frame.kind != v2.BLOCK or frame.items != self.entry.records:
            raise FormatError("the index tells of another block")
        return Located(self.at, frame)


class Piece(NamedTuple):
    """An index frame of a file, and what it tells."""

    at: int
    level: int
    filters_at: int
    told: index.Piece


class Outline(NamedTuple):
    """All that the index of an archive tells of it."""

    blocks: list[Hit]
    pieces: list[Piece]


def hits(data: Bytes, selection: Selection) -> Iterator[Hit]:
    """Yield the blocks that can hold what is selected, in their order.

    The index is read as far as that takes it, so that the first one is found as fast in a
    large archive as in a small one. Raise FormatError where the file does not consist of
    sealed archives of version 2 whose indexes are sound.
    """
    for of_one in reversed([*_archives(data)]):
        yield from _Descent(data, selection, *of_one).hits()


def nearest(data: Bytes, place: int) -> Hit:
    """Return a block that begins near a place in the file, by what tells of that place alone.

    Raise FormatError as `hits` does.
    """
    start, tail = next(it for it in list(_archives(data)) if it[0] <= place)
    return _Descent(data, Selection(), start, tail).nearest(place - start)


def outline(data: Bytes) -> Outline:
    """Return the blocks and the pieces of the index of a file that is one sealed archive.

    Raise FormatError where it is not, or the index is unsound.
    """
    end = data.length()
    tail = _tail(data, end)
    met: list[Piece] = []
    descent = _Descent(data, Selection(), end - tail.size - tail.offset, tail, met.append)
    blocks = list(descent.hits())
    return Outline(blocks, sorted(met, key=lambda it: it.at))


def holding(data: Bytes, sequence: int) -> Hit:
    """Return the block of a file's first archive that has a record, or the one before it.

    Raise FormatError as `hits` does.
    """
    *_, first = _archives(data)
    return _Descent(data, Selection(), *first).holding(sequence)


def joined(found: Iterable[Hit], gap: int) -> Iterator[list[Hit]]:
    """Yield the blocks in groups, each to be read at once up to the last one's payloads.

    Between two blocks of a group there are at most `gap` bytes that are not needed.
    """
    group: list[Hit] = []
    for hit in found:
        if group and (hit.at - group[-1].end > gap or hit.end - group[0].at > JOINED):
            yield group
            group = []
        group.append(hit)
    if group:
        yield group


class _Descent:
    """The way from an archive's tail down to its blocks; `meet` is shown each index frame."""

    def __init__(
        self,
        data: Bytes,
        selection: Selection,
        start: int,
        tail: v2.Tail,
        meet: Callable[[Piece], object] = lambda _: None,
    ) -> None:
        self._data = data
        self._selection = selection
        self._probes = {
            it: filters.probe(it.value) for it in selection.needs if it.value is not None
        }
        self._start = start
        self._tail = tail
        self._last = [(0, 0)] * (v2.MAX_LEVEL + 1)
        """The offset of the last frame that was met, and the sequence number behind its records,
        by level: so that none is met twice."""
        self._meet = meet

    def hits(self) -> Iterator[Hit]:
        """Yield the blocks that can hold what is selected."""
        for entry in self._below(self._root(), None):
            yield Hit(self._start, self._tail.archive_id, entry)

    def nearest(self, offset: int) -> Hit:
        """Return a block that begins near an offset, down one way from the root."""
        piece = self._piece(self._root(), None)
        while piece.level > 1:
            # An index frame stands behind all that it tells of.
            entries = piece.told.entries
            able = (it for it in entries if it.offset > offset)
            piece = self._piece(next(able, entries[-1]), piece.level - 1)
        entry = min(piece.told.entries, key=lambda it: abs(it.offset - offset))
        return Hit(self._start, self._tail.archive_id, entry)

    def holding(self, sequence: int) -> Hit:
        """Return the block that has a record, or the one before it, down one way from the root."""
        piece = self._piece(self._root(), None)
        while True:
            entries = piece.told.entries
            behind = bisect_right(entries, sequence, key=lambda it: it.sequence)
            entry = entries[max(0, behind - 1)]
            if piece.level == 1:
                return Hit(self._start, self._tail.archive_id, entry)
            piece = self._piece(entry, piece.level - 1)

    def _root(self) -> index.Entry:
        tail = self._tail
        return index.Entry(
            tail.index_offset,
            tail.sequence,
            tail.records,
            tail.first_time,
            tail.last_time,
            tail.index_metadata,
            tail.index_payload,
        )

    def _below(self, entry: index.Entry, level: int | None) -> Iterator[index.Entry]:
        """Yield the entries of blocks under an index frame."""
        if not self._selection.overlaps(entry.first_time, entry.last_time):
            return
        level, able = self._opened(self._piece(entry, level))
        for below in able:
            self._advance(below, level - 1)
            if level == 1:
                yield below
            else:
                yield from self._below(below, level - 1)

    def _opened(self, piece: Piece) -> tuple[int, list[index.Entry]]:
        """Return what it takes to go down from an index frame: its filters are not kept."""
        return piece.level, self._able(piece)

    def _piece(self, entry: index.Entry, level: int | None) -> Piece:
        at = self._start + entry.offset
        data = self._data.read(at, v2.FRAME_SIZE + entry.metadata)
        frame = _frame(data[: v2.FRAME_SIZE], self._tail.archive_id, entry)
        if frame.kind != v2.INDEX or (level is not None and frame.level != level):
            raise FormatError("the index tells of another frame")
        raw = decode_section(frame.metadata, data[v2.FRAME_SIZE :])
        told = index.decode(raw, frame.items, frame.payload.stored)
        if sum(it.records for it in told.entries) != entry.records:
            raise FormatError("the index counts other records")
        if max(it.offset for it in told.entries) >= entry.offset:
            raise FormatError("the index leads to a frame behind it")
        piece = Piece(at, frame.level, at + len(data), told)
        self._meet(piece)
        return piece

    def _able(self, piece: Piece) -> list[index.Entry]:
        """Return the entries that neither times nor filters rule out."""
        entries, overlaps = piece.told.entries, self._selection.overlaps
        able = [
            number for number, it in enumerate(entries) if overlaps(it.first_time, it.last_time)
        ]
        for need in self._selection.needs:
            able = self._able_to(need, piece, able) if able else able
        return [entries[number] for number in able]

    def _able_to(self, need: Need, piece: Piece, able: list[int]) -> list[int]:
        """Return those of the entries, by number, that may have what is needed."""
        entries, run = piece.told.entries, piece.told.runs.get(need.key)
        if run is None:
            return [it for it in able if entries[it].filters is None]
        able = [it for it in able if run.sizes[it] != runs.ABSENT or entries[it].filters is None]
        probe = self._probes.get(need)
        if probe is None or all(run.sizes[it] <= runs.UNKNOWN for it in able):
            return able
        held = list(run.filters(self._data.read(piece.filters_at + run.at, run.section.stored)))
        return [it for it in able if entries[it].filters is None or probe(held[it] or b"")]

    def _advance(self, entry: index.Entry, level: int) -> None:
        offset, sequence = self._last[level]
        if entry.offset <= offset or entry.sequence < sequence:
            raise FormatError("an index that leads to a frame twice")
        self._last[level] = entry.offset, entry.sequence + entry.records


def _archives(data: Bytes) -> Iterator[tuple[int, v2.Tail]]:
    """Yield where each archive begins, and its tail, from the last to the first."""
    end: int | None = None
    while end != 0:
        end = data.length() if end is None else end
        size = min(end, END)
        data.load(end - size, size)
        tail = _tail(data, end)
        end -= tail.size + tail.offset
        yield end, tail


def _tail(data: Bytes, end: int) -> v2.Tail:
    """Return the tail that ends there."""
    tail = v2.decode_frame(data.read(max(0, end - v2.FRAME_SIZE), v2.FRAME_SIZE))
    if not isinstance(tail, v2.Tail) or tail.size + tail.offset > end:
        raise FormatError("no tail, or one of another file")
    return tail


def _frame(head: bytes, archive_id: bytes, entry: index.Entry) -> v2.Frame:
    """Return the frame of the entry; raise FormatError where it is another one."""
    frame = v2.decode_frame(head)
    if not isinstance(frame, v2.Frame) or frame.archive_id != archive_id:
        raise FormatError("the index tells of a frame that is not there")
    told = (entry.offset, entry.sequence, entry.metadata, entry.payload)
    if told != (frame.offset, frame.sequence, frame.metadata.stored, frame.payload.stored):
        raise FormatError("the index tells of another frame")
    return frame
