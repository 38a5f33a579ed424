"""The filters of an index frame, key by key, so that a search reads those of its keys alone.

What the frame has for one key is a run: the filters of its entries, one after the
other, packed and checksummed as one. The directory of the runs is one MessagePack map
of metadata key to binary: the run's section descriptor, and a byte for each entry.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import msgspec

from shoebox.errors import FormatError
from shoebox.format.filters import MAX_BITS, MIN_BITS, Filters
from shoebox.format.section import Section, decode_section, encode_section
from shoebox.format.v2 import MAX_ENTRIES

ABSENT = 0
"""The byte of an entry where the key stands in no record."""
UNKNOWN = 1
"""Where any value may be there. Any other byte n says that the filter has 2**n bits."""

EMPTY = b"\x80"
"""A directory without a key."""

MAX_FILTERS = 1 << 16
"""Bytes of filters for one block, the keys' characters counted in; where they would need more
it has none."""

MAX_RAW = (MAX_ENTRIES - 1) * MAX_FILTERS
"""Bytes of all filters of an index frame: its last entry, if it has all, is no block's."""

_SECTION = struct.Struct("<IIIBB")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, bytes]).decode
_KNOWN = frozenset({ABSENT, UNKNOWN, *range(MIN_BITS.bit_length() - 1, MAX_BITS.bit_length())})
_LENGTHS = [
    1 << number - 3 if number > UNKNOWN and number in _KNOWN else 0 for number in range(256)
]
"""Bytes of a filter, by the byte of its entry."""


class Run(NamedTuple):
    """What an index frame has for one key."""

    at: int
    """Where its stored bytes begin in the payload section."""
    section: Section
    sizes: bytes
    """A byte for each entry."""

    def filters(self, stored: bytes) -> Iterator[bytes | None]:
        """Yield each entry's filter, None where the key is absent; `stored` are the run's bytes.

        Raise FormatError where they are unsound.
        """
        raw, at = decode_section(self.section, stored), 0
        for size in self.sizes:
            end = at + _LENGTHS[size]
            yield None if size == ABSENT else raw[at:end]
            at = end


def encode(entries: Sequence[Filters | None], codec: int) -> tuple[bytes, bytes]:
    """Return the directory and the stored runs; an entry's filters are None if it has none."""
    directory: dict[str, bytes] = {}
    runs: list[bytes] = []
    for key in sorted({key for it in entries if it is not None for key in it}):
        found = [b"" if it is None else it.get(key) for it in entries]
        section, stored = encode_section(codec, b"".join(it for it in found if it))
        directory[key] = _SECTION.pack(*section) + bytes(map(_size, found))
        runs.append(stored)
    return _encode(directory), b"".join(runs)


def decode(directory: bytes | memoryview, count: int, stored: int) -> dict[str, Run]:
    """Return the runs by key, of so many entries, in so many stored bytes.

    Raise FormatError where they are none.
    """
    try:
        found = _decode(directory)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FormatError(f"filters that can't be decoded: {error}") from error
    if any(len(it) != _SECTION.size + count for it in found.values()):
        raise FormatError("filters of another number of entries")
    sections = [Section._make(_SECTION.unpack_from(it)) for it in found.values()]
    starts = list(accumulate((it.stored for it in sections), initial=0))
    if starts[-1] != stored:
        raise FormatError("an index frame whose filters are not as long as it says")
    if sum(it.raw for it in sections) > MAX_RAW:
        raise FormatError(f"filters of more than {MAX_RAW} bytes")
    runs = {
        key: Run(start, section, it[_SECTION.size :])
        for (key, it), section, start in zip(found.items(), sections, starts, strict=False)
    }
    if not all(map(_is_plausible, runs.values())):
        raise FormatError("filters whose sizes can't be")
    return runs


def _size(filter_: bytes | None) -> int:
    if filter_ is None:
        return ABSENT
    return (len(filter_) * 8).bit_length() - 1 if filter_ else UNKNOWN


def _is_plausible(run: Run) -> bool:
    length = sum(map(_LENGTHS.__getitem__, run.sizes))
    return length == run.section.raw and run.section.within(MAX_RAW) and {*run.sizes} <= _KNOWN
