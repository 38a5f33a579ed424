"""Bloom filters over metadata values, one for each key, so that a search can skip blocks.

A filter is m bits, m a power of two from 256 to 65,536. A value's two bit numbers
are the two low 16-bit words of the XXH3-64 hash (seed 0) of its UTF-8 bytes, each
modulo m; bit b is the bit of value 0x80 >> (b & 7) in byte b >> 3. (Bloom,
"Space/time trade-offs in hash coding with allowable errors", 1970. Fewer numbers in
more bits hold back as much, and are half of the work.)

A block has a filter for each metadata key of its records; an empty one says that any
value may be there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping

from xxhash import xxh3_64_digest

Filters = dict[str, bytes]
"""A block's filters by key; a key that is not in it stands in no record."""

MIN_BITS, MAX_BITS = 1 << 8, 1 << 16
BITS_PER_VALUE = 16
"""At least; with two bit numbers a value, about one in a hundred passes wrongly."""

MAX_VALUES = MAX_BITS // 4
"""With more distinct values than this, a filter would hardly hold anything back."""

_FEW = MIN_BITS // BITS_PER_VALUE
_FIRST = 1 << MIN_BITS - 1
_SET = ord("1")


def build(values: Collection[str]) -> bytes:
    """Return the filter that holds these values, empty if there are too many."""
    if len(values) > MAX_VALUES:
        return b""
    if len(values) <= _FEW:
        return _smallest(values)
    bits = min(1 << (BITS_PER_VALUE * len(values) - 1).bit_length(), MAX_BITS)
    digits = bytearray(b"0") * bits
    for number in _numbers(values, bits):
        digits[number] = _SET
    # int() of binary digits is the one linear pass in C that packs bits.
    return int(digits, 2).to_bytes(bits // 8, "big")


def may_hold(filter_: bytes, value: str) -> bool:
    """Tell whether the value may be among those that the filter was built from."""
    return probe(value)(filter_)


def probe(value: str) -> Callable[[bytes], bool]:
    """Return what tells for many filters whether the value may be in them."""
    numbers: dict[int, tuple[int, ...]] = {}

    def may_hold(filter_: bytes) -> bool:
        bits = len(filter_) * 8
        if not bits:
            return True
        if bits not in numbers:
            numbers[bits] = _numbers((value,), bits)
        first, second = numbers[bits]
        return bool(
            filter_[first >> 3] & (0x80 >> (first & 7))
            and filter_[second >> 3] & (0x80 >> (second & 7))
        )

    return may_hold


def of(values_by_key: Mapping[str, Collection[str]], keys: Collection[str] = ()) -> Filters:
    """Return the filters of a block whose records have these values.

    Those of other keys than `keys` are empty, if there are any in it.
    """
    return {
        key: build(values) if not keys or key in keys else b""
        for key, values in values_by_key.items()
    }


def _smallest(values: Collection[str]) -> bytes:
    """Return the filter of at most `_FEW` values, for which slices and tables don't pay."""
    number = 0
    for value in values:
        digest = xxh3_64_digest(value.encode())
        number |= _FIRST >> digest[7] | _FIRST >> digest[5]
    return number.to_bytes(MIN_BITS // 8, "big")


def _numbers(values: Collection[str], bits: int) -> tuple[int, ...]:
    """Return two bit numbers for each value: slices and tables, so that no value costs a loop."""
    digests = b"".join(map(xxh3_64_digest, map(str.encode, values)))
    modulo = _SIZES[bits]
    words = bytearray(len(digests) // 2)
    words[0::4], words[1::4] = digests[7::8], digests[6::8].translate(modulo)
    words[2::4], words[3::4] = digests[5::8], digests[4::8].translate(modulo)
    return struct.unpack(f"<{len(words) // 2}H", words)


_SIZES = {
    1 << power: bytes(high & ((1 << power) - 1 >> 8) for high in range(256))
    for power in range(MIN_BITS.bit_length() - 1, MAX_BITS.bit_length())
}
"""Each size in bits, and the table that takes a word's high byte modulo it."""
