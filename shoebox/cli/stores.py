"""Records of archives that lie in a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from shoebox.archive import Fault, Record
from shoebox.archive.batch import Batch
from shoebox.archive.reader import read_header
from shoebox.cli.sources import Archive, reading
from shoebox.selection import Selection


class StoreReader:
    """Gives the records of archives in the order of their headers, as a roll manager does.

    Only what is needed of each object is fetched.
    """

    def __init__(self, archives: Sequence[Archive], selection: Selection) -> None:
        self._archives = sorted(archives, key=_order)
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
        # What a writer was not sure of it has written again, in its next archive.
        met: dict[str, int] = {}
        for archive in self._archives:
            with reading(archive, selection=self._selection) as reader:
                for batch in reader.batches(met):
                    yield batch
                    if batch.writer is not None and batch.first is not None:
                        met[batch.writer] = batch.first + batch.places[-1] + 1
                self.faults += reader.faults


def _order(archive: Archive) -> tuple[int, str, int, str]:
    header = read_header(archive.open())
    if header is None:
        return -1, "", 0, archive.name
    return header.created, header.writer, header.sequence, archive.name
