"""The records of one block, as parallel sequences: what a reader decodes at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from shoebox.archive.frames import RecordV1
from shoebox.archive.record import Position, Record


class Batch(NamedTuple):
    """Records that were read together; one item of each sequence is one record."""

    archive: str
    """The archive's id, or in version 1 its name."""
    writer: str | None
    at: int
    """The offset of the frame."""
    first: int | None
    """The sequence number of the record in place 0."""
    places: Sequence[int]
    """Where each record is in its block."""
    metadata: Sequence[dict[str, str]]
    payloads: Sequence[str | bytes]
    timestamps: Sequence[int | None]

    @classmethod
    def of_version_1(cls, item: RecordV1, name: str) -> Self:
        """Return the batch of a single record of version 1."""
        return cls(name, None, item.at, None, (0,), (item.metadata,), (item.payload,), (None,))

    def only(self, places: Sequence[int]) -> Batch:
        """Return the batch of some of its records, by their number in this batch."""
        return self._replace(
            places=[self.places[place] for place in places],
            metadata=[self.metadata[place] for place in places],
            payloads=[self.payloads[place] for place in places],
            timestamps=[self.timestamps[place] for place in places],
        )

    def records(self) -> Iterator[Record]:
        """Yield the records with all that is known of each."""
        for place, metadata, payload, timestamp in zip(
            self.places, self.metadata, self.payloads, self.timestamps, strict=True
        ):
            sequence = None if self.first is None else self.first + place
            position = Position(self.at, place)
            yield Record(
                metadata, payload, timestamp, self.writer, sequence, self.archive, position
            )
