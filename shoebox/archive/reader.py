"""Reading one archive, whatever state it is in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import NamedTuple, TypeVar, cast

from shoebox.archive import search
from shoebox.archive.batch import Batch
from shoebox.archive.frames import Located, RecordV1
from shoebox.archive.header import Header, decode_header, header_of
from shoebox.archive.record import Fault, Record
from shoebox.archive.source import Bytes, Source, open_source
from shoebox.archive.span import WHOLE, Span, Start
from shoebox.archive.walk import Walk
from shoebox.closing import Closing
from shoebox.errors import ArchiveError, Cut, FormatError, NoMoreFiles
from shoebox.escaping import logger
from shoebox.format import index, v2
from shoebox.format.section import Section, decode_section
from shoebox.selection import Selection
from shoebox.spool import OPEN

_log = logger(__name__)

_EVERYTHING = Selection()
_FEW = 16
"""Faults after which a section is looked over before it is read: what is full of false frames,
each of which claims to be long, is not read to its end for each."""
_T = TypeVar("_T")

Pair = tuple[dict[str, str], str | bytes]
"""A record's metadata and payload."""


class _Read(NamedTuple):
    """What a caller wants of the records."""

    marks: Mapping[str, int]
    """Where to go on, by writer, or by archive of version 1."""
    payloads: bool


