"""The records of an archive that are missing so far."""

from __future__ import annotations

from bisect import bisect_right


class Missing:
    """Sequence numbers that were jumped over: ranges in order, none of which meet.

    However many there are, the one that a block lies in is found at once.
    """

    def __init__(self, *gaps: range) -> None:
        self._gaps = [*gaps]

    def add(self, gap: range) -> None:
        """Take in numbers that lie behind all others."""
        self._gaps.append(gap)

    def hold(self, numbers: range) -> bool:
        """Tell whether all of these are missing."""
        gap = self._gap(self._at(numbers))
        return numbers.start in gap and numbers[-1] in gap

    def take(self, numbers: range) -> None:
        """Count as met what `hold` has told to be missing."""
        at = self._at(numbers)
        gap = self._gap(at)
        parts = range(gap.start, numbers.start), range(numbers.stop, gap.stop)
        self._gaps[at : at + 1] = [part for part in parts if part]

    def _at(self, numbers: range) -> int:
        return bisect_right(self._gaps, numbers.start, key=lambda gap: gap.start) - 1

    def _gap(self, at: int) -> range:
        return self._gaps[at] if at >= 0 else range(0)
