"""Opening regular files, and nothing else that may lie under a name of ours.

What others can put there, be it a link, a FIFO or a device, is neither followed nor waited
for, and is said to be what it is.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

NO_FILE = frozenset({errno.EINVAL, errno.EISDIR})
"""The numbers of errors which say that what has a name is no regular file."""

_NOT_OPENED = frozenset({errno.ELOOP, errno.ENXIO, errno.EISDIR})
"""Those of a link, of a socket or a FIFO that nobody reads, and of a directory."""

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


def open_regular(
    name: str | os.PathLike[str],
    flags: int,
    *,
    follow: bool = False,
    dir_fd: int | None = None,
    folder: Path | None = None,
) -> int:
    """Return the descriptor of a regular file that is there.

    What else has the name is refused at once, with an error (one of `NO_FILE`) that says what
    it is, also a link that is not to be followed. `folder` is the path of `dir_fd`.
    """
    path = os.fspath(name) if folder is None else str(folder / name)
    flags |= os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    try:
        fd = os.open(name, flags, dir_fd=dir_fd)
    except OSError as error:
        if error.errno not in _NOT_OPENED:
            error.filename = path
            raise
        raise _refusal(os.stat(name, dir_fd=dir_fd, follow_symlinks=follow), path) from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise _refusal(status, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _refusal(status: os.stat_result, path: str) -> OSError:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "a device")
    number = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
    return OSError(number, f"it is {kind}, not a regular file", path)
