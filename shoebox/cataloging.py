"""Writing the catalog of a prefix, and bringing it up to date."""

from __future__ import annotations

import re
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from msgspec.structs import replace

from shoebox.catalog import Catalog
from shoebox.digests import digests
from shoebox.errors import ObjectNotFound
from shoebox.format.catalog import ABSENT, ANYTHING, MAX_TOTAL, NOTHING, Row, hash_of, write
from shoebox.sources import Object
from shoebox.spool import CATALOG
from shoebox.storage import StorageBackend
from shoebox.stores import objects

MAX_VALUES = 1 << 18
"""Of a key of one archive; one that has more is taken for having any."""

AT_ONCE = 8
"""Archives that are read at the same time."""

_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of it."""

    key: str
    """The catalog's."""
    archives: int
    """That are in it."""
    added: int
    removed: int
    left_out: tuple[str, ...]
    """The names of those that are unsound, or of version 1: they say nothing of themselves."""


@dataclass(slots=True)
class _Seen:
    """An archive, and the hashes of the values that it has; None of too many."""

    row: Row
    values: dict[str, array[int] | None] = field(default_factory=dict)
    before: int | None = None
    """The number of its row in the catalog that there was."""


def refresh(backend: StorageBackend, prefix: str, root: str = "") -> Refreshed:
    """Write the catalog of all archives whose keys begin with the prefix.

    Of archives that one there knows already nothing is read. A new one is put beside the
    old before that is removed, so that there always is one.
    """
    old = [_Last(Catalog(backend, key)) for key in _keys(backend, prefix)]
    for it in old:
        if not it.sound:
            # One of the same content would have its name.
            _remove(backend, it.key)
    last = next((it for it in old if it.sound), _Last(None))
    known, new = last.known(objects(backend, prefix, root))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        looked = list(pool.map(_look, new))
    seen = known + [it for it in looked if it is not None]
    key = _put(backend, prefix, sorted(seen, key=lambda it: it.row.key), last)
    for it in old:
        if it.sound and it.key != key:
            _remove(backend, it.key)
    left_out = tuple(it.name for it, found in zip(new, looked, strict=True) if found is None)
    return Refreshed(key, len(seen), len(seen) - len(known), len(last.rows) - len(known), left_out)


def _keys(backend: StorageBackend, prefix: str) -> list[str]:
    """Return the keys of the catalogs of just this prefix."""
    name = re.compile(rf"{re.escape(prefix)}shoebox-[0-9a-f]{{{_DIGITS}}}{re.escape(CATALOG)}")
    return [info.key for info in backend.list(prefix) if name.fullmatch(info.key)]


def _remove(backend: StorageBackend, key: str) -> None:
    with suppress(ObjectNotFound):
        backend.delete(key)


class _Last:
    """What the last catalog holds; nothing where there is none, or it is not sound."""

    def __init__(self, catalog: Catalog | None) -> None:
        found = None if catalog is None else catalog.everything()
        self.key = "" if catalog is None else catalog.key
        self.sound = found is not None
        self.values = {} if found is None else found
        table = NOTHING if catalog is None or found is None else catalog.table
        self.rows, self.keys = table.rows, table.keys

    def known(self, archives: Sequence[Object]) -> tuple[list[_Seen], list[Object]]:
        """Return what it knows of the archives, and those that it doesn't know."""
        numbers = {(row.key, row.size): number for number, row in enumerate(self.rows)}
        places = [(it, numbers.get((it.key, it.size))) for it in archives]
        known = [_Seen(self.rows[at], before=at) for _, at in places if at is not None]
        return known, [it for it, at in places if at is None]


def _look(archive: Object) -> _Seen | None:
    """Read an archive but for its payloads; None if it is not one sealed sound archive."""
    values: dict[str, set[str] | None] = {}
    records, ids = 0, set()
    first, last = [], []
    with archive.reader(growing=False) as reader:
        for batch in reader.batches(payloads=False):
            ids.add(batch.archive)
            records += len(batch.metadata)
            times = [it for it in batch.timestamps if it is not None]
            if not times or reader.faults:
                return None
            first.append(min(times))
            last.append(max(times))
            _gather(values, batch.metadata)
        header = reader.header
        if reader.faults or header is None or ids != {header.archive}:
            return None
    row = Row(
        archive.key,
        archive.size,
        header.archive,
        header.writer,
        header.created,
        header.sequence,
        records,
        min(first),
        max(last),
        [],
    )
    return _Seen(row, {key: _hashes(it) for key, it in values.items()})


def _gather(values: dict[str, set[str] | None], metadata: Sequence[dict[str, str]]) -> None:
    for pairs in metadata:
        for key, value in pairs.items():
            held = values.setdefault(key, set())
            if held is not None:
                held.add(value)
                if len(held) > MAX_VALUES:
                    values[key] = None


def _hashes(values: set[str] | None) -> array[int] | None:
    return None if values is None else array("Q", set(map(hash_of, values)))


def _put(backend: StorageBackend, prefix: str, seen: Sequence[_Seen], last: _Last) -> str:
    """Write the catalog and put it; return its key, which is of its content."""
    with tempfile.NamedTemporaryFile(prefix="shoebox-") as named:
        file = cast("BinaryIO", named)
        _write(file, seen, last)
        file.seek(0)
        sha256 = digests(file, ["sha256"])["sha256"]
        key = f"{prefix}shoebox-{sha256[:_DIGITS]}{CATALOG}"
        if key != last.key:
            backend.put(key, Path(named.name), {"sha256": sha256})
    return key


def _write(file: BinaryIO, seen: Sequence[_Seen], last: _Last) -> None:
    keys = sorted({*last.keys, *(key for it in seen for key in it.values)})
    counts = [[_count(it, key, last.keys) for key in keys] for it in seen]
    limit = _limit([count for row in counts for count in row])
    counts = [[ANYTHING if it > limit else it for it in row] for row in counts]
    rows = [replace(it.row, values=values) for it, values in zip(seen, counts, strict=True)]
    places = {it.before: number for number, it in enumerate(seen) if it.before is not None}
    numbers = (
        array(
            "Q", chain(_kept(last.values.get(key, ()), places, rows, at), _new(key, seen, rows, at))
        )
        for at, key in enumerate(keys)
    )
    write(file, keys, rows, numbers)


def _count(it: _Seen, key: str, before: list[str]) -> int:
    """Return how many values an archive has of a key, as a row says it."""
    if it.before is not None:
        return it.row.values[before.index(key)] if key in before else ABSENT
    if key not in it.values:
        return ABSENT
    found = it.values[key]
    return ANYTHING if found is None else len(found)


def _limit(counts: Sequence[int]) -> int:
    """Return how many values of a key an archive may have to have them all in the catalog."""
    limit = MAX_VALUES
    while sum(it for it in counts if ABSENT < it <= limit) > MAX_TOTAL:
        limit //= 2
    return limit


def _kept(
    numbers: Iterable[int], places: Mapping[int, int], rows: Sequence[Row], key: int
) -> Iterator[int]:
    """Yield those of the last catalog that stay, with the new number of their row."""
    for number in numbers:
        row = places.get(number & 0xFFFFFFFF)
        if row is not None and rows[row].values[key] != ANYTHING:
            yield number >> 32 << 32 | row


def _new(key: str, seen: Sequence[_Seen], rows: Sequence[Row], at: int) -> Iterator[int]:
    """Yield hash and row, as one number, of the values of archives that were looked at."""
    for row, it in enumerate(seen):
        if it.before is None and rows[row].values[at] != ANYTHING:
            yield from (value << 32 | row for value in it.values.get(key) or ())
