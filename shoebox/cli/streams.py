"""The standard streams, also those that are closed or full."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

OUTPUT = "standard output"


class Output(io.FileIO):
    """Standard output, which names itself in what it fails with, and fails only once."""

    def __init__(self) -> None:
        super().__init__(sys.stdout.fileno(), "wb", closefd=False)

    def write(self, data: ReadableBuffer, /) -> int:
        """Write what there is room for; after an error the rest goes nowhere."""
        try:
            return super().write(data)
        except OSError as error:
            # What is buffered still would fail again when the interpreter ends.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            raise OSError(error.errno, error.strerror, OUTPUT) from None


def prepare() -> None:
    """Have standard output name itself, and a place taken by each stream that is closed.

    Else the next file that is opened would be taken for the stream.
    """
    if sys.stdin is None:
        # Not to be read from: there is no input, rather than an empty one.
        os.open(os.devnull, os.O_WRONLY)
    if sys.stdout is None:
        sys.stdout = _nowhere()
    elif sys.stdout is sys.__stdout__:
        sys.stdout = _named()
    if sys.stderr is None:
        sys.stderr = _nowhere()


def require_input() -> None:
    """Raise OSError if standard input was closed by whoever started the program."""
    if sys.__stdin__ is None:
        raise OSError(errno.EBADF, "standard input is closed")


def require_output() -> None:
    """Raise OSError if standard output was closed by whoever started the program."""
    if sys.__stdout__ is None:
        raise OSError(errno.EBADF, f"{OUTPUT} is closed")


def _named() -> io.TextIOWrapper:
    stream = sys.stdout
    # A name that is not UTF-8 leaves as the bytes that it is made of.
    errors = "surrogateescape" if stream.errors == "strict" else stream.errors
    return io.TextIOWrapper(
        io.BufferedWriter(Output()),
        encoding=stream.encoding,
        errors=errors,
        line_buffering=stream.isatty(),
    )


def _nowhere() -> io.TextIOWrapper:
    return open(os.devnull, "w", encoding="utf-8", errors="replace")  # noqa: PTH123 - no path, and never closed
