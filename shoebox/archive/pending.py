"""The records that wait for their block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shoebox.archive.shape import Shape

MAX_SHAPES: Final = 64
"""As many are kept from one block to the next."""


class Pending:
    """The records that wait for their block."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        """Three a record: metadata as v2.encode_map gives it, payload, and timestamp. One flat
        list: one call appends a record, and the garbage collector has nothing to walk in it.
        """
        self.shapes: dict[tuple[str, ...], Shape] = {}
        """The shapes of their metadata, by the keys."""

    def __len__(self) -> int:
        return len(self.items) // 3

    @property
    def metadata(self) -> list[bytes]:
        """Each record's metadata, encoded."""
        return self.items[0::3]

    @property
    def payloads(self) -> list[str | bytes]:
        """Each record's payload."""
        return self.items[1::3]

    @property
    def timestamps(self) -> list[int]:
        """Each record's, in nanoseconds since the epoch."""
        return self.items[2::3]

    @property
    def last(self) -> tuple[bytes, str | bytes, int]:
        """The record that was taken last."""
        metadata, payload, timestamp = self.items[-3:]
        return metadata, payload, timestamp

    def values(self) -> dict[str, set[str]]:
        """Return the distinct values that each metadata key has, for the filters."""
        values: dict[str, set[str]] = {}
        for shape in self.shapes.values():
            for key, column in shape.columns().items():
                values[key] = values[key] | column if key in values else column
        return values

    def shape(self, metadata: Mapping[str, str]) -> Shape:
        """Return the shape of plain metadata, a new one if need be."""
        keys = tuple(metadata)
        if keys not in self.shapes:
            self.shapes[keys] = Shape(keys)
        return self.shapes[keys]

    def begin(self) -> None:
        """Begin the next block; its records will mostly be of the same shapes."""
        self.items.clear()
        if len(self.shapes) > MAX_SHAPES:
            self.shapes.clear()
        for shape in self.shapes.values():
            shape.clear()

    def drop_last(self) -> None:
        """Leave out the record that was taken last."""
        del self.items[-3:]

    def joined(self) -> tuple[list[int], bytes, bytes]:
        """Return the payloads' lengths in bytes, 1 for each that is text, and their bytes."""
        payloads = self.payloads
        try:
            text = "".join(payloads)  # type: ignore[arg-type] # whether all are str is to be seen
        except TypeError:
            text = None
        if text is not None and text.isascii():
            return list(map(len, payloads)), b"\1" * len(payloads), text.encode()
        pieces = list(map(as_bytes, payloads))
        texts = bytes(isinstance(payload, str) for payload in payloads)
        return list(map(len, pieces)), texts, b"".join(pieces)


def as_bytes(payload: str | bytes) -> bytes:
    """Return a payload as it is stored: text as UTF-8."""
    return payload.encode() if isinstance(payload, str) else payload
