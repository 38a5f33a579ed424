"""Walking over the frames of a file, whatever state it is in.

The walk dispatches on each frame's preamble, so that archives of both versions may
follow each other. Where no sound frame stands it goes on at the next one. The offset
and the sequence in each frame tell what is missing, doubled or out of its place: that
is a fault, as are the bytes that were left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from shoebox.archive.frames import Frames, Located, RecordV1, is_block
from shoebox.archive.missing import Missing
from shoebox.archive.record import Fault, FaultKind
from shoebox.archive.source import Bytes
from shoebox.archive.span import WHOLE, Span, Start
from shoebox.errors import Cut, FormatError, NoFrame, UnknownVersion
from shoebox.format import v2

Item = Located | RecordV1 | Fault


@dataclass(slots=True)
class _Current:
    """The archive of version 2 that the walk is in."""

    archive_id: bytes
    sequence: int
    """The next block's, if none is missing."""
    end: int
    """Where the next frame should stand, from the archive's start."""
    start: int = 0
    """Where the archive begins in the file, or would but for bytes that are missing."""
    mark: int = 0
    """Up to where, from the start, it was known to be durable."""
    other: int = -1
    """Where the last frame should stand that was no block."""
    missing: Missing | None = None
    """The records before the last block that were not met; None while there was no block."""

    @classmethod
    def at(cls, start: Start) -> Self:
        """Return the archive that a block in its middle is in."""
        end = start.at - start.archive_at
        return cls(start.archive_id, start.sequence, end, start.archive_at)

    def wants(self, frame: v2.Frame) -> bool:
        """Tell whether a block holds records that were not met yet, or another frame comes next."""
        if frame.kind != v2.BLOCK:
            return frame.offset > self.other
        if self.missing is None or frame.sequence >= self.sequence:
            return True
        return self.missing.hold(_numbers(frame))

    def take(self, located: Located) -> str:
        """Count a frame as met; return what is missing before it, empty if nothing is."""
        frame = located.frame
        self.start = located.at - frame.offset
        self.mark = max(self.mark, frame.synced)
        skipped, self.end = frame.offset - self.end, max(self.end, frame.offset + frame.size)
        records = self._take_records(frame)
        if records > 0:
            return f"{records} records are missing"
        return f"{skipped} bytes are missing" if skipped > 0 else ""

    def _take_records(self, frame: v2.Frame | v2.Tail) -> int:
        """Count a block's records as met; return how many are missing before the frame."""
        if isinstance(frame, v2.Tail):
            return frame.sequence + frame.records - self.sequence
        if not is_block(frame):
            self.other = frame.offset
            return 0
        numbers, jumped = _numbers(frame), range(self.sequence, frame.sequence)
        if self.missing is None:
            # What comes before it may turn up behind it, out of its place.
            self.missing = Missing(range(numbers.start))
            self.sequence = numbers.stop
        elif jumped:
            self.missing.add(jumped)
        elif numbers.start < self.sequence:
            self.missing.take(numbers)
        self.sequence = max(self.sequence, numbers.stop)
        return len(jumped)


def _numbers(block: v2.Frame) -> range:
    """Return the sequence numbers of a block's records."""
    return range(block.sequence, block.sequence + block.items)