class ArchiveReader(Closing):
    """Gives back the records of one archive, or of several that follow each other in a file.

    The archive may be open, sealed, torn or damaged, of version 1 or 2, or compressed
    as a whole with gzip or zstd. Iterating gives `(metadata, payload)`. Reading goes on
    after damage: each fault is logged and stands in `faults`; `strict` raises it as
    ArchiveError instead. `growing` says that a writer may be at work: what is not whole
    at the end is no fault then, and iterating again gives what has come since.

    With a `selection`, blocks of a sealed archive that can't hold what is wanted are not
    read, as far as the index can tell; and so nothing is said of damage in them. `gap`
    is how many bytes are rather read than left out between two blocks that are. A `span`
    is a part of the file: what lies outside of it is not read, and no fault of its own.
    """

    def __init__(
        self,
        source: Source,
        *,
        name: str | None = None,
        strict: bool = False,
        selection: Selection = _EVERYTHING,
        growing: bool = False,
        gap: int = 0,
        span: Span = WHOLE,
    ) -> None:
        self._file, found = open_source(source)
        self.name = found if name is None else name
        self.faults: list[Fault] = []
        self.header: Header | None = None
        self._key = self.name.removesuffix(OPEN)
        self._strict = strict
        self._selection = selection
        self._data = Bytes(self._file)
        self._sealed = not self.name.endswith(OPEN)
        self._indexed = self._sealed and not (growing or self._data.packed)
        self._walk = self._walk_through(span, growing=growing)
        self._gap = gap
        self._span = span
        self._searchable = self._indexed and not selection.everything
        self._hits: Iterator[search.Hit] | None = None
        """Blocks that are still to be looked at, where the index could be asked."""
        self._given = -1
        """The place of the last block that was found by the index."""
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

    def batches(
        self, after: Mapping[str, int] | None = None, *, payloads: bool = True
    ) -> Iterator[Batch]:
        """Yield the selected records block by block, those of version 1 one by one.

        `after` leaves out what was read before: it maps a writer's id to the sequence
        number, or the name of an archive of version 1 to the offset, to go on at. Without
        `payloads` these are empty, and those of version 2 are not read.
        """
        read = _Read({} if after is None else after, payloads=payloads)
        self.look_up()
        if self._hits is not None:
            yield from self._found(self._hits, read)
        if self._hits is None:
            self._jump(read.marks)
            yield from self._scanned(read)

    def look_up(self) -> None:
        """Ask the index which blocks can hold what is selected; `batches` does it otherwise.

        Where there is no index, or an unsound one, that is left to going through the frames.
        """
        start = self._span.start
        with suppress(FormatError):
            if self.header is None and (self._searchable or start is not None):
                # Before the blocks: what was read to open the file holds it already.
                self.header = header_of(self._data, 0 if start is None else start.archive_at)
        if self._searchable:
            self._searchable = False
            with suppress(FormatError):
                found = search.hits(self._data, self._selection)
                able = (hit for hit in found if self._span.has(hit.at))
                self._hits = self._loaded([*islice(able, 1)], able)

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

    def _scanned(self, read: _Read) -> Iterator[Batch]:
        """Yield what is selected, going through the frames; but not what was found before."""
        for item in self.frames():
            if isinstance(item, Located) and item.is_a(v2.INDEX):
                # One that was cut off would swallow the archive behind it.
                self._sound(item, self.read_index)
            batch = self._batch(item, read)
            if batch is not None and batch.at > self._given:
                yield batch

    def _found(self, hits: Iterator[search.Hit], read: _Read) -> Iterator[Batch]:
        """Yield what is selected, from the blocks that the index names, while these are sound."""
        try:
            for hit in hits:
                self._enter(hit)
                batch = self._batch_v2(hit.locate(self._data), read)
                if batch is not None:
                    self._given = batch.at
                    yield batch
        except FormatError:
            # Going through the frames tells what is wrong.
            self._hits = None

    def _loaded(
        self, first: Iterable[search.Hit], rest: Iterable[search.Hit]
    ) -> Iterator[search.Hit]:
        """Yield the blocks, each when what tells whether it has a match has been read."""
        for group in search.joined(chain(first, rest), self._gap):
            self._data.load(group[0].at, group[-1].end - group[0].at)
            yield from group

    def _jump(self, marks: Mapping[str, int]) -> None:
        """Begin where the first archive was read up to, if its index can tell which block that is.

        Where it can't, every frame's head is looked at.
        """
        if not (marks and self._indexed and self._span is WHOLE and self._walk.at == 0):
            return
        with suppress(FormatError):
            header = header_of(self._data)
            mark = 0 if header is None else marks.get(header.writer, 0)
            if header is not None and mark > header.sequence:
                hit = search.holding(self._data, mark)
                hit.locate(self._data)
                start = Start(hit.at, hit.start, hit.archive_id, hit.entry.sequence)
                self.header, self._walk = header, self._walk_through(Span(start))

    def _walk_through(self, span: Span, *, growing: bool = False) -> Walk:
        return Walk(self._data, self.name, sealed=self._sealed, growing=growing, span=span)

    def _enter(self, hit: search.Hit) -> None:
        """Read the header of a block's archive; raise FormatError where it is unsound."""
        archive = hit.archive_id.hex()
        if self.header is None or self.header.archive != archive:
            self.header = header_of(self._data, hit.start)
        if self.header is None or self.header.archive != archive:
            raise FormatError("the header is another archive's")

    def _payloads(self, item: Located, records: v2.Records) -> list[str | bytes]:
        return v2.decode_payloads(self.payload_section(item), records)

    def _batch(self, item: Located | RecordV1, read: _Read) -> Batch | None:
        """Return the wanted records of a frame, None if there are none."""
        if isinstance(item, RecordV1):
            return self._batch_v1(item, read)
        if not item.is_a(v2.BLOCK):
            return None
        return self._sound(item, lambda item: self._batch_v2(item, read))

    def _batch_v2(self, item: Located, read: _Read) -> Batch | None:
        frame = frame_of(item)
        archive, header = frame.archive_id.hex(), self.header
        writer = None if header is None or header.archive != archive else header.writer
        skip = 0 if writer is None else read.marks.get(writer, 0) - frame.sequence
        if skip >= frame.items or not self._selection.overlaps(frame.first_time, frame.last_time):
            return None
        records = v2.decode_records(self.metadata_section(item), frame.items)
        places = self._wanted(records, max(skip, 0))
        if not places:
            return None
        payloads = self._payloads(item, records) if read.payloads else [""] * frame.items
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

    def _batch_v1(self, item: RecordV1, read: _Read) -> Batch | None:
        if item.at < read.marks.get(self._key, 0):
            return None
        batch = Batch.of_version_1(item, self._key)
        return batch if self._selection.matches(batch.metadata[0], None) else None

    def _wanted(self, records: v2.Records, skip: int) -> Sequence[int]:
        places = range(skip, len(records.metadata))
        return self._selection.places(records.metadata, records.timestamps, places)

    def _section(self, at: int, section: Section) -> bytes:
        """Return the raw section whose stored bytes follow a frame's head at `at`."""
        if len(self.faults) > _FEW and self._walk.is_cut(at + v2.FRAME_SIZE, section.stored):
            raise Cut("a frame is cut off, and another one begins in it")
        stored = self._data.read(at + v2.FRAME_SIZE, section.stored)
        if len(stored) < section.stored:
            raise Cut("a frame is cut off")
        return decode_section(section, stored)

    def _read_header(self, located: Located) -> Header:
        return decode_header(frame_of(located), self.metadata_section(located))

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
