"""A file that somebody cuts while it is read."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

_READS = frozenset(
    {
        "read",
        "read1",
        "readinto",
        "readinto1",
        "readall",
        "pread",
        "preadv",
        "readv",
        "sendfile",
        "copy_file_range",
    }
)


@contextmanager
def cut_while_read(path: Path) -> Iterator[None]:
    """Cut the file to half its size after the first read in the block.

    Python's profiler tells when a function written in C has returned, whoever calls it: so
    the cut comes at the same place each time, which no other thread or process could do.
    Threads that were there before the block are not seen.
    """
    cut = _Cut(path)
    before = sys.getprofile(), threading.getprofile()
    threading.setprofile(cut)
    sys.setprofile(cut)
    try:
        yield
    finally:
        sys.setprofile(before[0])
        threading.setprofile(before[1])


class _Cut:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._status = path.stat()
        self._done = False

    def __call__(self, _frame: FrameType, event: str, function: Any) -> None:
        """Hear of a call."""
        if event != "c_return" or self._done or function.__name__ not in _READS:
            return
        if self._is_ours(function.__self__):
            self._done = True
            os.truncate(self._path, self._status.st_size // 2)

    def _is_ours(self, file: Any) -> bool:
        """Tell whether this is our file; of os.read nobody can tell, and it is taken to be."""
        if getattr(file, "__name__", "") == os.name:
            return True
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._status)
        except (AttributeError, OSError, ValueError):  # no file, or one that is closed
            return False
