"""What is in the archive of a writer that died, up to the first thing that is unsound."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from shoebox.archive.frames import Located, RecordV1
from shoebox.archive.layout import Layout, LayoutV1, LayoutV2, Placement, block_filters
from shoebox.archive.reader import ArchiveReader, frame_of
from shoebox.errors import FormatError
from shoebox.format import v1, v2
from shoebox.format.index import Entry, entry_of
from shoebox.format.preamble import MAGIC_BYTES, PREAMBLE, version_of

_SECTOR = 512
_CHUNK = 1 << 20


def refusal(source: BinaryIO) -> str:
    """Say why a file is not ours to touch, nothing if it is."""
    head = source.read(PREAMBLE.size)
    if not _is_magic(head) and not _has_lost_its_header(source):
        return "it does not begin as an archive does"
    version = version_of(head)
    if version not in {None, v1.VERSION, v2.VERSION}:
        return f"version {version} of the format is not known here"
    return ""


def _is_magic(head: bytes) -> bool:
    return head.startswith(MAGIC_BYTES) or MAGIC_BYTES.startswith(head)


def _has_lost_its_header(source: BinaryIO) -> bool:
    """Tell a beginning that a power cut left as zeros, whatever it has kept of what followed.

    Disks write whole sectors; what follows a shorter run of zeros is a frame, or not ours.
    """
    source.seek(0)
    head = source.read(_SECTOR)
    rest = head.lstrip(b"\0")
    return rest != head and _is_magic(rest)


def _is_blank(source: BinaryIO) -> bool:
    source.seek(0)
    return not any(chunk.strip(b"\0") for chunk in iter(lambda: source.read(_CHUNK), b""))


@dataclass(slots=True)
class Findings:
    """What is in an abandoned archive, up to the first thing that is unsound."""

    layout: Layout = field(default_factory=LayoutV1)
    begun: bool = False
    """Whether there is a whole header, or a whole record of version 1."""
    damaged: bool = False
    """Whether what is unsound is more than a frame that was not completely written."""
    ended: bool = False
    """Whether there is a tail."""
    records: int = 0
    end: int = 0
    """Bytes of the sound part."""
    mark: int = 0
    """Bytes that were known to be durable."""
    fault: str = ""


def examine(source: BinaryIO, path: Path) -> Findings:
    """Read the archive to its end; behind the first fault only the marks count.

    `path` names it in the log.
    """
    found = Findings()
    reader = ArchiveReader(source, name=os.fspath(path))
    for item in reader.frames():
        if isinstance(item, Located):
            found.mark = max(found.mark, item.frame.synced)
        if not (found.fault or reader.faults):
            try:
                _take_in(found, reader, item)
            except FormatError as error:
                found.fault = str(error)
    if reader.faults and not found.fault:
        found.fault = reader.faults[0].reason
    kinds = {fault.kind for fault in reader.faults}
    found.damaged = "corrupt" in kinds or ("foreign" in kinds and not _is_blank(source))
    return found


def _take_in(found: Findings, reader: ArchiveReader, item: Located | RecordV1) -> None:
    """Count a frame as a part of the sound beginning; raise FormatError if it is none."""
    if found.ended:
        raise FormatError("something follows its tail")
    if isinstance(item, Located) and item.frame.offset != item.at:
        raise FormatError("a frame that was written to another place")
    if isinstance(item, RecordV1):
        found.records += 1
    elif item.is_a(v2.HEADER):
        found.layout = _layout(reader, item)
    elif item.is_a(v2.INDEX):
        records = sum(entry.records for entry in reader.read_index(item))
        frame = frame_of(item)
        found.layout.placed(Placement((), [(frame.level, entry_of(frame, records))]))
    elif item.is_a(v2.BLOCK):
        found.layout.placed(Placement((), [(0, _entry(reader, item))]))
        found.records += frame_of(item).items
    else:
        found.ended = True
    found.begun = True
    found.end = item.end


def _layout(reader: ArchiveReader, item: Located) -> LayoutV2:
    frame = frame_of(item)
    writer, metadata = v2.decode_origin(reader.metadata_section(item))
    return LayoutV2(
        frame.archive_id,
        writer,
        created=frame.first_time,
        sequence=frame.sequence,
        compression="none",
        metadata=metadata,
    )


def _entry(reader: ArchiveReader, item: Located) -> Entry:
    """Return a block's entry for the index, with a filter for each of its keys."""
    frame = frame_of(item)
    records = v2.decode_records(reader.metadata_section(item), frame.items)
    v2.decode_payloads(reader.payload_section(item), records)
    values: defaultdict[str, set[str]] = defaultdict(set)
    for metadata in records.metadata:
        for key, value in metadata.items():
            values[key].add(value)
    return entry_of(frame, frame.items, block_filters(values))
