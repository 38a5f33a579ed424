"""Names, locks and states of a spool directory.

What a file is stands in its name alone: `NAME.open` is being written, by whoever
holds its lock; `NAME` is sealed; `NAME.delivery` says where it has been shipped to;
`NAME.torn` is a tail that recovery cut off; `NAME.corrupt` is in quarantine.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from shoebox.errors import BadWorkingDirectory, InvalidName, NotOurs
from shoebox.files import Directory, closing_on_error
from shoebox.names import (
    ASIDE,
    CATALOG,
    CORRUPT,
    DELIVERY,
    OPEN,
    TEMPORARY_SUFFIX,
    TORN,
    is_temporary,
    numbered,
)
from shoebox.regular import NO_FILE

__all__ = [
    "ASIDE",
    "CATALOG",
    "CORRUPT",
    "DELIVERY",
    "MAX_NAME",
    "OPEN",
    "TORN",
    "Spool",
    "check_directives",
    "glob_of",
    "render",
    "without_directives",
]

_PUT_ASIDE: Final = (TORN, CORRUPT, CORRUPT + DELIVERY)
"""What waits for nobody but whoever looks at it."""

MAX_NAME = 255 - len("-0001" + DELIVERY)
"""Bytes of an archive's name that leave room for its states, of the 255 a file system has."""

_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DIRECTIVES = frozenset("aAbBcCdDeFfgGhHIjklmMpPrRsSTuUVwWxXyYzZ%")
_REPLACED = re.compile(r"[^A-Za-z0-9._=+-]")
_LITERAL = re.compile(r"[A-Za-z0-9._=+ /:-]*")


def render(template: str, when: datetime) -> str:
    """Return the archive name that a strftime template gives at a time (in UTC).

    Spaces, slashes, colons and whatever else of a directive's text does not belong in
    a name become `_`. Raise InvalidName for a template that can't give a safe name.
    """
    _check_template(template)
    name = _REPLACED.sub("_", when.astimezone(UTC).strftime(template))
    if not name or name.startswith("."):
        raise InvalidName(
            f"the template {template!r} gives {name!r}; a name begins with anything but a dot"
        )
    if len(name) > MAX_NAME:
        raise InvalidName(
            f"the template {template[:40]!r}... gives a name of {len(name)} bytes; "
            f"at most {MAX_NAME} fit beside the suffixes of its states: shorten it"
        )
    if name.endswith((OPEN, *ASIDE)):
        raise InvalidName(f"the template {template!r} gives {name!r}, a name of another state")
    return name


def glob_of(template: str) -> str:
    """Return the glob of the names that a template gives: a directive is a `*`."""
    return re.sub(r"[ /:]", "_", without_directives(template))


def without_directives(template: str) -> str:
    """Return the template with a `*` for each of strftime's directives."""
    return _DIRECTIVE.sub("*", template)


