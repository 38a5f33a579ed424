"""What every frame of every version begins with, and the limits that hold for all.

A reader dispatches on the preamble frame by frame, so that version 1 stays
readable for ever and archives of both versions may be concatenated.
"""

from __future__ import annotations

import struct

MAGIC = 0x69867884
PREAMBLE = struct.Struct("<IH")
"""Magic and version, little-endian, as in 2014."""

MAGIC_BYTES = struct.pack("<I", MAGIC)

MAX_PAYLOAD = 128 << 20
"""Bytes of one record's payload."""

MAX_METADATA = 1 << 20
"""Bytes of one record's metadata, as it is encoded."""


def version_of(data: bytes) -> int | None:
    """Return the version in a frame's first bytes, None if they are no preamble."""
    if len(data) < PREAMBLE.size:
        return None
    magic, version = PREAMBLE.unpack_from(data)
    return version if magic == MAGIC else None
