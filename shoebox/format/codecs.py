"""Compression of sections, and the checksum of everything.

zstd is by the zstandard package, gzip by isal (several times zlib's speed),
CRC-32C by google-crc32c (it uses the processor's instruction).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import google_crc32c
import zstandard
from isal import isal_zlib

from shoebox.errors import FormatError

NONE, ZSTD, GZIP = 0, 1, 2
CODECS = {"none": NONE, "zstd": ZSTD, "gzip": GZIP}
NAMES = {number: name for name, number in CODECS.items()}

ZSTD_LEVEL = 1
"""On notifications level 1 is both faster and smaller than 3."""

_GZIP_WINDOW = 31
"""zlib's way to ask for a 32 KiB window and the gzip container."""

Compress = Callable[[bytes], tuple[int, bytes]]


class _Decompressor(Protocol):
    def __call__(self, stored: bytes, size: int) -> bytes: ...


class _ThreadState(threading.local):
    """A zstd context is costly to make and must not be shared between threads."""

    # Each is made when it is missing, not both at first: a signal handler that compresses may
    # come in between.
    made_compressor: zstandard.ZstdCompressor | None = None
    made_decompressor: zstandard.ZstdDecompressor | None = None

    @property
    def compressor(self) -> zstandard.ZstdCompressor:
        if self.made_compressor is None:
            self.made_compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
        return self.made_compressor

    @property
    def decompressor(self) -> zstandard.ZstdDecompressor:
        if self.made_decompressor is None:
            self.made_decompressor = zstandard.ZstdDecompressor()
        return self.made_decompressor


_state = _ThreadState()


checksum: Callable[[bytes], int] = google_crc32c.value
"""Return the CRC-32C of the bytes."""


def compress(codec: int, raw: bytes) -> tuple[int, bytes]:
    """Return the codec that was used and the stored bytes: NONE where nothing is saved."""
    if codec == NONE:
        return NONE, raw
    stored = _state.compressor.compress(raw) if codec == ZSTD else _gzip(raw)
    # A copy: what a compressor gives was as large as its input, and cut short; kept until it
    # is synced it would leave behind it holes in memory that no other block fits in.
    return (codec, bytes(memoryview(stored))) if len(stored) < len(raw) else (NONE, raw)


def decompress(codec: int, stored: bytes, size: int) -> bytes:
    """Return the `size` raw bytes; never allocate for more, whatever `stored` claims.

    Raise FormatError if `stored` is not exactly that much by this codec.
    """
    try:
        decompressor = _DECOMPRESSORS[codec]
    except KeyError:
        raise FormatError(f"unknown compression {codec}") from None
    raw = decompressor(stored, size)
    if len(raw) != size:
        raise FormatError(f"a section of {len(raw)} bytes that should be {size}")
    return raw


def _gzip(raw: bytes) -> bytes:
    packer = isal_zlib.compressobj(wbits=_GZIP_WINDOW)
    return packer.compress(raw) + packer.flush()


def _none(stored: bytes, size: int) -> bytes:  # noqa: ARG001 - one signature for all
    return stored


def _unzstd(stored: bytes, size: int) -> bytes:
    try:
        # The library allocates what the frame's header declares: look before it does.
        if zstandard.frame_content_size(stored) != size:
            raise FormatError("a zstd section that declares another size")
        return _state.decompressor.decompress(stored, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise FormatError(f"a zstd section that can't be decompressed: {error}") from error


def _ungzip(stored: bytes, size: int) -> bytes:
    unpacker = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
    try:
        raw = unpacker.decompress(stored, max_length=size + 1)
    except isal_zlib.error as error:  # type: ignore[misc] # the stub has no class
        raise FormatError(f"a gzip section that can't be decompressed: {error}") from error
    if not unpacker.eof or unpacker.unused_data:
        raise FormatError("a gzip section that does not end where it should")
    return raw


_DECOMPRESSORS: dict[int, _Decompressor] = {NONE: _none, ZSTD: _unzstd, GZIP: _ungzip}
