"""Reading one archive, whatever state it is in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar, cast

from shoebox.archive.batch import Batch
from shoebox.archive.frames import Located, RecordV1
from shoebox.archive.record import Fault, Record
from shoebox.archive.source import Bytes, Source, open_source
from shoebox.archive.walk import Walk
from shoebox.closing import Closing
from shoebox.errors import ArchiveError, Cut, FormatError, NoMoreFiles
from shoebox.format import index, v2
from shoebox.format.section import Section, decode_section
from shoebox.selection import Selection
from shoebox.spool import OPEN

_log = logging.getLogger(__name__)

_EVERYTHING = Selection()
_T = TypeVar("_T")

Pair = tuple[dict[str, str], str | bytes]
"""A record's metadata and payload."""


class Header(NamedTuple):
    """What an archive of version 2 says of itself at its start."""

    archive: str
    """Its id, in hexadecimal."""
    writer: str
    """The id of its writer, in hexadecimal."""
    created: int
    """Nanoseconds since the epoch."""
    sequence: int
    """The first record's."""
    metadata: dict[str, str]


class ArchiveReader(Closing):
    """Gives back the records of one archive, or of several that follow each other in a file.

    The archive may be open, sealed, torn or damaged, of version 1 or 2, or compressed
    as a whole with gzip or zstd. Iterating gives `(metadata, payload)`. Reading goes on
    after damage: each fault is logged and stands in `faults`; `strict` raises it as
    ArchiveError instead. `growing` says that a writer may be at work: what is not whole
    at the end is no fault then, and iterating again gives what has come since.
    """

    def __init__(
        self,
        source: Source,
        *,
        name: str | None = None,
        strict: bool = False,
        selection: Selection = _EVERYTHING,
        growing: bool = False,
    ) -> None:
        self._file, found = open_source(source)
        self.name = found if name is None else name
        self.faults: list[Fault] = []
        self.header: Header | None = None
        self._key = self.name.removesuffix(OPEN)
        self._strict = strict
        self._selection = selection
        self._data = Bytes(self._file)
        sealed = not self.name.endswith(OPEN)
        self._walk = Walk(self._data, self.name, sealed=sealed, growing=growing)
        self._pairs: Iterator[Pair] | None = None

    def read(self) -> Pair:
        """Return the next record's metadata and payload; raise NoMoreFiles after the last."""
        try:
            return next(iter(self))
        except StopIteration:
            raise NoMoreFiles(f"{self.name}: every record has been read") from None

    def __iter__(self) -> Iterator[Pair]:
        """Go on behind the record that was given last, as a file does with its lines."""
        if self._pairs is None:
            self._pairs = self._read_pairs()
        return self._pairs

    def records(self) -> Iterator[Record]:
        """Yield the records with all that is known of each."""
        for batch in self.batches():
            yield from batch.records()

    def batches(self, after: Mapping[str, int] | None = None) -> Iterator[Batch]:
        """Yield the selected records block by block, those of version 1 one by one.

        `after` leaves out what was read before: it maps a writer's id to the sequence
        number, or the name of an archive of version 1 to the offset, to go on at.
        """
        marks = {} if after is None else after
        for item in self.frames():
            if isinstance(item, Located) and item.is_a(v2.INDEX):
                # One that was cut off would swallow the archive behind it.
                self._sound(item, self.read_index)
            batch = self._batch(item, marks)
            if batch is not None:
                yield batch

    def frames(self) -> Iterator[Located | RecordV1]:
        """Yield the sound frames in their order, and note the faults between them."""
        for item in self._walk:
            if isinstance(item, Fault):
                self._note(item)
                continue
            if isinstance(item, Located) and item.is_a(v2.HEADER):
                self.header = self._sound(item, self._read_header)
            yield item

    def verify(self) -> int:
        """Read everything, the index too, and return the number of sound records."""
        return sum(len(batch.payloads) for batch in self.batches())

    def read_index(self, located: Located) -> list[index.Entry]:
        """Return the entries of an index frame; raise FormatError where it is unsound."""
        frame = frame_of(located)
        piece = index.decode(self.metadata_section(located), frame.items, frame.payload.stored)
        return piece.filled(self.payload_section(located))

    def metadata_section(self, located: Located) -> bytes:
        """Return a frame's raw first section; raise FormatError where it is unsound."""
        return self._section(located.at, frame_of(located).metadata)

    def payload_section(self, located: Located) -> bytes:
        """Return a frame's raw second section; raise FormatError where it is unsound."""
        frame = frame_of(located)
        return self._section(located.at + frame.metadata.stored, frame.payload)

    def settle(self) -> None:
        """Say that the writer is done: what is not whole from now on is a fault."""
        self._walk.growing = False

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_pairs(self) -> Iterator[Pair]:
        for batch in self.batches():
            yield from zip(batch.metadata, batch.payloads, strict=True)
        self._pairs = None

    def _batch(self, item: Located | RecordV1, marks: Mapping[str, int]) -> Batch | None:
        """Return the wanted records of a frame, None if there are none."""
        if isinstance(item, RecordV1):
            return self._batch_v1(item, marks)
        if not item.is_a(v2.BLOCK):
            return None
        return self._sound(item, lambda item: self._batch_v2(item, marks))

    def _batch_v2(self, item: Located, marks: Mapping[str, int]) -> Batch | None:
        frame = frame_of(item)
        archive, header = frame.archive_id.hex(), self.header
        writer = None if header is None or header.archive != archive else header.writer
        skip = 0 if writer is None else marks.get(writer, 0) - frame.sequence
        if skip >= frame.items or not self._selection.overlaps(frame.first_time, frame.last_time):
            return None
        records = v2.decode_records(self.metadata_section(item), frame.items)
        places = self._wanted(records, max(skip, 0))
        if not places:
            return None
        payloads = v2.decode_payloads(self.payload_section(item), records)
        batch = Batch(
            archive,
            writer,
            item.at,
            frame.sequence,
            range(frame.items),
            records.metadata,
            payloads,
            records.timestamps,
        )
        return batch if len(places) == frame.items else batch.only(places)

    def _batch_v1(self, item: RecordV1, marks: Mapping[str, int]) -> Batch | None:
        if item.at < marks.get(self._key, 0):
            return None
        batch = Batch.of_version_1(item, self._key)
        return batch if self._selection.matches(batch.metadata[0], None) else None

    def _wanted(self, records: v2.Records, skip: int) -> Sequence[int]:
        places = range(skip, len(records.metadata))
        if self._selection.everything:
            return places
        metadata, times = records.metadata, records.timestamps
        return [at for at in places if self._selection.matches(metadata[at], times[at])]

    def _section(self, at: int, section: Section) -> bytes:
        """Return the raw section whose stored bytes follow a frame's head at `at`."""
        stored = self._data.read(at + v2.FRAME_SIZE, section.stored)
        if len(stored) < section.stored:
            raise Cut("a frame is cut off")
        return decode_section(section, stored)

    def _read_header(self, located: Located) -> Header:
        return _header(frame_of(located), self.metadata_section(located))

    def _sound(self, item: Located, decode: Callable[[Located], _T]) -> _T | None:
        """Return what the frame holds; note a fault and return None where it is unsound."""
        try:
            return decode(item)
        except FormatError as error:
            self._note(self._walk.unsound(item, error))
            return None

    def _note(self, fault: Fault) -> None:
        if self._strict:
            raise ArchiveError(fault)
        _log.warning("%s", fault)
        self.faults.append(fault)


def frame_of(located: Located) -> v2.Frame:
    """Return the frame of what `is_a` has told to have sections."""
    return cast("v2.Frame", located.frame)


def read_header(source: Source) -> Header | None:
    """Return the header that an archive begins with; None where there is no sound one."""
    file, _ = open_source(source)
    with file:
        try:
            return header_of(Bytes(file))
        except FormatError:
            return None


def header_of(data: Bytes) -> Header | None:
    """Return the header that stands first; None where another frame does, or FormatError."""
    frame = v2.decode_frame(data.read(0, v2.FRAME_SIZE))
    if not isinstance(frame, v2.Frame) or frame.kind != v2.HEADER:
        return None
    stored = data.read(v2.FRAME_SIZE, frame.metadata.stored)
    return _header(frame, decode_section(frame.metadata, stored))


def _header(frame: v2.Frame, origin: bytes) -> Header:
    writer, metadata = v2.decode_origin(origin)
    archive = frame.archive_id.hex()
    return Header(archive, writer.hex(), frame.first_time, frame.sequence, metadata)
