"""What tells an archive from every other, from its two ends alone."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from shoebox.archive.frames import Frames, Located
from shoebox.archive.header import Header, header_of
from shoebox.archive.source import Bytes
from shoebox.digests import digests
from shoebox.errors import FormatError
from shoebox.format import v1, v2


@dataclass(frozen=True, slots=True)
class Identity:
    """What an archive says of itself; None is what it does not say."""

    id: str
    """In hexadecimal; of version 1, which has none, the beginning of the content's SHA-256."""
    version: int
    created: int | None = None
    """Nanoseconds since the epoch, as the times below."""
    host: str | None = None
    """Where it was written."""
    records: int | None = None
    first_time: int | None = None
    last_time: int | None = None

    def metadata(self) -> dict[str, str]:
        """Return what an object's metadata is to say of the archive."""
        found = {
            "archive": self.id,
            "format": str(self.version),
            "records": None if self.records is None else str(self.records),
            "first": _moment(self.first_time),
            "last": _moment(self.last_time),
        }
        return {key: value for key, value in found.items() if value is not None}


def identify(file: BinaryIO) -> Identity | None:
    """Return a file's identity, None if it does not begin as an archive does.

    Of one that is compressed as a whole, only its beginning is read.
    """
    data = Bytes(file)
    try:
        first = Frames(data).at(0)
        header = header_of(data) if isinstance(first, Located) else None
    except FormatError:
        return None
    if first is None:
        return None
    if not isinstance(first, Located):
        file.seek(0)
        return Identity(digests(file, ["sha256"])["sha256"][:32], v1.VERSION)
    return _of_version_2(first.frame.archive_id, header, _tail(file, first.frame.archive_id))


def _of_version_2(archive_id: bytes, header: Header | None, tail: v2.Tail | None) -> Identity:
    return Identity(
        archive_id.hex(),
        v2.VERSION,
        None if header is None else header.created,
        None if header is None else header.metadata.get("host"),
        None if tail is None else tail.records,
        None if tail is None else tail.first_time,
        None if tail is None else tail.last_time,
    )


def _tail(file: BinaryIO, archive_id: bytes) -> v2.Tail | None:
    """Return the tail of a file that holds this archive and nothing else."""
    end = file.seek(0, io.SEEK_END)
    file.seek(max(0, end - v2.FRAME_SIZE))
    try:
        tail = v2.decode_frame(file.read(v2.FRAME_SIZE))
    except FormatError:
        return None
    whole = tail.archive_id == archive_id and tail.offset + v2.FRAME_SIZE == end
    return tail if whole and isinstance(tail, v2.Tail) else None


def _moment(time: int | None) -> str | None:
    """Return a time as ISO 8601, to the second, so that it can be read at a glance."""
    if time is None:
        return None
    return datetime.fromtimestamp(time // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
