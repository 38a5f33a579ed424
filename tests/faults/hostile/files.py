"""Whole files that somebody else has made, and what reading them promises."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path

from shoebox.archive import ArchiveReader, Fault, Record, recover, search
from shoebox.archive.source import Bytes
from shoebox.catalog import Catalog
from shoebox.delivery import Deliveries, Delivery, Stand
from shoebox.errors import ArchiveError, FormatError
from shoebox.selection import Not, Selection
from shoebox.spool import DELIVERY, Spool
from shoebox.testing import MemoryBackend
from tests.faults.power_cut.exploring import scratch

SELECTIONS = (
    Selection({"host": "n1"}),
    Selection({"event_type": "compute.*"}),
    Selection({"id": Not("3")}, since=1),
    Selection(until=1_400_000_000_000_000_005),
)
_ONCE = 1 << 16
"""Bytes that may be read of a file however short it is."""
_OFTEN = 40
"""How often each byte of it may be."""


class Counted(io.BytesIO):
    """A file that counts the bytes that are read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and count."""
        data = super().read(size)
        self.taken += len(data)
        return data


def tail(data: bytes) -> None:
    """Tails lead back through a file to its beginning, and not beyond."""
    places = [start for start, _ in search._archives(Bytes(io.BytesIO(data)))]
    assert places[-1:] in ([], [0])
    assert all(later > earlier for later, earlier in pairwise(places))


def descent(data: bytes) -> None:
    """The index gives blocks within the file, each once, whatever is asked of it."""
    source = Bytes(io.BytesIO(data))
    asked: list[Callable[[], object]] = [
        *(lambda at=at: search.nearest(source, at) for at in (0, len(data) // 2, len(data))),
        *(lambda at=at: search.holding(source, at).locate(source) for at in (0, 9, 1 << 61)),
        lambda: search.outline(source),
        *(lambda it=it: list(search.hits(source, it)) for it in SELECTIONS),
    ]
    for question in asked:
        with suppress(FormatError):
            question()
    found = list(search.hits(source, Selection()))
    assert len({it.at for it in found}) == len(found)
    assert all(0 <= it.at < len(data) for it in found)


def archive(data: bytes) -> None:
    """What is read lies within the file, in its order; a search gives nothing else."""
    records, faults = _read(data, "a.events")
    if not Bytes(io.BytesIO(data)).packed:
        assert all(0 <= it.start <= it.end <= len(data) for it in faults), faults
    places = [it.position for it in records]
    assert all(one < other for one, other in pairwise(places))
    assert _is_refused(data) == bool(faults)
    _read(data, "a.events.open")
    for selection in SELECTIONS:
        wanted = [it for it in records if selection.matches(it.metadata, it.timestamp)]
        for found in _read(data, "a.events", selection=selection)[0]:
            assert found in wanted


def packed(data: bytes) -> None:
    """The same of a file that is compressed as a whole, unless it is damaged all over."""
    if Bytes(io.BytesIO(data)).packed:
        with suppress(OSError):
            archive(data)


def recovery(data: bytes) -> None:
    """Recovery seals a beginning of what was there, and throws away nothing that was."""
    with scratch() as folder, _silence():
        path = folder / "a.events.open"
        path.write_bytes(data)
        before, _ = _read(data, path.name)
        done = recover(path)
        if done.outcome == "sealed":
            records, faults = _read(done.path.read_bytes(), done.path.name)
            assert not faults, faults
            assert list(map(_said, records)) == list(map(_said, before[: done.records]))
        elif done.outcome != "removed":
            assert done.path.read_bytes() == data
        saved = Path(folder / "a.events.torn")
        assert not saved.exists() or data.endswith(saved.read_bytes())


def catalog(data: bytes) -> None:
    """A catalog answers, or knows nothing; it never fails."""
    backend = MemoryBackend()
    backend.raw_put("x.catalog", data)
    with _silence():
        for selection in SELECTIONS:
            found = Catalog(backend, "x.catalog")
            rows = found.table.rows
            assert all(0 <= number < len(rows) for number in found.able(selection))
            for row in rows:
                assert found.row(row.key, row.size) == row
                assert isinstance(found.rules_out(row.key, row.size, selection), bool)
        values = found.everything()
        assert values is None or sorted(values) == sorted(found.table.keys)


def delivery(data: bytes) -> None:
    """A state is read, or begins anew; it can be written again, and then is the same."""
    with scratch() as folder:
        (folder / "a.events").touch()
        (folder / ("a.events" + DELIVERY)).write_bytes(data)
        with closing(Spool(folder)) as spool:
            deliveries = Deliveries(spool)
            found = deliveries.read("a.events")
            assert isinstance(found, Delivery)
            assert isinstance(found.is_poison(["hot"]), bool)
            found.destinations["hot"] = Stand("k")
            assert deliveries.note("a.events", "hot", Stand("k")) == found
            assert deliveries.read("a.events") == found


def _read(
    data: bytes, name: str, selection: Selection | None = None
) -> tuple[list[Record], list[Fault]]:
    """Return all records and faults; each byte is read a few times at most."""
    file = Counted(data)
    options = {} if selection is None else {"selection": selection}
    with _silence(), ArchiveReader(file, name=name, **options) as reader:
        records = list(reader.records())
        length = reader._data.length()
    assert file.taken <= _ONCE + _OFTEN * max(length, len(data))
    return records, reader.faults


def _is_refused(data: bytes) -> bool:
    """Tell whether a strict reader raises."""
    try:
        with ArchiveReader(io.BytesIO(data), name="a.events", strict=True) as reader:
            reader.verify()
    except ArchiveError:
        return True
    return False


def _said(record: Record) -> tuple[object, ...]:
    return record.metadata, record.payload, record.timestamp, record.sequence


class _silence:  # noqa: N801 - it is used as a function is
    """Logs nothing of what is unsound: that would be most of the time."""

    def __enter__(self) -> None:
        logging.disable(logging.CRITICAL)

    def __exit__(self, *error: object) -> None:
        logging.disable(logging.NOTSET)
