"""What lies in a spool, for those who watch it from outside; it is only looked at."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time

from shoebox.archive.identity import identify
from shoebox.archive.source import open_source
from shoebox.regular import NO_FILE
from shoebox.spool import ASIDE, CORRUPT, DELIVERY, OPEN, TORN


@dataclass(frozen=True, slots=True)
class Backlog:
    """A spool's bytes, and the archive that was sealed first of those that are there."""

    size: int
    """Of all files."""
    oldest: str | None
    """The archive's name; None if there is none."""
    sealed: float
    """When it was sealed, in seconds since the epoch; 0 if there is none."""
    aside: int
    """How many files want a human: in quarantine, torn tails, and what can't be read."""

    def age(self, now: float) -> float:
        """Return for how many seconds it has been there; 0 if there is none."""
        return 0.0 if self.oldest is None else max(0.0, now - self.sealed)


def look(directory: Path) -> Backlog:
    """Return what lies in a spool now; raise OSError if it can't be looked at."""
    files = dict(_files(directory))
    size = sum(it.st_size for it in files.values())
    aside = sum(_is_aside(directory, name) for name in files)
    for name in sorted(files, key=lambda name: files[name].st_mtime):
        if _is_sealed(directory, name, offered=name + DELIVERY in files):
            return Backlog(size, name, files[name].st_mtime, aside)
    return Backlog(size, None, 0.0, aside)


def complaint(directory: Path, limit: float, now: float | None = None) -> str | None:
    """Say what is wrong if an archive has lain there for more than `limit` seconds, or None."""
    try:
        backlog = look(directory)
    except OSError as error:
        return f"{directory}: can't be looked at: {error.strerror}"
    age = backlog.age(time() if now is None else now)
    if age <= limit:
        return None
    since = datetime.fromtimestamp(int(backlog.sealed), UTC).isoformat()
    return (
        f"{backlog.oldest} waits in {directory} since {since}, {age:.0f} s, and not at most "
        f"{limit:g} s: ask shoebox spool why"
    )


def _files(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield entry.name, status


def _is_aside(directory: Path, name: str) -> bool:
    if name.endswith((CORRUPT, TORN)):
        return True
    path = directory / name
    return not os.access(path, os.R_OK, effective_ids=True) and path.exists()


def _is_sealed(directory: Path, name: str, *, offered: bool) -> bool:
    """Tell whether a file is a sealed archive, for which one that was not offered is opened.

    One that can't be, such as another user's, may be one, and is not shipped.
    """
    if name.endswith((OPEN, *ASIDE)):
        return False
    if offered:
        return True
    try:
        with open_source(directory / name, follow=False)[0] as file:
            return identify(file) is not None
    except OSError as error:
        return error.errno not in {errno.ENOENT, *NO_FILE}
