"""The lines of a file, gzipped into a directory: verified, and once."""

from __future__ import annotations

import errno
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from shoebox.files import NO_FILE, Directory, numbered, publishing

_CHUNK = 1 << 20
_HEADER_BYTES = 10
_HAS_NAME = 0x08
_MAX_NAME = 256

_NOT_OURS = NO_FILE | {errno.EACCES, errno.ENOENT}
"""What is met where a name is no file, another user's, or free again."""


@dataclass(frozen=True, slots=True)
class Lines:
    """So many bytes of a file, whole lines all, and their SHA-256 in hexadecimal.

    `name` is the file's, which no other has: it goes into the gzip header, and tells an
    earlier try of the same file from another file with the same lines.
    """

    source: BinaryIO
    name: str
    length: int
    digest: str

    def publish(self, directory: Directory, wanted: str) -> None:
        """Gzip them under the name, or a numbered one where it is taken by another file."""
        for name in numbered(wanted):
            with suppress(FileExistsError):
                if not directory.exists(name):
                    return self._publish(directory, name)
            if self._is_there(directory, name):
                return None
        return None

    def _publish(self, directory: Directory, name: str) -> None:
        with publishing(directory, name) as target:
            # Without a time, so that the same try gives the same file.
            with gzip.GzipFile(filename=self.name, mode="wb", fileobj=target, mtime=0) as packed:
                for chunk in _chunks(self.source, self.length):
                    packed.write(chunk)
            target.flush()
            target.seek(0)
            if _sha256(target) != self.digest:
                raise OSError(errno.EIO, "reads back other than it was written", name)

    def _is_there(self, directory: Directory, name: str) -> bool:
        """Tell whether an earlier try, which was killed, came to its end; make it durable.

        What can't be read just now may be that: raise OSError, so that it is tried again.
        """
        try:
            there = directory.reading(name)
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise
            return False
        with there:
            same = _name_within(there) == self.name and _sha256(there) == self.digest
            if same:
                # Else it is made anew: a sync that succeeds after this one promises nothing.
                with directory.removing_on_error(name, there.fileno()):
                    directory.sync()
        return same


def whole_lines(source: BinaryIO) -> tuple[int, str]:
    """Return the length of all lines that are whole, and their SHA-256.

    No line has a NUL in it: a power cut has left zeros from there on, or in between.
    """
    length, at = 0, 0
    source.seek(0)
    while chunk := source.read(_CHUNK):
        sound, zero, _ = chunk.partition(b"\0")
        if (last := sound.rfind(b"\n")) >= 0:
            length = at + last + 1
        if zero:
            break
        at += len(chunk)
    digest = hashlib.sha256()
    for chunk in _chunks(source, length):
        digest.update(chunk)
    return length, digest.hexdigest()


def _chunks(source: BinaryIO, length: int) -> Iterator[bytes]:
    """Yield the first bytes of a file piece by piece."""
    source.seek(0)
    while length and (chunk := source.read(min(length, _CHUNK))):
        length -= len(chunk)
        yield chunk


def _name_within(file: BinaryIO) -> str:
    """Return the name in a gzip file's header (RFC 1952), empty if there is none."""
    header = file.read(_HEADER_BYTES + _MAX_NAME)
    file.seek(0)
    if len(header) < _HEADER_BYTES or not header[3] & _HAS_NAME:
        return ""
    return header[_HEADER_BYTES:].partition(b"\0")[0].decode("latin-1")


def _sha256(file: BinaryIO) -> str:
    """Return the SHA-256 of what a gzip file holds, empty if it is no sound one."""
    digest = hashlib.sha256()
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
            while chunk := unpacked.read(_CHUNK):
                digest.update(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return ""
    return digest.hexdigest()
