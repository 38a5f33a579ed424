"""Bloom filters over metadata values, one for each key, so that a search can skip blocks.

A filter is m bits, m a power of two from 64 to 65,536. A value's four bit numbers
are the 16-bit little-endian words of the XXH3-64 hash (seed 0) of its UTF-8 bytes,
each modulo m; bit b is the bit of value 0x80 >> (b & 7) in byte b >> 3. (Bloom,
"Space/time trade-offs in hash coding with allowable errors", 1970.)

The filters of a block are one MessagePack map of key to filter. A key that is not in
it stands in no record; an empty filter says that any value may be there.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping

import msgspec
from xxhash import xxh3_64_intdigest

from shoebox.errors import FormatError

Filters = dict[str, bytes]

MIN_BITS, MAX_BITS = 64, 1 << 16
BITS_PER_VALUE = 10
"""At least; with four bit numbers a value, about one in a hundred passes wrongly."""

MAX_VALUES = MAX_BITS // 6
"""With more distinct values than this, a filter would hardly hold anything back."""

_SET = ord("1")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Filters).decode


def build(values: Collection[str]) -> bytes:
    """Return the filter that holds these values, empty if there are too many."""
    if len(values) > MAX_VALUES:
        return b""
    bits = max(MIN_BITS, 1 << (BITS_PER_VALUE * len(values) - 1).bit_length())
    bits = min(bits, MAX_BITS)
    digits = bytearray(b"0") * bits
    mask = bits - 1
    for number in map(mask.__and__, _words(values)):
        digits[number] = _SET
    # int() of binary digits is the one linear pass in C that packs bits.
    return int(digits, 2).to_bytes(bits // 8, "big")


def may_hold(filter_: bytes, value: str) -> bool:
    """Tell whether the value may be among those that the filter was built from."""
    if not filter_:
        return True
    mask = len(filter_) * 8 - 1
    numbers = map(mask.__and__, _words((value,)))
    return all(filter_[number >> 3] & (0x80 >> (number & 7)) for number in numbers)


def encode(values_by_key: Mapping[str, Collection[str]]) -> bytes:
    """Return the filters of a block whose records have these values."""
    return _encode({key: build(values) for key, values in values_by_key.items()})


def decode(data: bytes) -> Filters:
    """Return the filters by key; raise FormatError where they are none."""
    try:
        found = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FormatError(f"filters that can't be decoded: {error}") from error
    for filter_ in found.values():
        if filter_ and (len(filter_) * 8 > MAX_BITS or len(filter_) & (len(filter_) - 1)):
            raise FormatError("a filter whose size is no power of two")
    return found


def _words(values: Collection[str]) -> tuple[int, ...]:
    hashes = map(xxh3_64_intdigest, map(str.encode, values))
    return struct.unpack(f"<{4 * len(values)}H", struct.pack(f"<{len(values)}Q", *hashes))
