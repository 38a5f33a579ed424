"""Times, numbers and sizes as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_MB = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(nanoseconds: int) -> str:
    """Return a time since the epoch as ISO 8601, in UTC, to the microsecond."""
    time = _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def count(number: int, noun: str) -> str:
    """Return how many there are: `1 record`, `2 records`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def megabytes(size: int) -> str:
    """Return a number of bytes in MB of 2**20 bytes: `1.5 MB`."""
    return f"{size / _MB:.1f} MB"
