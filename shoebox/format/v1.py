"""Version 1: the bytes of 2014. Read for ever, and written on request.

A record is one frame, with no checksum, no type and no time:

    preamble  <IH   magic, 1
    header    <III  length of the metadata block, length of the raw block, 0
    metadata  <I    4 x number of pairs
              <I... the lengths of key, value, key, value...
              ...   those strings, UTF-8
    raw       <I    length of the payload
              ...   the payload
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import accumulate, chain, pairwise

from shoebox.errors import FormatError
from shoebox.format.preamble import MAGIC, MAX_METADATA, MAX_PAYLOAD

VERSION = 1
HEADER = struct.Struct("<IHIII")
"""The preamble and the three lengths: what stands before the metadata block."""

LENGTH = struct.Struct("<I")
"""What stands before the payload."""


def encode(metadata: Mapping[str, str], payload: bytes) -> bytes:
    """Return one record's frame."""
    strings = [text.encode() for text in chain.from_iterable(metadata.items())]
    lengths = struct.pack(f"<{len(strings)}I", *map(len, strings))
    block = b"".join((LENGTH.pack(4 * len(metadata)), lengths, *strings))
    header = HEADER.pack(MAGIC, VERSION, len(block), LENGTH.size + len(payload), 0)
    return b"".join((header, block, LENGTH.pack(len(payload)), payload))


def lengths(header: bytes) -> tuple[int, int]:
    """Return the lengths of the metadata block and the raw block, within the limits."""
    _, _, metadata, raw, zero = HEADER.unpack(header)
    if zero or not LENGTH.size <= metadata <= 3 * MAX_METADATA:
        raise FormatError("a version 1 header that holds nonsense")
    if not LENGTH.size <= raw <= LENGTH.size + MAX_PAYLOAD:
        raise FormatError("a version 1 payload length over the limit")
    return metadata, raw


def payload_size(length: bytes, raw: int) -> int:
    """Return what stands before the payload; raise FormatError unless it fits the raw length."""
    if length != LENGTH.pack(raw - LENGTH.size):
        raise FormatError("a version 1 payload that is not as long as it says")
    return raw - LENGTH.size


def decode_payload(payload: bytes) -> str | bytes:
    """Return the payload as str if it is valid UTF-8, else as it is."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload


def decode_metadata(block: bytes) -> dict[str, str]:
    """Return the metadata; raise FormatError where the block does not add up."""
    (quadruple,) = LENGTH.unpack_from(block)
    count, odd = divmod(quadruple, 4)
    strings_at = LENGTH.size + 8 * count
    if odd or strings_at > len(block):
        raise FormatError("a version 1 metadata block with a wrong number of pairs")
    sizes = struct.unpack_from(f"<{2 * count}I", block, LENGTH.size)
    ends = list(accumulate(sizes, initial=strings_at))
    if ends[-1] != len(block):
        raise FormatError("version 1 metadata that is not as long as it says")
    try:
        strings = iter([block[start:end].decode() for start, end in pairwise(ends)])
    except UnicodeDecodeError as error:
        raise FormatError("version 1 metadata that is not UTF-8") from error
    return dict(zip(strings, strings, strict=True))
