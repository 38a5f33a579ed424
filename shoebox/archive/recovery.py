"""Recovering the archive of a writer that died: cut its torn tail off, and seal it.

Every step can be killed and done again: what is torn is saved durably before it is
cut off, and the file keeps its open name until it is whole.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from shoebox.appending import with_remedy
from shoebox.archive.examination import Findings, examine, refusal
from shoebox.errors import NotOurs, RecoveryError
from shoebox.escaping import sentence
from shoebox.files import (
    NO_FILE,
    TEMPORARY_SUFFIX,
    AppendFile,
    Directory,
    closing_on_error,
    numbered,
    publishing,
)
from shoebox.format import v1
from shoebox.format.preamble import PREAMBLE, version_of
from shoebox.spool import CORRUPT, OPEN, TORN, Spool

_CHUNK = 1 << 20
Outcome = Literal["sealed", "removed", "corrupt", "left"]


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of an abandoned archive."""

    path: Path
    """Where it is now; where it was, if it was removed."""
    outcome: Outcome
    records: int
    """In it; in a corrupt one those before the first damage, behind which there may be more."""
    torn: int
    """Bytes that were cut off, and saved beside it."""
    reason: str = ""
    again: bool = False
    """Whether the disk refused, so that trying again may help."""

    def __str__(self) -> str:
        cut = f", {self.torn} torn bytes cut off and saved" if self.torn else ""
        why = f": {self.reason}" if self.reason else ""
        rest = ""
        if self.outcome == "corrupt":
            cut = " before the first damage"
            rest = f"; it is never shipped: shoebox cat {self.path} gives all that is sound in it"
        return sentence(f"{self.path}: {self.outcome}, {self.records} records{cut}{why}{rest}")


def recover(path: str | os.PathLike[str]) -> Recovery:
    """Recover one abandoned archive, named with or without `.open`.

    Raise RecoveryError if it is not there or a living writer holds it, and OSError
    where the disk does not allow what has to be done; it is left as it is then.
    """
    wanted = Path(path)
    name = wanted.name.removesuffix(OPEN)
    spool = Spool(wanted.parent)
    try:
        fd = spool.hold(name + OPEN)
        if fd is None:
            raise RecoveryError(
                f"{wanted.parent / (name + OPEN)}: is not there, or its writer is alive"
            )
        return _recover(spool, name, fd)
    finally:
        spool.close()


def recover_all(spool: Spool) -> Iterator[Recovery]:
    """Recover every open archive of a spool that nobody holds, one after the other.

    One that can't be recovered now is left for the next time. What has the name of
    one and is none, such as a link, is left alone.
    """
    for name in spool.names(OPEN):
        try:
            fd = spool.hold(name)
            if fd is not None:
                yield _recover(spool, name.removesuffix(OPEN), fd)
        except OSError as error:
            path, again = spool.path / name, not isinstance(error, NotOurs)
            reason = f"could not be recovered: {with_remedy(error, path)}"
            yield Recovery(path, "left", 0, 0, reason, again=again)


def _recover(spool: Spool, name: str, fd: int) -> Recovery:
    with closing_on_error(fd):
        file = AppendFile(fd, spool.path / (name + OPEN), os.fstat(fd).st_size)
    try:
        with os.fdopen(fd, "rb", closefd=False) as source:
            reason = refusal(source)
            if reason:
                return Recovery(file.path, "left", 0, 0, reason)
            return _act(spool, name, file, source, examine(source, file.path))
    finally:
        file.release()


def _act(spool: Spool, name: str, file: AppendFile, source: BinaryIO, found: Findings) -> Recovery:
    """Do with the archive what its findings call for."""
    directory = spool.directory
    if found.fault and found.end < found.mark:
        path = _rename(spool, file, CORRUPT)
        return Recovery(path, "corrupt", found.records, 0, found.fault)
    torn = file.size - found.end
    if torn:
        _cut(directory, name, file, source, found)
    if not found.records:
        directory.remove(name + OPEN)
        directory.sync()
        return Recovery(file.path, "removed", 0, torn, found.fault)
    file.sync()
    if not found.ended:
        file.append(*found.layout.end(file.size, file.synced))
        file.sync()
    path = _rename(spool, file)
    return Recovery(path, "sealed", found.records, torn, found.fault)


def _cut(
    directory: Directory, name: str, file: AppendFile, source: BinaryIO, found: Findings
) -> None:
    """Cut the file to its sound part; all but a header that was not whole is saved first."""
    if found.begun or found.damaged or _is_version_1(source):
        _save_torn(directory, name, source, found.end)
    os.ftruncate(file.fd, found.end)
    file.size = found.end


def _is_version_1(source: BinaryIO) -> bool:
    source.seek(0)
    return version_of(source.read(PREAMBLE.size)) == v1.VERSION


def _save_torn(directory: Directory, name: str, source: BinaryIO, start: int) -> None:
    """Save what is going to be cut off, unless that was done and the cutting was not."""
    # The name is ours alone: who holds the open archive's lock recovers it.
    temporary = name + TORN + TEMPORARY_SUFFIX
    names = numbered(name)
    source.seek(start)
    while directory.exists(torn := next(names) + TORN):
        if _holds_rest(directory, torn, source):
            directory.remove(temporary)
            directory.sync()
            return
        source.seek(start)
    with publishing(directory, torn, temporary) as file:
        shutil.copyfileobj(source, file, _CHUNK)


def _holds_rest(directory: Directory, name: str, source: BinaryIO) -> bool:
    """Tell whether a file holds just what is left of the source."""
    try:
        fd = directory.open(name)
    except OSError as error:
        if error.errno not in {*NO_FILE, errno.ENOENT}:
            raise
        return False
    with os.fdopen(fd, "rb") as file:
        while (chunk := source.read(_CHUNK)) == file.read(_CHUNK):
            if not chunk:
                return True
        return False


def _rename(spool: Spool, file: AppendFile, state: str = "") -> Path:
    """Give the archive the name of another state, durably, numbered if it is taken."""
    name = spool.link(file.fd, file.path.name, state)
    spool.directory.remove(file.path.name)
    spool.directory.sync()
    return spool.path / name
