"""What a writer puts into an archive of each version: header, blocks, index and tail."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from shoebox.archive.checks import check_sizes
from shoebox.archive.pending import Pending, as_bytes
from shoebox.errors import RecordValueError
from shoebox.format import codecs, filters, runs, v1, v2
from shoebox.format.filters import Filters
from shoebox.format.index import Entry, Index, entry_of
from shoebox.format.section import Section, encode_section

Buffers = Sequence[bytes]

_COMPRESSIONS = ", ".join(codecs.CODECS)


class Block(NamedTuple):
    """Records that are appended as one, and can be written again in another archive."""

    records: int
    sequence: int
    first_time: int
    last_time: int
    buffers: Buffers
    sections: tuple[Section, Section] = (Section(), Section())
    filters: Filters | None = None


class Placement(NamedTuple):
    """The bytes to append for a block, and what the index learns when they are in the file."""

    buffers: Buffers
    entries: Sequence[tuple[int, Entry]] = ()
    """Level and entry: of the block, and before it of a piece of the index that was due."""


class Layout(Protocol):
    """One version's way to lay out an archive. Offsets count from the archive's start."""

    def header(self) -> Buffers:
        """Return what an archive begins with."""

    def block(self, pending: Pending, sequence: int) -> Block:
        """Return the records as a block."""

    def place(self, block: Block, offset: int, synced: int) -> Placement:
        """Return the block's bytes in the place that it will have; nothing changes yet."""

    def placed(self, placement: Placement) -> None:
        """Take in that these bytes are in the file."""

    def end(self, offset: int, synced: int) -> Buffers:
        """Return what an archive ends with: the rest of the index, and the tail."""


class LayoutV1:
    """The layout of 2014: one frame after the other, and nothing else."""

    def header(self) -> Buffers:
        """Return nothing."""
        return ()

    def block(self, pending: Pending, sequence: int) -> Block:
        """Return the records' frames."""
        maps = map(v2.decode_map, pending.metadata)
        frames = b"".join(map(v1.encode, maps, map(as_bytes, pending.payloads)))
        return Block(len(pending), sequence, 0, 0, [frames])

    def place(self, block: Block, offset: int, synced: int) -> Placement:  # noqa: ARG002
        """Return the frames: they are the same everywhere."""
        return Placement(block.buffers)

    def placed(self, placement: Placement) -> None:
        """Do nothing: there is no index."""

    def end(self, offset: int, synced: int) -> Buffers:  # noqa: ARG002
        """Return nothing."""
        return ()


class LayoutV2:
    """The layout of docs/format.md: metadata apart from payloads, and an index."""

    def __init__(
        self,
        archive_id: bytes,
        writer_id: bytes,
        *,
        created: int,
        sequence: int,
        compression: str,
        metadata: Mapping[str, str],
        index_keys: Collection[str] = (),
    ) -> None:
        self._archive_id = archive_id
        self._writer_id = writer_id
        self._created = created
        self._sequence = sequence
        self._codec = codecs.CODECS[compression]
        self._metadata = metadata
        self._index_keys = frozenset(index_keys)
        self._index = Index(archive_id, self._codec)

    def header(self) -> Buffers:
        """Return the header frame."""
        origin = v2.encode_origin(self._writer_id, self._metadata)
        section, stored = encode_section(codecs.NONE, origin)
        frame = v2.Frame(
            v2.HEADER,
            0,
            self._archive_id,
            0,
            0,
            self._sequence,
            self._created,
            self._created,
            0,
            section,
        )
        return v2.encode_frame(frame), stored

    def block(self, pending: Pending, sequence: int) -> Block:
        """Return the records as a block whose sections are compressed and checksummed."""
        times = pending.timestamps
        in_order = sorted(times)  # mostly they are, and then that is faster than min and max
        lengths, texts, raw = pending.joined()
        records = v2.encode_records(times, lengths, texts, pending.metadata)
        metadata, metadata_stored = encode_section(self._codec, records)
        payload, payload_stored = encode_section(self._codec, raw)
        return Block(
            len(lengths),
            sequence,
            in_order[0],
            in_order[-1],
            (metadata_stored, payload_stored),
            (metadata, payload),
            block_filters(pending.values(), self._index_keys),
        )

    def place(self, block: Block, offset: int, synced: int) -> Placement:
        """Return the block's frame, after the piece of the index that is due, if one is."""
        entries: list[tuple[int, Entry]] = []
        before: Buffers = ()
        level = self._index.full()
        if level is not None:
            entry, before = self._index.encode(level, offset, synced)
            entries.append((level + 1, entry))
            offset += entry.size
        metadata, payload = block.sections
        frame = v2.Frame(
            v2.BLOCK,
            0,
            self._archive_id,
            offset,
            synced,
            block.sequence,
            block.first_time,
            block.last_time,
            block.records,
            metadata,
            payload,
        )
        entries.append((0, entry_of(frame, block.records, block.filters)))
        return Placement([*before, v2.encode_frame(frame), *block.buffers], entries)

    def placed(self, placement: Placement) -> None:
        """Put the entries into the index."""
        for level, entry in placement.entries:
            self._index.add(entry, level)

    def end(self, offset: int, synced: int) -> Buffers:
        """Return the rest of the index and the tail."""
        root, buffers = self._index.finish(offset, synced)
        tail = v2.Tail(
            archive_id=self._archive_id,
            offset=offset + sum(map(len, buffers)),
            synced=synced,
            sequence=root.sequence,
            first_time=root.first_time,
            last_time=root.last_time,
            records=root.records,
            index_offset=root.offset,
            index_metadata=root.metadata,
            index_payload=root.payload,
        )
        return [*buffers, v2.encode_tail(tail)]


def layout_of(
    format_version: int,
    archive_id: bytes,
    writer_id: bytes,
    *,
    created: int,
    sequence: int,
    compression: str,
    metadata: Mapping[str, str],
    index_keys: Collection[str] = (),
) -> Layout:
    """Return the layout of a version; raise RecordValueError for what none can hold."""
    if format_version not in {v1.VERSION, v2.VERSION}:
        raise RecordValueError(f"version {format_version} of the format is not known; use 2 or 1")
    if compression not in codecs.CODECS:
        raise RecordValueError(f"compression {compression!r} is not known; use {_COMPRESSIONS}")
    if len(archive_id) != v2.ID_SIZE or len(writer_id) != v2.ID_SIZE:
        raise RecordValueError(f"the ids of archives and writers are of {v2.ID_SIZE} bytes")
    if format_version == v1.VERSION:
        return LayoutV1()
    check_sizes(metadata, len(v2.encode_map(metadata)), 0)
    return LayoutV2(
        archive_id,
        writer_id,
        created=created,
        sequence=sequence,
        compression=compression,
        metadata=metadata,
        index_keys=index_keys,
    )


def block_filters(values: Mapping[str, set[str]], keys: Collection[str] = ()) -> Filters | None:
    """Return the filters of a block whose metadata keys have these values, unless too large.

    `keys` are those that get a filter, all if it is empty; of others it is known where they are.
    """
    found = filters.of(values, keys)
    size = sum(map(len, found)) + sum(map(len, found.values()))
    return found if size <= runs.MAX_FILTERS else None
