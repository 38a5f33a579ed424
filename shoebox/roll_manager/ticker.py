"""A thread that does what is due, on time or as soon as it is told."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from shoebox.escaping import logger
from shoebox.waking import Waker

_log = logger(__name__)

SHORTEST = 0.01
"""Seconds between two ticks at least, also when a deadline stays passed."""


class Ticker(Thread):
    """Calls `tick` after as many seconds as the call before returned, until it is stopped."""

    def __init__(self, name: str, tick: Callable[[], float], seconds: float) -> None:
        super().__init__(name=f"shoebox-{name}", daemon=True)
        self._tick = tick
        self._seconds = seconds
        self._waker = Waker()
        self._stopped = False

    def run(self) -> None:
        """Tick."""
        while True:
            self._waker.wait(max(SHORTEST, self._seconds))
            if self._stopped:
                return
            try:
                self._seconds = self._tick()
            except Exception:  # noqa: BLE001 - the thread has to outlive what it meets
                _log.exception("what was due in the background failed; it is tried again")

    def soon(self) -> None:
        """Tick now: there is more to do, or what the next tick was set by has changed."""
        self._waker.wake()

    def stop(self) -> None:
        """End the thread soon; it need not be waited for."""
        self._stopped = True
        self._waker.wake()
