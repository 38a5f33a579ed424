"""System calls that fail: the k-th of a kind, once or for ever from then on."""

import errno
import fcntl
import io
import os
from collections import Counter
from itertools import count

_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
_NAMING = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EDQUOT)

ERRORS = {
    "open": (errno.EMFILE, *_NAMING),
    "read": (errno.EIO,),
    "pread": (errno.EIO,),
    "write": (errno.EFBIG, *_WRITING),
    "writev": (errno.EFBIG, *_WRITING),
    "fsync": _WRITING,
    "fdatasync": _WRITING,
    "ftruncate": (errno.EIO,),
    "rename": _NAMING,
    "link": (*_NAMING, errno.EMLINK, errno.EPERM),
    "unlink": (errno.EIO, errno.EROFS, errno.EACCES),
    "mkdir": _NAMING,
    "rmdir": (errno.EIO, errno.EROFS, errno.EACCES),
    "fchmod": (errno.EIO, errno.EROFS, errno.EPERM),
    "flock": (errno.EIO, errno.ENOLCK),
    "fstat": (errno.EIO,),
    "stat": (errno.EIO, errno.EACCES),
    "lstat": (errno.EIO, errno.EACCES),
    "scandir": (errno.EIO, errno.EMFILE, errno.EACCES),
    "dup": (errno.EMFILE,),
    "close": (errno.EIO, errno.ENOSPC, errno.EDQUOT),
}
"""By the kind of call, what it can fail with."""


class Calls:
    """Counts the calls by their kinds, and fails the k-th one of one kind.

    Patches `os` and `fcntl` for the whole process, which is a child of its own, and what
    `os.fdopen` returns, since that reads and writes past them.
    """

    def __init__(self, kind="", code=0, k=0, *, for_ever=False):
        self.kind, self.code, self.k, self.for_ever = kind, code, k, for_ever
        self.made = Counter()
        self._numbers = {name: count(1) for name in ERRORS}
        self._on = False
        self._real = {name: getattr(os, name) for name in ERRORS if name != "flock"}
        self._real["flock"] = fcntl.flock
        self._fdopen = os.fdopen

    def begin(self):
        """Count, and fail, from here on."""
        for name, real in self._real.items():
            setattr(fcntl if name == "flock" else os, name, self._failing(name, real))
        os.fdopen = self._open
        self._on = True

    def lift(self):
        """Let everything succeed from here on."""
        self._on = False

    def resume(self):
        """Go on failing, if more calls are to fail."""
        self._on = True

    def come(self, name):
        """Count a call; raise its error if it is one that fails."""
        if not self._on:
            return
        number = next(self._numbers[name])
        self.made[name] = number
        if name == self.kind and (number == self.k or (self.for_ever and number > self.k)):
            raise OSError(self.code, os.strerror(self.code))

    def _failing(self, name, real):
        def call(*args, **kwargs):
            if name == "close":
                real(*args, **kwargs)  # the descriptor is gone, whatever it says
            self.come(name)
            return None if name == "close" else real(*args, **kwargs)

        return call

    def _open(self, fd, mode="r", *args, **kwargs):
        wrapper = {"rb": io.BufferedReader, "wb": io.BufferedWriter, "w+b": io.BufferedRandom}
        if mode not in wrapper or args:
            return self._fdopen(fd, mode, *args, **kwargs)
        raw = _File(fd, mode.replace("w+", "r+"), **kwargs)
        raw.calls = self
        return wrapper[mode](raw)


class _File(io.FileIO):
    """A file whose reads and writes are calls too."""

    calls: Calls

    def read(self, *args):
        self.calls.come("read")
        return super().read(*args)

    def readinto(self, buffer):
        self.calls.come("read")
        return super().readinto(buffer)

    def readall(self):
        self.calls.come("read")
        return super().readall()

    def write(self, data):
        self.calls.come("write")
        return super().write(data)
