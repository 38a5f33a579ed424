"""Opening what holds an archive: a path or a file, plain or compressed as a whole."""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Callable
from typing import BinaryIO, Protocol

import zstandard
from isal import igzip_lib

from shoebox.regular import open_regular

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_PAGE = 1 << 20
_STEP = 1 << 16
_PACKED = 1 << 13
_KEPT = 4
_REWINDS, _AGAIN = 64, 1 << 34
"""How often a compressed file may be unpacked from its start again, and how many bytes it may
give again if it is more often: damage in many places costs that much time, and no more."""
_UNPACKING: tuple[type[Exception], ...] = (
    EOFError,
    igzip_lib.IsalError,  # type: ignore[assignment, unused-ignore]
    zstandard.ZstdError,
)
_MAX_WINDOW = 1 << 27
"""What `zstd --long` needs at most by default; a frame that asks for more is refused."""


class _Stream(Protocol):
    def read1(self, size: int, /) -> bytes: ...


_Opener = Callable[[BinaryIO], _Stream]
Source = str | os.PathLike[str] | BinaryIO


class Bytes:
    """The bytes of a source by offset, read forward in constant memory.

    A source that is compressed as a whole gives its raw bytes. One whose compression
    breaks off is at its end there, and `cut` says why.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0
        self._size = 0
        self._loaded = b""
        self._loaded_at = 0
        file.seek(0)
        opener = _opener(file.read(len(ZSTD_MAGIC)))
        file.seek(0)
        self._pages = None if opener is None else _Pages(file, opener)

    @property
    def packed(self) -> bool:
        """Whether the source is compressed as a whole."""
        return self._pages is not None

    @property
    def given_up(self) -> bool:
        """Whether nothing more is read: it was damaged in too many places for its compression."""
        return self._pages is not None and self._pages.given_up

    @property
    def cut(self) -> str | None:
        """Why the bytes end before their compression does; None if they don't."""
        return None if self._pages is None else self._pages.cut

    def length(self) -> int:
        """Return the number of bytes; a compressed source is read to its end for it, once."""
        if self._pages is not None:
            return self._pages.length()
        self._size = self._file.seek(0, io.SEEK_END)
        self._file.seek(self._at)
        return self._size

    def reaches(self, end: int) -> bool:
        """Tell whether there may be bytes up to there; a file that grows is looked at again."""
        return self._pages is not None or end <= self._size or end <= self.length()

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes there; fewer at the end."""
        if self._pages is not None:
            return self._pages.read(offset, size)
        if size > _STEP and not self.reaches(offset + size):
            # A file allocates what it is asked for before it looks whether that is there.
            size = max(0, self._size - offset)
        within = offset - self._loaded_at
        if 0 <= within <= len(self._loaded) - size:
            return self._loaded[within : within + size]
        if offset != self._at:
            self._file.seek(offset)
        data = _read_whole(self._file, size)
        self._at = offset + len(data)
        return data

    def load(self, offset: int, size: int) -> None:
        """Read the bytes there at once, to be given by the reads that lie within, until the next.

        For what is not compressed as a whole, and does not change any more.
        """
        self._loaded, self._loaded_at = b"", 0
        self._loaded, self._loaded_at = self.read(offset, size), offset


class _Pages:
    """The raw bytes of a compressed file: unpacked page by page, the last few kept.

    So that a step back within a frame's reach costs nothing; a longer one unpacks the
    file again from its start.
    """

    def __init__(self, file: BinaryIO, opener: _Opener) -> None:
        self._file = file
        self._opener = opener
        self._stream = opener(file)
        self._kept: deque[bytes] = deque(maxlen=_KEPT)
        self._next = 0
        """The number of the page that is unpacked next."""
        self._ended = False
        self._length: int | None = None
        self._rewinds = self._again = 0
        self.given_up = False
        self.cut: str | None = None

    def read(self, offset: int, size: int) -> bytes:
        parts = []
        while size > 0:
            number, start = divmod(offset, _PAGE)
            part = self._page(number)[start : start + size]
            if not part:
                break
            parts.append(part)
            offset, size = offset + len(part), size - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def length(self) -> int:
        while self._length is None and not self.given_up:
            self._page(self._next)
        return self._next * _PAGE if self._length is None else self._length

    def _page(self, number: int) -> bytes:
        if number < self._next - len(self._kept):
            self._rewind()
        if self.given_up:
            return b""
        while number >= self._next and not self._ended:
            page = self._unpack()
            self._kept.append(page)
            self._next += 1
            if len(page) < _PAGE:
                self._ended = True
                self._length = (self._next - 1) * _PAGE + len(page)
        place = number - (self._next - len(self._kept))
        return self._kept[place] if place < len(self._kept) else b""

    def _unpack(self) -> bytes:
        """Return the next page; a shorter one where the stream ends or breaks off."""
        page = bytearray()
        try:
            while missing := _PAGE - len(page):
                # In small goes: an error takes no more with it than what it is about.
                part = self._stream.read1(min(_STEP, missing))
                if not part:
                    break
                page += part
        except _UNPACKING as error:
            self.cut = f"its compression breaks off: {error}"
        return bytes(page)

    def _rewind(self) -> None:
        self._rewinds += 1
        self._again += self._next * _PAGE
        self._kept.clear()
        if self._rewinds > _REWINDS and self._again > _AGAIN:
            self.given_up = True
            return
        self._file.seek(0)
        self._stream = self._opener(self._file)
        self._next = 0
        self._ended = False


def open_source(source: Source, *, follow: bool = True) -> tuple[BinaryIO, str]:
    """Return a source's file, and a name for messages; a FIFO or device is refused.

    So is a link, unless it is to be followed.
    """
    if not isinstance(source, str | os.PathLike):
        return source, str(getattr(source, "name", "archive"))
    fd = open_regular(source, os.O_RDONLY, follow=follow)
    return os.fdopen(fd, "rb"), os.fspath(source)


def _read_whole(stream: BinaryIO, size: int) -> bytes:
    """Return `size` bytes, fewer only at the end: a raw stream may give them in several goes."""
    data = stream.read(size)
    if len(data) == size or not data:
        return data
    parts, missing = [data], size - len(data)
    while missing and (data := stream.read(missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)


def _opener(magic: bytes) -> _Opener | None:
    if magic.startswith(GZIP_MAGIC):
        return _Gzip
    return _zstd if magic == ZSTD_MAGIC else None


class _Gzip:
    """The members of a gzip file, one behind the other, zeros between them left out.

    What was unpacked before an error is given before that is raised; the library's own
    file would keep it back.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._member = _member()

    def read1(self, size: int, /) -> bytes:
        """Return some bytes, none at the end; raise one of `_UNPACKING` where it breaks off."""
        raw = b""
        while not raw:
            packed = b""
            if self._member.eof:
                packed = self._next()
                if not packed:
                    return b""
                self._member = _member()
            elif self._member.needs_input:
                packed = self._file.read(_PACKED)
                if not packed:
                    raise EOFError("the file ends before it does")
            raw = self._member.decompress(packed, size)
        return raw

    def _next(self) -> bytes:
        """Return where the next member begins, nothing if there is none."""
        packed = self._member.unused_data.lstrip(b"\0")
        while not packed and (read := self._file.read(_PACKED)):
            packed = read.lstrip(b"\0")
        return packed


def _member() -> igzip_lib.IgzipDecompressor:
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def _zstd(file: BinaryIO) -> _Stream:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    return unpacker.stream_reader(file, read_across_frames=True, closefd=False)
