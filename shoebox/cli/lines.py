"""Input cut into lines, a big chunk at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from shoebox.format.preamble import MAX_PAYLOAD

CHUNK = 1 << 20
"""Bytes to be read at once; of a pipe, what there is."""


class Lines(NamedTuple):
    """Lines that were read together, without their ends."""

    lines: list[str] | list[str | bytes]
    """Text, or bytes where a line is not UTF-8."""
    payload: int
    """Their bytes."""
    taken: int
    """Bytes of input since the batch before."""


def batches(read: Callable[[int], bytes]) -> Iterator[Lines]:
    """Yield what `read(size)` gives, until it gives nothing; the last line needs no end."""
    begun: list[bytes] = []
    held = taken = 0
    while chunk := read(CHUNK):
        taken += len(chunk)
        whole, newline, rest = chunk.rpartition(b"\n")
        if newline:
            yield _lines(b"".join([*begun, whole]), taken)
            begun, held, taken = [], 0, 0
        if held <= MAX_PAYLOAD:
            # Of a line that is over the limit no more is kept than shows that it is.
            begun.append(rest)
            held += len(rest)
    if last := b"".join(begun):
        yield _lines(last, taken)


def _lines(data: bytes, taken: int) -> Lines:
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        mixed = [_text(line) for line in data.split(b"\n")]
        return Lines(mixed, len(data) - len(mixed) + 1, taken)
    return Lines(lines, len(data) - len(lines) + 1, taken)


def _text(line: bytes) -> str | bytes:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line
