"""What happens to writers when their process forks or ends.

A forked child gives its copies of the parent's files back and begins with none; an
interpreter that ends without `close()` flushes and syncs. Both reach the writers
through this module, which holds the only state that the library keeps.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterable
from typing import Protocol
from weakref import WeakSet

from shoebox.escaping import logger

_log = logger(__name__)

LONGEST = 1.0
"""Seconds that a fork waits at most for a lock, which the forking thread may hold itself."""


class Lockable(Protocol):
    """A lock of either kind."""

    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool:  # noqa: FBT001
        """Take it."""

    def release(self) -> None:
        """Give it back."""


class Writer(Protocol):
    """What is told."""

    def locks(self) -> Iterable[Lockable]:
        """Return what is held while a file is opened, to be held while the process forks."""

    def after_fork(self) -> None:
        """Forget, in the child, what belongs to the parent; never raise."""

    def at_exit(self) -> None:
        """Bring to safety what is buffered; never raise."""


_known: WeakSet[Writer] = WeakSet()
_open: set[Writer] = set()
_held: list[Lockable] = []
_finalizers: list[object] = []


def know(writer: Writer) -> None:
    """Tell a writer of forks and of the end, as long as somebody holds it."""
    _known.add(writer)


def hold(writer: Writer) -> None:
    """Keep a writer, which has something open, until it is let go."""
    _open.add(writer)
    if not _finalizers and _is_multiprocessing_child():
        from multiprocessing.util import Finalize  # noqa: PLC0415 - only where it is in use

        # Such a child ends without atexit; it runs these.
        _finalizers.append(Finalize(None, _at_exit, exitpriority=0))


def let_go(writer: Writer) -> None:
    """Leave a writer alone that has nothing open any more."""
    _open.discard(writer)


def _is_multiprocessing_child() -> bool:
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def _before_fork() -> None:
    # A file that is just being opened would stay open in the child, unknown, with its lock.
    for writer in list(_known):
        _held.extend(lock for lock in writer.locks() if lock.acquire(timeout=LONGEST))


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().release()


def _after_fork_in_child() -> None:
    _held.clear()
    _open.clear()
    _finalizers.clear()
    for writer in list(_known):
        writer.after_fork()


def _at_exit() -> None:
    for writer in list(_open):
        writer.at_exit()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
atexit.register(_at_exit)
