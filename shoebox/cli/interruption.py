"""Ctrl-C and SIGTERM while records are written."""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Lets a signal end the reading of input, and never the middle of a write.

    A KeyboardInterrupt anywhere else would leave a record half taken.
    """

    def __init__(self) -> None:
        self.caught = False
        """Whether a signal came."""
        self._reading = False
        self._before: dict[signal.Signals, Any] = {}

    def read(self, fd: int, size: int) -> bytes:
        """Read; raise KeyboardInterrupt if a signal came, now or since the last read."""
        self._reading = True
        try:
            if self.caught:
                raise KeyboardInterrupt
            return os.read(fd, size)
        finally:
            self._reading = False

    def __enter__(self) -> Self:
        self._before = {it: signal.signal(it, self._take) for it in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        self.caught = True
        if self._reading:
            self._reading = False
            raise KeyboardInterrupt
