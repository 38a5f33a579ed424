"""What stands at a place in a file: a frame of either version, or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, TypeGuard

from shoebox.archive.source import Bytes
from shoebox.errors import Cut, FormatError, NoFrame, UnknownVersion
from shoebox.format import v1, v2
from shoebox.format.preamble import MAGIC_BYTES, version_of

_CHUNK = 1 << 20
_FEW = 1 << 12
"""Bytes that are read at first where a magic is looked for: it mostly stands near, or nowhere."""


class Located(NamedTuple):
    """A sound frame of version 2, and where it stands in the file."""

    at: int
    frame: v2.Frame | v2.Tail

    @property
    def end(self) -> int:
        """Where the next frame stands."""
        return self.at + self.frame.size

    def is_a(self, kind: int) -> bool:
        """Tell whether this is a frame of a kind that has sections."""
        return isinstance(self.frame, v2.Frame) and self.frame.kind == kind


class RecordV1(NamedTuple):
    """A frame of version 1, decoded, since nothing else tells whether it is sound."""

    at: int
    end: int
    """Where the next frame stands."""
    metadata: dict[str, str]
    payload: str | bytes


class Ahead(NamedTuple):
    """What the frames of one archive that follow each other without a break say."""

    archive_id: bytes
    places: range
    """From the first of them to where they end."""
    mark: int
    """The highest mark of what was known to be durable."""
    tail: bool
    """Whether a tail ends them."""


class Frames:
    """The frames of a file, by their places."""

    def __init__(self, data: Bytes) -> None:
        self._data = data
        self._ahead = Ahead(b"", range(0), 0, tail=False)

    def at(self, place: int) -> Located | RecordV1 | None:
        """Return the frame that stands there, None at the end; raise FormatError for no frame."""
        head = self._data.read(place, v2.FRAME_SIZE)
        if not head:
            return None
        version = version_of(head)
        if version == v2.VERSION:
            return self._frame(place, head)
        if version == v1.VERSION:
            return self._record(place, head)
        if version is not None:
            raise UnknownVersion(f"version {version} of the format is not known here")
        if MAGIC_BYTES.startswith(head[: len(MAGIC_BYTES)]) or head.startswith(MAGIC_BYTES):
            raise Cut("a frame is cut off")
        raise NoFrame("no frame begins here")

    def search(self, start: int) -> int | None:
        """Return the first place from there on where a frame stands, None if there is none.

        In version 2 the magic stands nowhere else, and the frame's checksum is right.
        Version 1 can't promise that: a payload may hold what looks like a record.
        """
        for place in self._magics(start):
            with suppress(FormatError):
                self.at(place)
                return place
        return None

    def ahead(self, start: int, archive_id: bytes) -> Ahead:
        """Return what the archive's frames from there on say, up to the next break.

        It is kept: a file with many faults is not walked over again for each.
        """
        known = self._ahead
        if start not in known.places or known.archive_id != archive_id:
            self._ahead = self._look_ahead(start, archive_id)
        return self._ahead

    def holds_magic(self, start: int, size: int) -> bool:
        """Tell whether the magic stands in so many bytes; of these no more is read than it takes.

        So what claims to be long, and is full of what claims that too, is not read as often.
        """
        end, step, before = start + size, _FEW, b""
        while start < end and (chunk := self._data.read(start, min(step, end - start))):
            if MAGIC_BYTES in before + chunk:
                return True
            before, start, step = chunk[1 - len(MAGIC_BYTES) :], start + len(chunk), 4 * step
        return False

    def length(self) -> int:
        """Return the bytes of the file; a stream is read to its end for it."""
        return self._data.length()

    def _look_ahead(self, start: int, archive_id: bytes) -> Ahead:
        place, mark = start, 0
        while True:
            try:
                item = self.at(place)
            except FormatError:
                item = None
            if not isinstance(item, Located) or item.frame.archive_id != archive_id:
                return Ahead(archive_id, range(start, place), mark, tail=False)
            mark = max(mark, item.frame.synced)
            place = item.end
            if isinstance(item.frame, v2.Tail):
                return Ahead(archive_id, range(start, place), mark, tail=True)

    def _frame(self, at: int, head: bytes) -> Located:
        if len(head) < v2.FRAME_SIZE:
            raise Cut("a frame is cut off")
        located = Located(at, v2.decode_frame(head))
        self._check_end(located.end)
        return located

    def _record(self, at: int, head: bytes) -> RecordV1:
        if len(head) < v1.HEADER.size:
            raise Cut("a record is cut off")
        metadata, raw = v1.lengths(head[: v1.HEADER.size])
        begin = at + v1.HEADER.size
        end = begin + metadata + raw
        self._check_end(end)
        if metadata > _FEW and self.holds_magic(begin, metadata):
            # Neither lengths nor UTF-8 have it: what is no record is not read over and over.
            raise FormatError("version 1 metadata that another frame begins in")
        block = self._data.read(begin, metadata + v1.LENGTH.size)
        if len(block) < metadata + v1.LENGTH.size:
            raise Cut("a record is cut off")
        size = v1.payload_size(block[metadata:], raw)
        pairs = v1.decode_metadata(block[:metadata])
        payload = self._data.read(end - size, size)
        if len(payload) < size:
            raise Cut("a record is cut off")
        return RecordV1(at, end, pairs, v1.decode_payload(payload))

    def _check_end(self, end: int) -> None:
        if not self._data.reaches(end):
            raise Cut("a frame is cut off")

    def _magics(self, start: int) -> Iterator[int]:
        """Yield every place from there on where the magic stands.

        Mostly the next one is near: more is read at once the further it goes.
        """
        overlap, size = len(MAGIC_BYTES) - 1, _FEW
        while chunk := self._data.read(start, size):
            place = chunk.find(MAGIC_BYTES)
            while place >= 0:
                yield start + place
                place = chunk.find(MAGIC_BYTES, place + 1)
            if len(chunk) <= overlap:
                return
            start, size = start + len(chunk) - overlap, min(4 * size, _CHUNK)


def is_block(frame: v2.Frame | v2.Tail) -> TypeGuard[v2.Frame]:
    """Tell whether a frame holds records."""
    return isinstance(frame, v2.Frame) and frame.kind == v2.BLOCK
