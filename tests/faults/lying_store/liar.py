"""A store that lies: what the harness asks of each service, and the clock that it waits by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from threading import Event

from shoebox.storage import StorageBackend
from shoebox.waking import Flag
from tests.faults.lying_store.lies import Kind, Lie, Request

PAUSE = 7.0
"""Seconds for which a service that is busy asks to be left alone."""

PRETENCES = 6
"""How often HEAD lies of what has been stored wrong once."""

FOREIGN = b"of somebody else"

DAMAGES: Mapping[str, Callable[[bytes], bytes | None]] = {
    "nothing": lambda content: None,
    "flip": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "halve": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
}


class Clock(Flag):
    """Waits for no time at all, and says how late it would be."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.is_set()


class Liar(ABC):
    """A service, the truth of what it has, and its lies."""

    def __init__(self) -> None:
        self.clock = Clock()
        """That of the shipper that asks it now."""
        self.release = Event()
        """Set when what is stalled may end."""
        self.wait_until = 0.0
        self.hasty: list[float] = []
        """By how many seconds requests came too early."""
        self.asked = 0
        self.pretences = 0
        """How often HEAD will say yet what it would say were something not damaged."""

    def tell(self, lie: Lie, skip: int = 0) -> None:
        """Lie so, after so many requests that would have been met."""
        for request in lie.requests:
            if request in self.requests:
                self.plan(request, lie.kind, lie.times, skip)

    def arrived(self, *, sends: bool) -> None:
        """Take down a request; one that sends something may come too early."""
        self.asked += 1
        if sends and self.clock.now < self.wait_until:
            self.hasty.append(self.wait_until - self.clock.now)

    def asks_for_time(self) -> None:
        """Take down that requests are unwelcome for a while."""
        self.wait_until = self.clock.now + PAUSE

    @property
    @abstractmethod
    def requests(self) -> Collection[Request]:
        """Return those that it has."""

    @abstractmethod
    def backend(self, lie: Lie) -> StorageBackend:
        """Return the library's own backend for it."""

    @abstractmethod
    def plan(self, request: Request, kind: Kind, times: int, skip: int) -> None:
        """Have the next such requests met by this."""

    @abstractmethod
    def met(self) -> int:
        """Return how many requests have met a lie."""

    @abstractmethod
    def calm(self) -> None:
        """Tell the truth from now on, and let go what others have stored."""

    @abstractmethod
    def objects(self) -> dict[str, bytes]:
        """Return what is stored, by key."""

    @abstractmethod
    def leftovers(self) -> list[str]:
        """Return what is there of uploads, and belongs to no object."""
