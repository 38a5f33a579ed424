"""What goes wrong in the background, and goes on doing so."""

from __future__ import annotations

import logging

from shoebox.escaping import logger


class Complaints:
    """What goes wrong: logged once, at ERROR, for as long as it stays the same."""

    def __init__(self, log: logging.Logger | None = None) -> None:
        self._log = logger(__name__) if log is None else log
        self._said: dict[str, object] = {}

    def say(self, topic: str, message: str, *, cause: object = None) -> None:
        """Log a message, unless it was the last on its topic.

        Messages of the same `cause` are the same, however they differ.
        """
        said = message if cause is None else cause
        if self._said.get(topic) != said:
            self._said[topic] = said
            self._log.error("%s", message)

    def over(self, topic: str) -> None:
        """Hear that a topic is no trouble any more."""
        self._said.pop(topic, None)

    def __contains__(self, topic: str) -> bool:
        return topic in self._said
