"""From inputs to records."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import repeat
from operator import length_hint

from shoebox.cli import messages, streams
from shoebox.cli.interruption import Interruption
from shoebox.cli.lines import batches
from shoebox.cli.metadata import LineMetadata
from shoebox.cli.progress import Advance
from shoebox.errors import RecordTypeError, RecordValueError, SpoolFull
from shoebox.format.preamble import MAX_METADATA
from shoebox.roll_manager import WritingRollManager

STANDARD_INPUT = "-"

_TOGETHER = 1000
"""Lines that are written, and counted, together."""

_WIDEST = 4
"""Bytes of a character in UTF-8, at most."""

_Numbered = tuple[int, dict[str, str], str | bytes]
"""A line's number, and its record."""


@dataclass(frozen=True, slots=True)
class Input:
    """A file to be read, or standard input."""

    name: str
    fd: int
    size: int | None
    """In bytes, where it is known."""


@contextmanager
def opened(files: Sequence[str]) -> Iterator[list[Input]]:
    """Yield the inputs, all of them open; none named is standard input."""
    with ExitStack() as stack:
        inputs = []
        for name in files or (STANDARD_INPUT,):
            fd = _opened(name)
            if fd:
                stack.callback(os.close, fd)
            size = os.fstat(fd).st_size
            inputs.append(Input(name, fd, size if os.path.isfile(fd) else None))  # noqa: PTH113 - no path
        yield inputs


def _opened(name: str) -> int:
    try:
        if name != STANDARD_INPUT:
            return os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        streams.require_input()
    except OSError as error:
        why = f"{error.strerror}; nothing was written"
        raise OSError(error.errno, why, error.filename) from None
    return 0


class Intake:
    """Writes each line as a record, and counts.

    A line that is refused is named on standard error; the others are written.
    """

    def __init__(self, writer: WritingRollManager, metadata: LineMetadata) -> None:
        self._writer = writer
        self._metadata = metadata
        # Several of a line's values may be as long as the line.
        copies = 2 * _WIDEST * (1 + len(metadata.paths))
        self._long = MAX_METADATA // copies
        self._name = ""
        self._number = 0
        self.records = 0
        self.payload = 0
        """Bytes of the records' payloads."""
        self.refused = 0
        self.complete = True
        """Whether all that the inputs hold was read."""

    def read(self, source: Input, interruption: Interruption, advance: Advance) -> None:
        """Write what there is in one input."""
        self._name = "stdin" if source.name == STANDARD_INPUT else source.name
        self._number = 1
        self.complete = False
        for lines in batches(lambda size: _chunk(source, size, interruption)):
            self._take(lines.lines, self._number)
            advance(lines.taken)
        self.complete = True

    @property
    def place(self) -> str:
        """The first line that is not known to be written, as FILE:NUMBER."""
        return f"{self._name}:{self._number}"

    def _take(self, lines: Sequence[str | bytes], number: int) -> None:
        """Write lines, the first of which has this number."""
        if self._metadata.paths or max(map(len, lines)) > self._long:
            self._take_each(lines, number)
        else:
            for at in range(0, len(lines), _TOGETHER):
                some = lines[at : at + _TOGETHER]
                numbers = range(number + at, number + at + len(some))
                self._write(numbers, repeat(self._metadata.constant), some)
        self._number = number + len(lines)

    def _take_each(self, lines: Sequence[str | bytes], number: int) -> None:
        """Write lines that may be refused: those that are long alone, the others together."""
        batch: list[_Numbered] = []
        for at, line in enumerate(lines, number):
            try:
                record = self._metadata.of(line), line
                if len(line) <= self._long:
                    batch.append((at, *record))
                    continue
                self._write_batch(batch)
                batch = []
                self._number = at
                self._writer.write(*record)
            except (RecordTypeError, RecordValueError) as error:
                messages.complain(f"{self._name}:{at}: {error}")
                self.refused += 1
            else:
                self._count([line])
        self._write_batch(batch)

    def _write_batch(self, batch: Sequence[_Numbered]) -> None:
        if batch:
            numbers, metadata, lines = zip(*batch, strict=True)
            self._write(numbers, metadata, lines)

    def _write(
        self,
        numbers: Sequence[int],
        metadata: Iterable[dict[str, str]],
        lines: Sequence[str | bytes],
    ) -> None:
        """Write lines together; where the spool is full those before are counted too."""
        self._number = numbers[0]
        rest = iter(lines)
        try:
            self._writer.write_many(zip(metadata, rest, strict=False))
        except SpoolFull:
            taken = len(lines) - length_hint(rest) - 1
            self._number = numbers[taken]
            self._count(lines[:taken])
            raise
        self._count(lines)

    def _count(self, lines: Sequence[str | bytes]) -> None:
        self.records += len(lines)
        self.payload += sum(len(it.encode() if isinstance(it, str) else it) for it in lines)


def _chunk(source: Input, size: int, interruption: Interruption) -> bytes:
    try:
        return interruption.read(source.fd, size)
    except OSError as error:
        raise OSError(error.errno, error.strerror, source.name) from error
