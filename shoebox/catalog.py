"""The catalog of a prefix: one object that says what the archives there can hold.

It saves reading them, and no more: where it is unsound, the archives tell all that it does.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import chain
from threading import Lock
from typing import BinaryIO, TypeVar

from shoebox.errors import FormatError, ObjectNotFound
from shoebox.escaping import logger
from shoebox.format.catalog import (
    ABSENT,
    ANYTHING,
    HASH_BITS,
    NOTHING,
    Part,
    Row,
    Table,
    decode,
    hash_of,
    read_part,
)
from shoebox.selection import Need, Selection
from shoebox.spool import CATALOG
from shoebox.storage import StorageBackend

_T = TypeVar("_T")
_log = logger(__name__)


class Catalog:
    """A catalog in a store, read when it is asked. One that can't be read knows nothing.

    May be asked by several threads.
    """

    def __init__(self, backend: StorageBackend, key: str) -> None:
        self.key = key
        self._backend = backend
        self._lock = Lock()
        self._table: Table | None = None
        self._by_key: dict[str, int] = {}
        self._able: tuple[Selection | None, frozenset[int]] = (None, frozenset())

    @property
    def table(self) -> Table:
        """What it holds; nothing where it has gone, or is unsound."""
        with self._lock:
            if self._table is None:
                self._ask(lambda _file, _table: None)
            return NOTHING if self._table is None else self._table

    def row(self, key: str, size: int) -> Row | None:
        """Return what is known of an archive; None if nothing is, or of another one."""
        rows, number = self.table.rows, self._by_key.get(key)
        return rows[number] if number is not None and rows[number].size == size else None

    def rules_out(self, key: str, size: int, selection: Selection) -> bool:
        """Tell whether an archive is known, and can't hold what is selected."""
        able = self.able(selection)
        return self.row(key, size) is not None and self._by_key[key] not in able

    def able(self, selection: Selection) -> frozenset[int]:
        """Return the numbers of the rows whose archives can hold what is selected."""
        with self._lock:
            if self._able[0] is not selection:
                found = self._ask(lambda file, table: _able(file, table, selection))
                every = range(0 if self._table is None else len(self._table.rows))
                self._able = selection, frozenset(every if found is None else found)
            return self._able[1]

    def everything(self) -> dict[str, array[int]] | None:
        """Return hash and row, as one number, of all values by key; None where it is unsound."""
        with self._lock:
            return self._ask(_everything)

    def _ask(self, question: Callable[[BinaryIO, Table], _T]) -> _T | None:
        """Return the answer; None, with a warning, where the catalog has gone or is unsound."""
        if self._table is NOTHING:
            return None
        try:
            with self._backend.open(self.key) as file:
                table = self._know(decode(file)) if self._table is None else self._table
                return question(file, table)
        except (FormatError, ObjectNotFound) as error:
            # The archives themselves tell all that it does.
            _log.warning("%s: the catalog can't be used, make a new one: %s", self.key, error)
            if self._table is None:
                self._know(NOTHING)
            return None

    def _know(self, table: Table) -> Table:
        self._by_key = {row.key: number for number, row in enumerate(table.rows)}
        self._table = table
        return table


def _able(file: BinaryIO, table: Table, selection: Selection) -> set[int]:
    """Return the numbers of the rows whose archives can hold what is selected."""
    able = {
        number
        for number, row in enumerate(table.rows)
        if selection.overlaps(row.first_time, row.last_time)
    }
    for need in selection.needs:
        able = _able_to(file, table, need, able) if able else able
    return able


def _able_to(file: BinaryIO, table: Table, need: Need, able: set[int]) -> set[int]:
    """Return those of the rows that may have what is needed."""
    rows = table.rows
    if need.key not in table.keys:
        return set()
    key = table.keys.index(need.key)
    able = {it for it in able if rows[it].values[key] != ABSENT}
    if need.value is None or all(rows[it].values[key] == ANYTHING for it in able):
        return able
    having = set(_having(file, table.parts[key], hash_of(need.value)))
    return {it for it in able if it in having or rows[it].values[key] == ANYTHING}


def _having(file: BinaryIO, parts: list[Part], wanted: int) -> Iterator[int]:
    """Yield the rows whose archives have a value of that hash."""
    numbers = read_part(file, parts[wanted * len(parts) >> HASH_BITS])
    for number in numbers[bisect_left(numbers, wanted << HASH_BITS) :]:
        if number >> HASH_BITS != wanted:
            return
        yield number & ((1 << HASH_BITS) - 1)


def _everything(file: BinaryIO, table: Table) -> dict[str, array[int]]:
    return {
        key: array("Q", chain.from_iterable(read_part(file, part) for part in parts))
        for key, parts in zip(table.keys, table.parts, strict=True)
    }


def is_catalog(key: str) -> bool:
    """Tell whether a key is a catalog's."""
    return key.endswith(CATALOG)
