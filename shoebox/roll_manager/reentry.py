"""Calls of a writer by the very thread that is in the middle of one already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import RLock

from shoebox.errors import ReentrantCall


def holds(lock: RLock) -> Callable[[], bool]:
    """Return what tells whether this thread holds the lock; `Condition` asks the same."""
    held: Callable[[], bool] = lock._is_owned  # type: ignore[attr-defined] # noqa: SLF001
    return held


def reentrant(path: Path) -> ReentrantCall:
    """Return the error of a call that would wait for its own thread, or come into its middle."""
    return ReentrantCall(
        f"{path}: called while this very thread is in a call of the same writer, as a signal "
        "handler may be: have that set a flag, or raise, and go on after it; nothing was done"
    )
