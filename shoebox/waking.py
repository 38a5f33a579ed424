"""Waking a thread that waits."""

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
