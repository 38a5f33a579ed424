"""A frame's two runs of bytes: packed, checksummed, and free of the magic.

The magic's bytes stand nowhere in a section, so that what looks like a frame is one:
a reader that looks for the next frame after damage can't be led into a payload that
holds an archive. Where they would, a zero follows each run of the magic's first three
bytes, which takes the fourth away from it, and one stands in front of all.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from shoebox.errors import FormatError
from shoebox.format import codecs
from shoebox.format.preamble import MAGIC_BYTES

_STEM: Final = MAGIC_BYTES[:3]
_RAREST: Final = MAGIC_BYTES[2:3]
"""The byte of the magic that text, numbers and MessagePack hold least often."""
_find_magic: Final = re.compile(re.escape(MAGIC_BYTES)).search
"""Twice as fast as `in`."""
_ESCAPE = b"\0"
_ENDINGS = MAGIC_BYTES[1:], MAGIC_BYTES[2:], MAGIC_BYTES[3:]
"""What would complete a magic that begins in the bytes before the section."""


class Section(NamedTuple):
    """One of a frame's two runs of bytes: how long, packed how, with which checksum."""

    stored: int = 0
    raw: int = 0
    crc: int = 0
    """Of the stored bytes."""
    codec: int = codecs.NONE
    escaped: int = 0
    """1 where zeros were put in to keep the magic out, else 0."""

    def within(self, limit: int) -> bool:
        """Tell whether the section may hold so many raw bytes at most, escaped or not."""
        return self.raw <= limit and self.stored <= limit + limit // 3 + 1 and self.escaped <= 1


def encode_section(codec: int, raw: bytes) -> tuple[Section, bytes]:
    """Return a section and its stored bytes, compressed where that saves something."""
    used, stored = codecs.compress(codec, raw) if codec else (codec, raw)
    escaped = _needs_escape(stored)
    if escaped:
        stored = _ESCAPE + stored.replace(_STEM, _STEM + _ESCAPE)
    return Section(len(stored), len(raw), codecs.checksum(stored), used, int(escaped)), stored


def decode_section(section: Section, stored: bytes) -> bytes:
    """Return a section's raw bytes; raise FormatError unless its checksum is right."""
    if len(stored) != section.stored or codecs.checksum(stored) != section.crc:
        raise FormatError("a section whose checksum is wrong")
    if section.escaped:
        stored = stored[len(_ESCAPE) :].replace(_STEM + _ESCAPE, _STEM)
    return codecs.decompress(section.codec, stored, section.raw)


def _needs_escape(stored: bytes) -> bool:
    # One byte is found many times as fast as four, and decides for most that is not compressed.
    return (_RAREST in stored and _find_magic(stored) is not None) or stored.startswith(_ENDINGS)