class Walk:
    """The frames of a file in the order of their places, with its faults between them.

    `sealed` says that the name is a sealed archive's: a tail must end it. `growing`
    says that its writer may be at work: what is not whole at the end is no fault, and
    iterating again goes on from there. Of a `span` that ends before the file does, the
    end is somebody else's to look at.
    """

    def __init__(
        self,
        data: Bytes,
        name: str,
        *,
        sealed: bool = True,
        growing: bool = False,
        span: Span = WHOLE,
    ) -> None:
        self._data = data
        self._frames = Frames(data)
        self._name = name
        self._sealed = sealed
        self.growing = growing
        self._span = span
        self._current = None if span.start is None else _Current.at(span.start)
        self._known = False
        """Whether a frame was met that is sound."""
        self._excused = False
        """Whether the fault before explains that something is missing here."""
        self.at = 0 if span.start is None else span.start.at
        self._search_from = self.at
        """Where to look for a frame if none is at `at`: the one before may have been cut off."""

    def __iter__(self) -> Iterator[Item]:
        while not self._span.ends(self.at):
            try:
                item = self._frames.at(self.at)
            except FormatError as error:
                if self.growing and isinstance(error, Cut):
                    return
                found = self._frames.search(self._search_from + 1)
                if self.growing and found is None:
                    return
                yield self._skip(found, error)
            else:
                if item is None:
                    yield from self._end()
                    return
                yield from self._accept(item)

    def unsound(self, item: Located, error: FormatError) -> Fault:
        """Return the fault of a frame whose head is sound and whose content is not.

        A frame that stands within it shows that it was cut off there: the walk goes on at
        that one. (No section that is whole has the magic in it.)
        """
        end = min(item.end, self._frames.length())
        found = self._frames.search(item.at + 1)
        if found is not None and found < end:
            end = self.at = self._search_from = found
            error = Cut("a frame is cut off, and another one begins in it")
        self._excused = isinstance(error, Cut)
        return self._fault(self._kind(item.at, end, error), item.at, end, error)

    def is_cut(self, start: int, size: int) -> bool:
        """Tell whether another frame begins in so many bytes, without reading on behind that.

        What is compressed as a whole is not read twice for it.
        """
        return not self._data.packed and self._frames.holds_magic(start, size)

    def _accept(self, item: Located | RecordV1) -> Iterator[Item]:
        self._known = True
        if isinstance(item, Located):
            yield from self._enter(item)
        else:
            yield from self._leave()
            self._pass(item)
            yield item

    def _enter(self, located: Located) -> Iterator[Item]:
        """Take in a frame of version 2: it may open an archive, close it, or be out of place."""
        at, frame = located
        current = self._current
        if current is None or current.archive_id != frame.archive_id:
            yield from self._leave()
            current = self._current = _Current(frame.archive_id, frame.sequence, frame.offset)
            yield from self._missing("its header is missing" if frame.offset else "", at)
        if isinstance(frame, v2.Frame) and not current.wants(frame):
            self._pass(located)
            doubled = f"a {v2.KINDS[frame.kind]} frame that is doubled, or out of its place"
            what = "a block that was there already" if is_block(frame) else doubled
            yield self._fault("corrupt", at, located.end, what)
            return
        yield from self._missing(current.take(located), at)
        if isinstance(frame, v2.Tail):
            self._current = None
        if not located.is_a(v2.INDEX):
            self._excused = False
        self._pass(located)
        yield located

    def _pass(self, item: Located | RecordV1) -> None:
        # Within a sound frame of version 2 no other is found; within one of version 1, maybe.
        self._search_from = item.at if isinstance(item, Located) else item.end
        self.at = item.end

    def _missing(self, what: str, at: int) -> Iterator[Fault]:
        if what and not self._excused:
            yield self._fault("gap", at, at, what)

    def _leave(self) -> Iterator[Fault]:
        """Leave the archive because another follows, or nothing more: it has no tail."""
        if self._current is not None and not self._excused:
            yield self._fault("torn", self.at, self.at, "its tail is missing")
        self._current = None

    def _end(self) -> Iterator[Fault]:
        """Say what is wrong with a file that ends between two frames."""
        if self._data.given_up:
            reason = "is damaged in too many places to be read compressed; unpack it first"
            yield self._fault("corrupt", self.at, self._data.length(), reason)
        elif self.growing or not self._sealed:
            return
        elif self._data.cut is not None and not self._excused:
            yield self._fault("torn", self.at, self.at, self._data.cut)
        elif self.at == 0:
            yield self._fault("torn", 0, 0, "the file is empty")
        else:
            yield from self._leave()

    def _skip(self, found: int | None, error: FormatError) -> Fault:
        """Leave out what is unsound, up to the frame that was found or to the end."""
        end = self._span.clipped(self._frames.length() if found is None else found)
        start = self.at if end >= self.at else self._search_from
        fault = self._fault(self._kind(start, end, error), start, end, error)
        if found is None:
            self._current = None
        self._excused = True
        self.at = self._search_from = end
        return fault

    def _kind(self, start: int, end: int, error: FormatError) -> FaultKind:
        """Tell what was never completely written from what was changed later."""
        if self._current is not None:
            return self._kind_within(start, end, self._current)
        if end < self._frames.length():
            return "corrupt"
        if isinstance(error, Cut):
            return "torn"
        if isinstance(error, UnknownVersion) or (isinstance(error, NoFrame) and not self._known):
            return "foreign"
        return "corrupt"

    def _kind_within(self, start: int, end: int, current: _Current) -> FaultKind:
        """Tell them apart in an archive of version 2, which knows what was durable.

        A power cut may keep a later block and lose an earlier one, but only above the
        highest mark. A tail is written when everything is durable.
        """
        ahead = self._frames.ahead(end, current.archive_id)
        durable = start - current.start < max(current.mark, ahead.mark)
        return "corrupt" if durable or (ahead.tail and self._sealed) else "torn"

    def _fault(self, kind: FaultKind, start: int, end: int, reason: object) -> Fault:
        return Fault(self._name, kind, start, end, str(reason))
