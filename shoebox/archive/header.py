"""What an archive of version 2 says of itself at its start."""

from __future__ import annotations

from typing import NamedTuple

from shoebox.archive.source import Bytes, Source, open_source
from shoebox.errors import FormatError
from shoebox.format import v2
from shoebox.format.section import decode_section


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


def read_header(source: Source) -> Header | None:
    """Return the header that an archive begins with; None where there is no sound one."""
    file, _ = open_source(source)
    with file:
        try:
            return header_of(Bytes(file))
        except FormatError:
            return None


def header_of(data: Bytes, at: int = 0) -> Header | None:
    """Return the header that stands there; None where another frame does, or FormatError."""
    frame = v2.decode_frame(data.read(at, v2.FRAME_SIZE))
    if not isinstance(frame, v2.Frame) or frame.kind != v2.HEADER:
        return None
    stored = data.read(at + v2.FRAME_SIZE, frame.metadata.stored)
    return decode_header(frame, decode_section(frame.metadata, stored))


def decode_header(frame: v2.Frame, origin: bytes) -> Header:
    """Return what a header frame and its raw metadata section say."""
    writer, metadata = v2.decode_origin(origin)
    archive = frame.archive_id.hex()
    return Header(archive, writer.hex(), frame.first_time, frame.sequence, metadata)
