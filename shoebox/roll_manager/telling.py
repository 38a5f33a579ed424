"""Telling metrics what a writer has noted: on a thread of its own, so that nothing waits for it."""

from __future__ import annotations

from collections import deque
from threading import Thread

from shoebox.metrics import NOWHERE, Guarded, Metric, Note
from shoebox.starting import start
from shoebox.waking import Flag

EVERY = 1.0
"""Seconds between two times that metrics are told."""

MOST = 100_000
"""Notes that are kept while metrics are slower than the writer; the oldest are dropped then."""


class Telling:
    """Passes on what stands in `noted`; nothing does where nobody hears of it."""

    def __init__(self, metrics: Guarded) -> None:
        self._metrics = metrics
        self.noted: deque[Note] = deque(maxlen=MOST) if metrics.hears else NOWHERE
        self._ended = Flag()
        self._thread = Thread(target=self._run, name="shoebox-metrics", daemon=True)

    def start(self) -> None:
        """Start the thread; it ends with the process, or after `stop`."""
        if self._metrics.hears:
            start(self._thread)

    def stop(self) -> None:
        """Have the thread tell what stands there still, and end."""
        self._ended.set()

    def join(self, seconds: float) -> None:
        """Wait until it has ended, for so long at most."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        while not self._ended.wait(EVERY):
            self._tell()
        self._tell()

    def _tell(self) -> None:
        """Tell what stands there; what is only counted is told as one sum."""
        sums: dict[tuple[Metric, str], float] = {}
        while self.noted:
            metric, value, label = self.noted.popleft()
            if metric.kind == "counter":
                sums[metric, label] = sums.get((metric, label), 0) + value
            else:
                self._metrics.tell(metric, value, label)
        for (metric, label), value in sums.items():
            self._metrics.tell(metric, value, label)
