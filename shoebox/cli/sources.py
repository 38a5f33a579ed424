"""From the SOURCEs of a command line to the archives that they name."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from shoebox.archive import ArchiveReader
from shoebox.archive.source import open_source
from shoebox.cli import exits, messages, remote
from shoebox.files import TEMPORARY_SUFFIX
from shoebox.roll_manager.catalogue import is_being_written
from shoebox.spool import ASIDE, DELIVERY, OPEN

_NEVER = (DELIVERY, TEMPORARY_SUFFIX)
"""What is left out even where a shell's glob has named it: it holds no records."""


class Archive(Protocol):
    """An archive to be read, wherever it lies."""

    @property
    def name(self) -> str:
        """Its path or URL."""

    @property
    def size(self) -> int:
        """Its bytes."""

    @property
    def growing(self) -> bool:
        """Whether its writer is at work."""

    def open(self) -> BinaryIO:
        """Return it as a seekable file."""


@dataclass(frozen=True, slots=True)
class File:
    """An archive in a directory."""

    path: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    @property
    def size(self) -> int:
        """Its bytes; 0 when it is gone."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    @property
    def growing(self) -> bool:
        """Whether its writer is at work."""
        try:
            return is_being_written(self.path)
        except OSError:
            return False

    def open(self) -> BinaryIO:
        """Return the file; one that its writer has sealed in the meantime has its new name."""
        try:
            return open_source(self.path)[0]
        except FileNotFoundError:
            if not self.name.endswith(OPEN):
                raise
        return open_source(self.name.removesuffix(OPEN))[0]


@dataclass(slots=True)
class Found:
    """What SOURCEs name."""

    archives: list[Archive]
    code: int = exits.FINE
    """The exit code that is due already, since one of the SOURCEs matched nothing."""


@contextmanager
def found(sources: Sequence[str], config_files: list[str]) -> Iterator[Found]:
    """Yield the archives, each once, in the order of the SOURCEs.

    A SOURCE that matches nothing is complained of.
    """
    with ExitStack() as stack:
        result, archives = Found([]), dict[str, Archive]()
        for source in [it for it in sources if not it.endswith(_NEVER)] or sources:
            matched = list(_matches(source, config_files, stack))
            if not matched:
                result.code = missing(source)
            archives.update((it.name, it) for it in matched if it.name not in archives)
        result.archives = list(archives.values())
        yield result


def missing(source: str) -> int:
    """Complain of a SOURCE that matches nothing, and return the exit code."""
    messages.complain(
        f"{source}: matches no archive; name a file, directory, glob or URL that does"
    )
    return exits.DATA


@contextmanager
def reading(archive: Archive, **options: Any) -> Iterator[ArchiveReader]:
    """Yield a reader of the archive, to which a growing tail is no fault if its writer lives."""
    growing = archive.growing
    file = archive.open()
    with ArchiveReader(file, name=archive.name, growing=growing, **options) as reader:
        yield reader


def _matches(source: str, config_files: list[str], stack: ExitStack) -> Iterator[Archive]:
    location = remote.parse(source)
    if location is not None:
        backend = stack.enter_context(remote.backend(location, config_files))
        yield from remote.objects(location, backend)
        return
    for path in _paths(source):
        yield File(path)


def _paths(source: str) -> list[Path]:
    path = Path(source)
    if path.is_dir():
        return [it for it in sorted(path.iterdir()) if _is_archive(it)]
    if os.path.lexists(path):
        return [] if path.name.endswith(_NEVER) else [path]
    return [it for it in map(Path, sorted(glob.glob(source, recursive=True))) if _is_archive(it)]  # noqa: PTH207 - Path.glob takes no absolute one


def _is_archive(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and not path.name.endswith(ASIDE)
