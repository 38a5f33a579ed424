"""Records of archives that lie in a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from shoebox.archive import Fault, Record
from shoebox.archive.batch import Batch
from shoebox.archive.reader import read_header
from shoebox.cli.sources import Archive, reading
from shoebox.roll_manager.catalogue import ordered
from shoebox.selection import Selection


class StoreReader:
    """Gives the records of archives in the order of their headers, as a roll manager does.

    Only what is needed of each object is fetched.
    """

    def __init__(self, archives: Sequence[Archive], selection: Selection) -> None:
        self._archives = ordered(archives, lambda it: read_header(it.open()), lambda it: it.name)
        self._selection = selection
        self.faults: list[Fault] = []

    def __iter__(self) -> Iterator[tuple[dict[str, str], str | bytes]]:
        for batch in self._batches():
            yield from zip(batch.metadata, batch.payloads, strict=True)

    def records(self) -> Iterator[Record]:
        """Yield the records with all that is known of each."""
        for batch in self._batches():
            yield from batch.records()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the objects, each of which is closed when it has been read."""

    def _batches(self) -> Iterator[Batch]:
        for archive in self._archives:
            with reading(archive, selection=self._selection) as reader:
                yield from reader.batches()
                self.faults += reader.faults