class Spool:
    """A working directory that is safe to write in.

    Raise BadWorkingDirectory for one that is missing, no directory, a link, not
    writable, or writable by others who could swap its files; `trusted` leaves out
    the check for links and for others, `looking` that it can be written in.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, trusted: bool = False, looking: bool = False
    ) -> None:
        self.path = Path(path)
        _check_directory(self.path, trusted=trusted)
        _check_rights(self.path, os.R_OK | os.X_OK | (0 if looking else os.W_OK))
        self.directory = Directory(self.path)
        self._last = "", 0
        """The name that was asked for last, and how often it was taken."""

    def check(self) -> None:
        """Raise BadWorkingDirectory if its path does not lead to it any more."""
        with suppress(FileNotFoundError):
            if os.path.samestat(self.path.stat(), os.fstat(self.directory.fd)):
                return
        raise BadWorkingDirectory(
            f"{self.path}: was moved away, removed or exchanged while it was in use; see which "
            "directory is meant, and start again"
        )

    def create(self, name: str) -> tuple[int, str]:
        """Make the open file of a new archive; return its descriptor and the name it will have.

        The file is locked by the descriptor. A name that is taken gets a number.
        """
        taken = self._last[1] if self._last[0] == name else 0
        candidates = numbered(name, taken)
        while (fd := self._reserve(candidate := next(candidates))) is None:
            taken += 1
        self._last = name, taken
        return fd, candidate

    def hold(self, name: str) -> int | None:
        """Return a descriptor that holds the file's lock; None if it is held or gone.

        Raise NotOurs for what is no file, and another OSError for what may be opened at another
        time: it may be a file of ours.
        """
        try:
            return self.directory.hold(name, os.O_RDWR | os.O_APPEND)
        except OSError as error:
            if error.errno not in NO_FILE:
                raise
            raise NotOurs(
                f"{self.path / name}: {error.strerror}; see whose it is, and take it away"
            ) from error

    def link(self, fd: int, opened: str, state: str = "") -> str:
        """Give a file, whose lock `fd` holds, its name besides the open one, durably; return it.

        A name that is taken gets a number: nothing is replaced. As long as the open name is
        there, be it after a power cut, this can be done again and gives the same.
        """
        taken = next(
            name + state
            for name in numbered(opened.removesuffix(OPEN))
            if self._link(fd, opened, name, state)
        )
        # Before the open name goes: a power cut could else take both.
        self.directory.sync()
        return taken

    def sweep(self) -> None:
        """Remove the temporary files of processes that died."""
        self.directory.sweep(
            lambda name: is_temporary(name) or name.endswith(TORN + TEMPORARY_SUFFIX)
        )

    def names(self, suffix: str) -> list[str]:
        """Return the names with this suffix, sorted."""
        return [name for name in self.directory.names() if name.endswith(suffix)]

    def sealed(self) -> list[str]:
        """Return the names that can be those of sealed archives, sorted.

        One that has its open name still is not sealed to the end.
        """
        with self.directory.listing() as entries:
            files = {
                entry.name: entry.inode()
                for entry in entries
                if not entry.is_dir(follow_symlinks=False)
            }
        opened = {inode for name, inode in files.items() if name.endswith(OPEN)}
        return sorted(
            name
            for name, inode in files.items()
            if not name.endswith((OPEN, *ASIDE)) and inode not in opened
        )

    def size(self) -> int:
        """Return the bytes of all files in the directory that were not put aside for good."""
        with self.directory.listing() as entries:
            # By their inodes: one that is just being sealed has two names.
            sizes = {it.inode(): _size(it) for it in entries if not it.name.endswith(_PUT_ASIDE)}
        return sum(sizes.values())

    def close(self) -> None:
        """Give the directory's descriptor back."""
        self.directory.close()

    def create_locked(self, name: str) -> int | None:
        """Make a file and return the descriptor that holds its lock; None if it is taken."""
        try:
            fd = self.directory.create(name, os.O_RDWR | os.O_APPEND)
        except FileExistsError:
            return None
        return fd if self.directory.lock_new(name, fd) else None

    def _link(self, fd: int, opened: str, name: str, state: str) -> bool:
        """Give a file this name, unless it is another's; tell whether it has it now."""
        if self.directory.holds(name + state, fd):
            return True
        claims = [] if state else [DELIVERY]
        if name + OPEN != opened:
            claims.append(OPEN)
        if any(self.directory.exists(name + claim) for claim in claims):
            return False
        try:
            self.directory.link(opened, name + state)
        except FileExistsError:
            return False
        return True

    def _reserve(self, name: str) -> int | None:
        fd = self.create_locked(name + OPEN)
        if fd is None:
            return None
        with closing_on_error(fd):
            free = self.directory.is_free(name)
            if not free:
                self.directory.remove(name + OPEN)
        if free:
            return fd
        os.close(fd)
        return None


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0


def check_directives(template: str) -> None:
    """Raise InvalidName for a directive that strftime does not know."""
    for match in _DIRECTIVE.finditer(template):
        if match[1] not in _DIRECTIVES:
            raise InvalidName(
                f"the template {template!r} has the unknown directive {match[0]!r}; "
                "strftime's are known, and %% is a percent sign"
            )


def _check_template(template: str) -> None:
    check_directives(template)
    literal = _DIRECTIVE.sub("", template)
    if not _LITERAL.fullmatch(literal):
        raise InvalidName(
            f"the template {template!r} has characters that a file name should not have: "
            "use letters, digits and ._=+-"
        )


def _check_directory(path: Path, *, trusted: bool) -> None:
    try:
        status = path.stat() if trusted else path.lstat()
    except FileNotFoundError:
        raise BadWorkingDirectory(f"{path}: there is no such directory; make it first") from None
    except OSError as error:
        raise BadWorkingDirectory(f"{path}: can't be looked at: {error.strerror}") from error
    if stat.S_ISLNK(status.st_mode):
        raise BadWorkingDirectory(
            f"{path}: is a symbolic link, which others could turn; name the directory that it "
            "leads to"
        )
    if not stat.S_ISDIR(status.st_mode):
        raise BadWorkingDirectory(f"{path}: is a file; name a directory")
    if not trusted and status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        raise BadWorkingDirectory(
            f"{path}: everybody may write in it; take that right away (chmod o-w) or set the "
            "sticky bit (chmod +t)"
        )


def _check_rights(path: Path, wanted: int) -> None:
    if os.access(path, wanted):
        return
    if wanted & os.W_OK and os.statvfs(path).f_flag & os.ST_RDONLY:
        raise BadWorkingDirectory(
            f"{path}: lies on a file system that can only be read, as one is after an error of its "
            "disk; mount it so that it can be written to"
        )
    what = "write in it" if wanted & os.W_OK else "read it"
    raise BadWorkingDirectory(f"{path}: this user may not {what}; change its mode or owner")
