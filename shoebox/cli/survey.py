"""What can be said of an archive from the heads of its frames, without reading its records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shoebox.archive import ArchiveReader, Fault, Header
from shoebox.archive.frames import Located, RecordV1
from shoebox.archive.header import read_header
from shoebox.archive.identity import identify
from shoebox.archive.reader import frame_of
from shoebox.cli.command import Maybe
from shoebox.cli.sources import reading
from shoebox.format import v1, v2
from shoebox.sources import Archive
from shoebox.spool import OPEN

Look = Callable[[ArchiveReader, Located], None]


@dataclass(slots=True)
class Survey:
    """An archive at a glance; times are nanoseconds since the epoch."""

    name: str
    size: int
    state: str = ""
    """`sealed`, `open` (its writer lives), `abandoned` (it does not), or its first fault's kind."""
    versions: set[int] = field(default_factory=set)
    records: int = 0
    first_time: int | None = None
    last_time: int | None = None
    header: Header | None = None
    """The first one, where the file holds several archives."""
    faults: list[Fault] = field(default_factory=list)

    @property
    def version(self) -> Maybe[int]:
        """The format's version; of several the last, with all of them for people."""
        text = "+".join(map(str, sorted(self.versions)))
        return Maybe(max(self.versions, default=None), text)


def glance(archive: Archive) -> Survey:
    """Return what an archive's two ends say, if it lies in a store; else its survey.

    So that not every object is gone through, frame by frame, request by request.
    """
    seen = None if archive.path is not None else ends(archive)
    return survey(archive) if seen is None else seen


def ends(archive: Archive) -> Survey | None:
    """Return what an archive's two ends say; None where they don't say all."""
    header = read_header(archive.open())
    with archive.open() as file:
        # Of version 1, which has no header, all would be read.
        identity = None if header is None else identify(file)
    if identity is None or identity.records is None:
        return None
    return Survey(
        archive.name,
        archive.size,
        "sealed",
        {identity.version},
        identity.records,
        identity.first_time,
        identity.last_time,
        header,
    )


def survey(archive: Archive, look: Look = lambda _reader, _frame: None) -> Survey:
    """Walk over the archive's frames; `look` is shown each of version 2."""
    result = Survey(archive.name, archive.size)
    growing = archive.growing
    with reading(archive) as reader:
        for item in reader.frames():
            _count(result, item)
            result.header = result.header or reader.header
            if isinstance(item, Located):
                look(reader, item)
        result.faults = reader.faults
        result.state = _state(result, growing=growing)
    return result


def _count(result: Survey, item: Located | RecordV1) -> None:
    if isinstance(item, RecordV1):
        result.versions.add(v1.VERSION)
        result.records += 1
        return
    result.versions.add(v2.VERSION)
    if item.is_a(v2.BLOCK):
        frame = frame_of(item)
        result.records += frame.items
        first, last = result.first_time, result.last_time
        result.first_time = frame.first_time if first is None else min(first, frame.first_time)
        result.last_time = frame.last_time if last is None else max(last, frame.last_time)


def _state(result: Survey, *, growing: bool) -> str:
    if result.faults:
        return result.faults[0].kind
    if not result.name.endswith(OPEN):
        return "sealed"
    return "open" if growing else "abandoned"
