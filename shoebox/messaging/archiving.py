"""Batches of messages into archives: which of them are safe, and which go back to the bus."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from threading import Event
from typing import Protocol

from oslo_messaging.dispatcher import DispatcherBase
from oslo_messaging.notify.dispatcher import PRIORITIES

from shoebox.errors import RecordTypeError, RecordValueError, SpoolTooSmall
from shoebox.escaping import logger
from shoebox.messaging.notification import record
from shoebox.roll_manager import WritingRollManager

_log = logger(__name__)


class Incoming(Hashable, Protocol):
    """A message as a transport hands it over: whatever stood in the queue."""

    ctxt: object
    message: object


class Archiver(DispatcherBase):  # type: ignore[misc] # oslo.messaging has no types
    """Archives each batch of messages, which can be acknowledged when it is synced.

    It takes what oslo.messaging's own dispatcher would drop, as a message of an unknown
    priority, or would give back for ever, as one without. What can't be archived for now is
    returned after `pause` seconds, since the bus delivers it again at once.
    """

    supported_priorities = PRIORITIES
    """The queues that are listened to, each topic's with these words at its end."""

    def __init__(self, writer: WritingRollManager, pause: float) -> None:
        self._writer = writer
        self.pause = pause
        self._hurried = Event()

    def dispatch(self, incoming: Sequence[Incoming]) -> set[Incoming]:
        """Archive and sync; return the messages that are to be given back."""
        left = self._take(incoming)
        try:
            self._writer.sync()
        except Exception as error:  # noqa: BLE001 - it is logged, and nothing is acknowledged
            left = self._failed(incoming, error)
        if left:
            self._hurried.wait(self.pause)
        return left

    def hurry(self) -> None:
        """Pause no longer, now and from now on: the worker ends."""
        self._hurried.set()

    def _take(self, incoming: Sequence[Incoming]) -> set[Incoming]:
        """Write one after the other; return those from the first on that failed."""
        for place, it in enumerate(incoming):
            try:
                self._write(it)
            except Exception as error:  # noqa: BLE001 - as above
                return self._failed(incoming[place:], error)
        return set()

    def _write(self, incoming: Incoming) -> None:
        """Write one message, or refuse it for good, which is logged."""
        found = record(incoming.ctxt, incoming.message)
        try:
            self._writer.write(*found)
        except (RecordTypeError, RecordValueError, SpoolTooSmall) as error:
            name = found[0].get("message_id", "without message_id")
            _log.error(
                "a message (%s, event_type %s) is dropped, since it can't be archived: %s",
                name,
                found[0].get("event_type"),
                error,
            )

    def _failed(self, left: Sequence[Incoming], error: Exception) -> set[Incoming]:
        _log.error(
            "%d messages go back to the bus in %g s, since they can't be archived: %s",
            len(left),
            self.pause,
            error,
        )
        return set(left)
