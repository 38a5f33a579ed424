"""What travels: a record with where it came from, and a fault with where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from shoebox.escaping import sentence

FaultKind = Literal["torn", "corrupt", "gap", "foreign"]


class Position(NamedTuple):
    """Where a record lies in its archive."""

    offset: int
    """Of its frame, in bytes from the start of the file (decompressed, if it is whole)."""
    place: int
    """Of the record in its block, from 0."""


class Record(NamedTuple):
    """One record. In version 1 `timestamp`, `writer` and `sequence` are None."""

    metadata: dict[str, str]
    payload: str | bytes
    timestamp: int | None
    """Nanoseconds since the epoch."""
    writer: str | None
    """The writer's id, in hexadecimal; None too where the archive's header was lost."""
    sequence: int | None
    """With `writer` the record's identity: the same twice is one record delivered twice."""
    archive: str
    """The archive's id in hexadecimal; in version 1, which has none, its name."""
    position: Position


@dataclass(frozen=True, slots=True)
class Fault:
    """Bytes that could not be read as records, and why."""

    archive: str
    """The archive's path or key."""
    kind: FaultKind
    """torn: never completely written. corrupt: changed later. gap: records are missing.
    foreign: no archive of a version that is known."""
    start: int
    end: int
    """The byte range that was left out; empty where something is missing."""
    reason: str

    def __str__(self) -> str:
        where = f"at bytes {self.start}-{self.end}"
        return sentence(f"{self.archive}: {self.kind} {where}: {self.reason}")
