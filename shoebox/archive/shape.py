"""The keys that the metadata of many records has in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any


class Shape:
    """A set of metadata keys, in their order, and the values that records have for them.

    One call into C gives all values of a record, and another one checks that they are
    str by joining them: that is why records of one shape are cheap.
    """

    __slots__ = ("_stride", "_values", "add", "keys", "values_of", "width")

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys
        self.width = len(keys)
        # With one key alone, itemgetter would not give a tuple.
        columns = keys * 2 if self.width == 1 else keys
        self._stride = len(columns)
        self.values_of: Callable[[Any], tuple[str, ...]] = (
            itemgetter(*columns) if columns else _nothing_of
        )
        """Return the values of metadata that has these keys; else raise KeyError or TypeError."""
        self._values: list[str] = []
        self.add = self._values.extend
        """Take in the values of a record, for the filters."""

    def columns(self) -> dict[str, set[str]]:
        """Return the distinct values of each key, of none if there was no record."""
        values, stride = self._values, self._stride
        if not values:
            return {}
        return {key: set(values[place::stride]) for place, key in enumerate(self.keys)}

    def clear(self) -> None:
        """Forget the values."""
        self._values.clear()


def _nothing_of(metadata: Mapping[str, str]) -> tuple[str, ...]:
    if not isinstance(metadata, dict):
        raise TypeError
    return ()
