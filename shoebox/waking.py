"""Waking threads that wait, by what a signal can leave no lock of taken."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue


class Waker:
    """Wakes one thread that waits for a time, from any other.

    An Event would do, but for its lock: a thread that a signal interrupts while it holds
    that one never gives it back. This has none that Python code holds.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[None] = SimpleQueue()

    def wake(self) -> None:
        """End the wait that goes on, or else the next one."""
        self._calls.put(None)

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or when woken; calls before that are used up."""
        with suppress(Empty):
            self._calls.get(timeout=seconds)
            while True:
                self._calls.get_nowait()


class Flag:
    """Is set once, for good, and ends the waits of all threads: an Event without its lock."""

    def __init__(self) -> None:
        self._set = False
        self._calls: SimpleQueue[None] = SimpleQueue()

    def is_set(self) -> bool:
        """Tell whether it is set."""
        return self._set

    def set(self) -> None:
        """Set it; a second call wakes whom an interrupted one has not."""
        self._set = True
        self._calls.put(None)

    def wait(self, seconds: float) -> bool:
        """Return after so many seconds, or when it is set; tell whether it is."""
        if not self._set:
            with suppress(Empty):
                self._calls.get(timeout=seconds)
                self._calls.put(None)  # for the next one who waits
        return self._set
