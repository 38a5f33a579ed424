"""A part of a file of archives: from one of its blocks up to another."""

from __future__ import annotations

from typing import NamedTuple


class Start(NamedTuple):
    """A block that reading begins at, or the header of an archive that follows another one."""

    at: int
    """Where it stands in the file."""
    archive_at: int
    """Where its archive begins in the file."""
    archive_id: bytes
    sequence: int
    """The first record's."""


class Span(NamedTuple):
    """The frames of a file that begin in a range of bytes. Spans that meet share none."""

    start: Start | None = None
    """None for the beginning of the file."""
    stop: int | None = None
    """None for its end."""

    def has(self, at: int) -> bool:
        """Tell whether a frame that stands there belongs to it."""
        return (self.start is None or at >= self.start.at) and not self.ends(at)

    def ends(self, at: int) -> bool:
        """Tell whether what stands there lies behind it."""
        return self.stop is not None and at >= self.stop

    def clipped(self, end: int) -> int:
        """Return where bytes that are left out end, as far as they belong to it."""
        return end if self.stop is None else min(end, self.stop)


WHOLE = Span()
