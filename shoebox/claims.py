"""Which archives of a spool this process works on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from shoebox.spool import Spool


class Claims:
    """The claims of this process on archives of a spool.

    A claim is the archive's lock: held by this process as long as one of its threads
    works on the archive, so that no other process ships it at the same time.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.lock = Lock()
        """Held while a claim is opened or given back."""
        self._held: dict[str, tuple[int, int]] = {}
        """By the archive's name, its descriptor and how many threads work on it."""

    @contextmanager
    def on(self, name: str) -> Iterator[bool]:
        """Hold the claim on an archive, and say whether it could be had."""
        held = self._claim(name)
        try:
            yield held
        finally:
            if held:
                self._release(name)

    def after_fork(self) -> None:
        """Forget, in a forked child, the parent's claims."""
        self.lock = Lock()
        for fd, _ in self._held.values():
            os.close(fd)
        self._held = {}

    def _claim(self, name: str) -> bool:
        with self.lock:
            fd, holders = self._held.get(name, (None, 0))
            if fd is None:
                fd = self._spool.hold(name)
            if fd is not None:
                self._held[name] = fd, holders + 1
            return fd is not None

    def _release(self, name: str) -> None:
        with self.lock:
            fd, holders = self._held.pop(name)
            if holders > 1:
                self._held[name] = fd, holders - 1
            else:
                give_back(fd)


def give_back(fd: int) -> None:
    """Give an archive's lock back, also for a child that was forked with a copy of it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)
