"""Archives whose checksums are right, whatever else they say."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from shoebox.format import codecs, v1, v2
from shoebox.format.preamble import MAGIC
from shoebox.format.runs import EMPTY
from shoebox.format.section import Section

ARCHIVE, WRITER = b"A" * 16, b"W" * 16
ENTRY = struct.Struct("<QQQqqIIBB6x")


def section_of(stored: bytes, raw: int | None = None, codec: int = codecs.NONE) -> Section:
    """Return the section that these stored bytes are."""
    size = len(stored) if raw is None else raw
    return Section(len(stored), size, codecs.checksum(stored), codec)


def v1_header(metadata: int, raw: int) -> bytes:
    """Return what a record of version 1 begins with."""
    return v1.HEADER.pack(MAGIC, v1.VERSION, metadata, raw, 0)


def records(*payloads: bytes) -> bytes:
    """Return the raw metadata section of a block of these payloads."""
    count = len(payloads)
    return v2.encode_records([*range(count)], [*map(len, payloads)], bytes(count), [EMPTY] * count)


@dataclass
class Forged:
    """An archive that is put together frame by frame; what is said of one may be anything."""

    frames: list[v2.Frame] = field(default_factory=list)
    sequence: int = 0
    size: int = 0
    parts: list[bytes] = field(default_factory=list)

    @property
    def data(self) -> bytes:
        """The bytes up to now."""
        return b"".join(self.parts)

    def add(self, kind: int, first: bytes, second: bytes = b"", **told: object) -> v2.Frame:
        """Append a frame with these sections."""
        frame = v2.Frame(
            kind,
            int(kind == v2.INDEX),
            ARCHIVE,
            self.size,
            0,
            self.sequence,
            0,
            0,
            0,
            section_of(first),
            section_of(second),
        )
        frame = frame._replace(**told)
        self.parts += [v2.encode_frame(frame), first, second]
        self.size += v2.FRAME_SIZE + len(first) + len(second)
        self.frames.append(frame)
        return frame

    def header(self) -> None:
        """Append the header."""
        self.add(v2.HEADER, v2.encode_origin(WRITER, {}))

    def block(self, *payloads: bytes, **told: object) -> v2.Frame:
        """Append a block of these payloads."""
        told = {"items": len(payloads)} | told
        frame = self.add(v2.BLOCK, records(*payloads), b"".join(payloads), **told)
        self.sequence = frame.sequence + len(payloads)
        return frame

    def index(self, *entries: bytes, directory: bytes = EMPTY, **told: object) -> v2.Frame:
        """Append an index frame of these entries."""
        payload = told.pop("payload_bytes", b"")
        told = {"items": len(entries), "sequence": 0} | told
        return self.add(v2.INDEX, b"".join((*entries, directory)), payload, **told)

    def tail(self, root: v2.Frame, count: int, **told: object) -> bytes:
        """Append the tail, and return the whole."""
        sizes = root.metadata.stored, root.payload.stored
        tail = v2.Tail(ARCHIVE, self.size, 0, 0, 0, 0, count, root.offset, *sizes)
        return self.data + v2.encode_tail(tail._replace(**told))


def entry(frame: v2.Frame, count: int, **told: int) -> bytes:
    """Return the entry of a frame."""
    fields = {
        "offset": frame.offset,
        "sequence": frame.sequence,
        "records": count,
        "first": frame.first_time,
        "last": frame.last_time,
        "metadata": frame.metadata.stored,
        "payload": frame.payload.stored,
        "codec": 0,
        "known": 0,
    }
    return ENTRY.pack(*(fields | told).values())


def begun() -> Forged:
    """Return an archive of two blocks, of one and of two records, without an index."""
    made = Forged()
    made.header()
    made.block(b"one")
    made.block(b"two", b"three")
    return made


def sound(**told: object) -> bytes:
    """Return it sealed; `told` is what its tail says instead."""
    made = begun()
    blocks = made.frames[1:]
    root = made.index(*(entry(it, it.items) for it in blocks))
    return made.tail(root, 3, **told)


def lying(*entries: dict[str, int], root: dict[str, object] | None = None) -> bytes:
    """Return it with an index that tells something else of its blocks."""
    made = begun()
    blocks = made.frames[1:]
    table = [entry(it, it.items, **lie) for it, lie in zip(blocks, entries, strict=True)]
    return made.tail(made.index(*table, **(root or {})), 3)
