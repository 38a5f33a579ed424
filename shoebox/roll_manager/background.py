"""What a writer does although nothing is written: roll on time, and sync."""

from __future__ import annotations

from shoebox.complaints import Complaints
from shoebox.roll_manager.asking import Asked
from shoebox.roll_manager.current import Current
from shoebox.roll_manager.succession import Batch, OpenArchive
from shoebox.roll_manager.ticker import Ticker
from shoebox.starting import start

TICK = 1.0
"""Seconds after which deadlines are looked at again: a write may have changed them."""


class Background:
    """Looks after the open archive of a writer on a thread of its own.

    `sync_interval` is in seconds; None leaves syncing to the writers.
    """

    def __init__(
        self,
        current: Current,
        asked: Asked,
        complaints: Complaints,
        sync_interval: float | None,
    ) -> None:
        self._current = current
        self._asked = asked
        self._complaints = complaints
        self._syncs = sync_interval is not None
        self._longest = TICK if sync_interval is None else min(TICK, sync_interval)
        self._ticker = Ticker("ticker", self.tick, self._longest)

    def start(self) -> None:
        """Start the thread; it ends with the process, or after `stop`."""
        start(self._ticker)

    def soon(self) -> None:
        """Look at the deadlines anew: there will be a new archive."""
        self._ticker.soon()

    def stop(self) -> None:
        """End the thread soon."""
        self._ticker.stop()

    def tick(self) -> float:
        """Do what is due; return the seconds to the next time."""
        current = self._current
        with current.lock:
            archive = self._there()
            seconds = self._asked.deadline(archive)
            if archive is not None and seconds is not None and seconds <= 0:
                if self._asked.is_due(archive):
                    current.roll_quietly(self._asked.reason)
                archive, seconds = current.archive, self._asked.deadline(current.archive)
            waiting = list(current.waiting()) if self._syncs else []
        for ticket in waiting:
            self._sync(*ticket)
        if "open" in self._complaints:
            return TICK
        # A roll that fails now would fail at once again.
        if seconds is None or "roll" in self._complaints:
            return self._longest
        return max(0.0, min(self._longest, seconds))

    def _there(self) -> OpenArchive | None:
        """Return the open archive, also one that is only now opened for what is in doubt."""
        try:
            archive = self._current.there()
        except OSError as error:
            message = f"no archive can be opened for records in doubt: {error}"
            # Each try has a file with a name of its own, which its error tells.
            self._complaints.say("open", message, cause=(type(error), error.errno))
            return None
        self._complaints.over("open")
        return archive

    def _sync(self, archive: OpenArchive, target: int, batch: Batch) -> None:
        try:
            self._current.commit(archive, target, batch)
            self._complaints.over("sync")
        except OSError as error:
            self._complaints.say("sync", f"{archive.path}: {error}")
            with self._current.lock:
                archive.flush_soon()
