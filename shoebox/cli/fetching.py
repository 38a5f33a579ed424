"""Bringing archives from stores into a directory, each whole and verified or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shoebox.archive import ArchiveReader, Fault
from shoebox.cli import spooling
from shoebox.cli.progress import Advance
from shoebox.cli.text import count, megabytes
from shoebox.digests import KINDS, digests
from shoebox.errors import InvalidName, ObjectNotFound, ShoeboxError, StorageRejected
from shoebox.files import Directory, publishing
from shoebox.sources import Archive, Object
from shoebox.spool import ASIDE, OPEN, Spool
from shoebox.storage import validate_key, validate_name

_CHUNK = 1 << 20


class LeftOut(Exception):
    """Why an archive is not fetched; `faults` are what is wrong within it."""

    def __init__(self, reason: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(reason)
        self.faults = faults


@contextmanager
def target(path: str) -> Iterator[Directory]:
    """Yield the directory, made if need be, without what killed processes have left in it."""
    spooling.make(Path(path))
    spool = Spool(path)
    try:
        spool.sweep()
        yield spool.directory
    finally:
        spool.close()


@dataclass(frozen=True, slots=True)
class _Said:
    """What a store says of an object's bytes: their number, and (kind, digest) pairs."""

    size: int
    digests: frozenset[tuple[str, str]] = frozenset()

    def fits(self, file: BinaryIO) -> bool:
        """Tell whether the file's bytes are these, as far as is known."""
        file.seek(0)
        made = digests(file, {kind for kind, _ in self.digests})
        return file.seek(0, 2) == self.size and self.digests <= made.items()


class Fetcher:
    """Fetches archives into a directory, one after the other; `advance` is told of bytes."""

    def __init__(self, directory: Directory, advance: Advance) -> None:
        self._directory = directory
        self._advance = advance
        self._landed: dict[str, str] = {}
        """The archives that are there now, by the names that they have there."""
        self._fetched = self._size = self._there = self._left_out = 0

    def fetch(self, archive: Archive) -> None:
        """Fetch the archive unless it is there; raise LeftOut if it can't be had.

        Raise StorageDenied and StorageUnavailable, and OSError for what the disk refuses.
        """
        try:
            self._fetch(archive)
        except LeftOut:
            self._left_out += 1
            raise
        except (InvalidName, ObjectNotFound, StorageRejected) as error:
            self._left_out += 1
            raise LeftOut(str(error)) from error

    def summary(self) -> str:
        """Return what was done, in a line."""
        fetched = f"{count(self._fetched, 'archive')} ({megabytes(self._size)})"
        parts = [f"{fetched} fetched to {self._directory.path}"]
        if self._there:
            parts.append(f"{self._there} already there")
        if self._left_out:
            parts.append(f"{self._left_out} left out")
        return ", ".join(parts)

    def _fetch(self, archive: Archive) -> None:
        name, said = _name(archive), _said(archive)
        if self._is_there(archive, name, said):
            self._there += 1
            self._advance(said.size)
        else:
            self._bring(archive, name, said)
            self._fetched += 1
            self._size += said.size
        self._landed.setdefault(name, archive.name)

    def _is_there(self, archive: Archive, name: str, said: _Said) -> bool:
        """Tell whether the archive is there; raise LeftOut if something else has its name."""
        path = self._directory.path / name
        try:
            file = self._directory.reading(name)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise LeftOut(
                f"{path} is in its way, and no file to compare it with ({error.strerror}); "
                "fetch it into another directory"
            ) from error
        with file:
            if _is_same(file, archive, said):
                return True
        other = self._landed.get(name)
        raise LeftOut(
            f"{path} is there with other content, "
            + (f"that of {other}, " if other is not None else "")
            + "and is not replaced; fetch it into another directory"
        )

    def _bring(self, archive: Archive, name: str, said: _Said) -> None:
        """Write the archive to a file that has its name when it is whole and sound."""
        path = self._directory.path
        try:
            with publishing(self._directory, name) as file:
                for chunk in _chunks(archive):
                    file.write(chunk)
                    self._advance(len(chunk))
                _verify(archive, file, said)
        except FileExistsError as error:
            raise LeftOut(
                f"{path / name} has just been made by somebody else; fetch it again to see "
                "whether it is the same"
            ) from error
        except OSError as error:
            if isinstance(error, ShoeboxError):
                raise
            raise OSError(error.errno, error.strerror, str(path)) from error


def _name(archive: Archive) -> str:
    """Return the archive's name in the directory; raise InvalidName for a hostile one."""
    if isinstance(archive, Object):
        name = validate_key(archive.key).rpartition("/")[2]
    else:
        name = validate_name(Path(archive.name).name)
    if name.endswith((OPEN, *ASIDE)):
        raise LeftOut("is not sealed; shoebox recover seals what a writer has left open")
    return name


def _said(archive: Archive) -> _Said:
    if not isinstance(archive, Object):
        return _Said(archive.size)
    info = archive.backend.stat(archive.key)
    known = {(kind, value) for kind, value in info.checksums.items() if kind in KINDS}
    if "sha256" in info.metadata:
        known.add(("sha256", info.metadata["sha256"]))
    return _Said(info.size, frozenset(known))


def _is_same(file: BinaryIO, archive: Archive, said: _Said) -> bool:
    """Compare a file with an archive, by digests if there are any, else byte by byte."""
    fits = said.fits(file)
    if said.digests or not fits:
        return fits
    file.seek(0)
    return all(file.read(len(chunk)) == chunk for chunk in _chunks(archive))


def _chunks(archive: Archive) -> Iterator[bytes]:
    """Yield the archive's bytes; raise LeftOut for a file here that can't be read."""
    try:
        with archive.open() as source:
            while chunk := source.read(_CHUNK):
                yield chunk
    except OSError as error:
        if isinstance(error, ShoeboxError):
            raise
        raise LeftOut(f"can't be read: {error.strerror}") from error


def _verify(archive: Archive, file: BinaryIO, said: _Said) -> None:
    """Raise LeftOut unless the file is what the store says, and a sound archive."""
    remedy = "and is left out; shoebox cat prints what is sound of it"
    if not said.fits(file):
        raise LeftOut(
            f"what came ({count(file.tell(), 'byte')}) is not what was stored "
            f"({count(said.size, 'byte')}), {remedy}"
        )
    reader = ArchiveReader(file, name=archive.name)
    reader.verify()
    if reader.faults:
        raise LeftOut(f"is not sound, {remedy}", reader.faults)
