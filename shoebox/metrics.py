"""What can be measured, and who hears of it: the interface of metrics.

Nothing is told of a single record: a writer notes blocks, syncs and rolls, and another thread
tells of them, so that writing never waits for who hears of it.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Final, Literal

from shoebox.errors import ConfigError
from shoebox.escaping import logger

_log = logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A series of numbers. A counter grows, a histogram gathers, a gauge goes up and down."""

    name: str
    """As Prometheus has it, so that it ends with the unit."""
    kind: Literal["counter", "histogram", "gauge"]
    help: str
    label: str = ""
    """What its numbers are told apart by, if they are."""


RECORDS: Final = Metric("shoebox_records_total", "counter", "Records written to archives.")
BYTES: Final = Metric(
    "shoebox_bytes_total", "counter", "Bytes of the blocks that hold them, compressed."
)
ROLLS: Final = Metric(
    "shoebox_rolls_total", "counter", "Archives that a writer has sealed, by why it did.", "reason"
)
WRITE: Final = Metric("shoebox_write_seconds", "histogram", "What appending a block took.")
SYNC: Final = Metric("shoebox_sync_seconds", "histogram", "What syncing an archive took.")
STORED: Final = Metric(
    "shoebox_stored_archives_total",
    "counter",
    "Archives that a backend has, verified there.",
    "backend",
)
FAILED: Final = Metric(
    "shoebox_failed_archives_total",
    "counter",
    "Archives that a backend could not store, counted with each try.",
    "backend",
)
LAST_STORED: Final = Metric(
    "shoebox_last_stored_timestamp_seconds",
    "gauge",
    "When a backend stored an archive last, since the epoch.",
    "backend",
)
SPOOL_BYTES: Final = Metric(
    "shoebox_spool_bytes", "gauge", "Bytes of all files of the spool.", "directory"
)
SPOOL_AGE: Final = Metric(
    "shoebox_spool_oldest_age_seconds",
    "gauge",
    "How long the oldest archive of the spool has been sealed; 0 if there is none.",
    "directory",
)
SPOOL_ASIDE: Final = Metric(
    "shoebox_spool_aside_files",
    "gauge",
    "Files of the spool that a human has to look at: quarantine, torn tails, unreadable ones.",
    "directory",
)

TOLD: Final = (RECORDS, BYTES, ROLLS, WRITE, SYNC, STORED, FAILED, LAST_STORED)
"""What is told when it happens."""

WATCHED: Final = (SPOOL_BYTES, SPOOL_AGE, SPOOL_ASIDE)
"""What is looked up in a spool when somebody asks."""

BUCKETS: Final = tuple(
    scale * step for scale in (1e-4, 1e-3, 1e-2, 1e-1, 1.0) for step in (1, 2.5, 5)
)
"""Upper bounds in seconds of what histograms count together."""


class Metrics:
    """Hears of what is measured, from any thread; this one lets it pass.

    Make one for all writers of a process. What it raises is logged, once, and hurts nobody.
    What ships waits until `tell` returns; what writes does not.
    """

    def tell(self, metric: Metric, value: float = 1, label: str = "") -> None:
        """Take in one of `TOLD`: a counter grows by it, a histogram gathers it, a gauge is it."""

    def watch(self, directory: Path) -> None:
        """Give those of `WATCHED`, from now on, for the spool in this directory."""


SILENT: Final = Metrics()

Note = tuple[Metric, float, str]
"""What is to be told: metric, value and label."""

NOWHERE: Final[deque[Note]] = deque(maxlen=0)
"""Where notes go that nobody will hear of."""


class Guarded(Metrics):
    """Keeps what another raises from those who tell it.

    `lock` is held while it is told; held while a process forks, it keeps the other's locks
    free in the child.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.hears = metrics is not SILENT
        """Whether anything comes of what it is told."""
        # What is logged of it may be written to a shoebox, which tells it something.
        self.lock = RLock()
        self._complained = False

    def tell(self, metric: Metric, value: float = 1, label: str = "") -> None:
        """Pass it on."""
        try:
            with self.lock:
                self._metrics.tell(metric, value, label)
        except Exception as error:  # noqa: BLE001 - a stranger's may raise anything
            self._complain(error)

    def watch(self, directory: Path) -> None:
        """Pass it on, as a path that a change of the working directory does not change."""
        try:
            self._metrics.watch(Path(os.path.abspath(directory)))  # noqa: PTH100 (keeps links)
        except Exception as error:  # noqa: BLE001 - a stranger's may raise anything
            self._complain(error)

    def after_fork(self) -> None:
        """Give a forked child a lock of its own."""
        self.lock = RLock()

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            _log.error(
                "metrics: %s failed, which is not said again; all else goes on",
                type(self._metrics).__name__,
                exc_info=error,
            )


def guarded(metrics: Metrics) -> Guarded:
    """Return what may be told without fear; raise ConfigError for what is no Metrics."""
    if isinstance(metrics, Guarded):
        return metrics
    if not isinstance(metrics, Metrics):
        raise ConfigError(f"metrics is {metrics!r}; give a Metrics, or leave it out")
    return Guarded(metrics)


_REASONS = {"asked for": "asked", "closed": "closed", "its records were in doubt": "doubt"}


def reason_label(reason: str) -> str:
    """Return the label of why an archive was sealed: what a checker says before a colon.

    What it says without one may be another text each time, and is called "checker".
    """
    head, colon, _ = reason.partition(":")
    return head if colon else _REASONS.get(reason, "checker")
