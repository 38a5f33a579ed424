"""Files that are written under a temporary name, and get theirs once they are whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from shoebox.names import temporary_name

if TYPE_CHECKING:
    from shoebox.files import Directory

_CHUNK = 1 << 20


@contextmanager
def publishing(directory: Directory, name: str, temporary: str | None = None) -> Iterator[BinaryIO]:
    """Yield a new file that is given its name, durably, once it has been written whole.

    It can be read too, so that what was written can be verified before it is seen.

    Until then it lies in the same directory under a temporary name, which is gone
    if the block raises; one that is passed in is the caller's alone, and what a killed
    process left under it is removed. Raise FileExistsError, with nothing replaced, if
    the name is taken, and OSError, without the name, if that can't be made durable.
    """
    if temporary is None:
        temporary = temporary_name()
    else:
        directory.remove(temporary)
    with drafting(directory, temporary) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
        directory.link(temporary, name)
        # The next try has to begin anew: a sync that succeeds after this one promises nothing.
        with directory.removing_on_error(name, file.fileno()):
            directory.remove(temporary)
            directory.sync()


@contextmanager
def drafting(directory: Directory, temporary: str) -> Iterator[BinaryIO]:
    """Yield a new file of this name, which is gone afterwards.

    It is locked meanwhile, so that nobody takes it for what a killed process left.
    """
    try:
        with os.fdopen(_create_held(directory, temporary), "w+b") as file:
            yield file
    finally:
        directory.remove(temporary)


def copy(source: BinaryIO, target: BinaryIO) -> str:
    """Copy what is left of `source`; return the SHA-256 of it, in hex."""
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        target.write(chunk)
        digest.update(chunk)
    return digest.hexdigest()


def _create_held(directory: Directory, name: str) -> int:
    """Make a file whose lock says that its process lives."""
    while True:
        fd = directory.create(name, os.O_RDWR)
        if directory.lock_new(name, fd):
            return fd
