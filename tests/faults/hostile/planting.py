"""What can lie under a name of ours that is no file of ours, and a place outside to lead to."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from shoebox.archive import ArchiveWriter

TREASURE = "what only those outside may read"
LIMIT = 20
"""Seconds after which whatever waits has waited too long."""


class Outside:
    """A place that nobody has any business in: an archive, a folder, and nothing else.

    Attributes:
        made: What it was when it was made.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        (path / "folder").mkdir()
        (path / "folder" / "inside").write_text(TREASURE)
        with ArchiveWriter(path / "archive") as writer:
            writer.write({"secret": TREASURE}, TREASURE)
        self.made = self.seen()

    def seen(self) -> dict[str, object]:
        """Return all that there is, with everything that a write would change."""
        return {str(it.relative_to(self.path)): _known(it) for it in self.path.rglob("*")}

    @property
    def is_untouched(self) -> bool:
        """Whether it is what it was when it was made."""
        return self.seen() == self.made


def _known(path: Path) -> object:
    status = path.lstat()
    content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
    return status.st_mode, status.st_uid, status.st_mtime_ns, content


def _socket(path: Path, _: Outside) -> None:
    with chdir(path.parent), socket.socket(socket.AF_UNIX) as bound:
        bound.bind("s")  # its path has to be short
    (path.parent / "s").rename(path)


def _useless(path: Path, _: Outside) -> None:
    path.write_bytes(b"not ours\n" * 100)
    path.chmod(0)


KINDS: dict[str, Callable[[Path, Outside], object]] = {
    "link to an archive": lambda path, outside: path.symlink_to(outside.path / "archive"),
    "link to a folder": lambda path, outside: path.symlink_to(outside.path / "folder"),
    "link to nothing": lambda path, outside: path.symlink_to(outside.path / "made"),
    "loop": lambda path, _: path.symlink_to(path.name),
    "link to a device": lambda path, _: path.symlink_to("/dev/zero"),
    "fifo": lambda path, _: os.mkfifo(path),
    "socket": _socket,
    "folder": lambda path, _: path.mkdir(),
    "file without rights": _useless,
    "hard link": lambda path, outside: path.hardlink_to(outside.path / "archive"),
}

NO_FILES = [it for it in KINDS if it not in {"file without rights", "hard link"}]
"""Those that are no regular files."""


def kind_at(path: Path) -> tuple[int, str]:
    """Return what lies at a path, and where it leads."""
    mode = stat.S_IFMT(path.lstat().st_mode)
    return mode, str(path.readlink()) if stat.S_ISLNK(mode) else ""


class Late(BaseException):
    """It is not done in time; nothing catches it as an error of the disk."""


@contextmanager
def in_time(seconds: int = LIMIT) -> Iterator[None]:
    """Raise Late out of whatever waits for something too long, again and again."""

    def late(_number: int, _frame: object) -> None:
        raise Late

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
