"""A backend that waits and tries again while the one inside is unavailable."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeVar

from shoebox.errors import StorageUnavailable
from shoebox.storage import ObjectInfo, StorageBackend

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

BASE = 0.5
CAP = 300.0
"""Seconds: before try n + 1 it waits random(0, min(CAP, BASE * 2**n)), so that many
clients don't come back at once (full jitter)."""
LONGEST = 3600.0
"""Seconds that a service may ask to be left alone for; it is not waited less than that."""

Wait = Callable[[float, StorageUnavailable], bool]
"""Wait for so many seconds because of this; True says to give up."""


class RetryingBackend(StorageBackend):
    """Retries StorageUnavailable for as long as `wait` allows; everything else is final."""

    def __init__(
        self, backend: StorageBackend, wait: Wait, *, jitter: Callable[[], float] = random.random
    ) -> None:
        self._backend = backend
        self._wait = wait
        self._jitter = jitter

    @classmethod
    def from_url(cls, bucket: str, **options: Any) -> Self:  # noqa: ARG003 (the interface's)
        """Raise TypeError: there is no backend to wrap in a URL."""
        raise TypeError(f"{cls.__name__} wraps a backend; build that one for {bucket} first")

    def put(self, key: str, path: Path, metadata: Mapping[str, str] | None = None) -> None:
        """Store the file; a try whose reply was lost and the next one leave one object."""
        self.retry(f"put {key}", lambda: self._backend.put(key, path, metadata))

    def get(self, key: str, path: Path) -> None:
        """Write the object to a new file."""
        self.retry(f"get {key}", lambda: self._backend.get(key, path))

    def open(self, key: str) -> BinaryIO:
        """Return the object as a file; its reads are not retried."""
        return self.retry(f"open {key}", lambda: self._backend.open(key))

    def stat(self, key: str) -> ObjectInfo:
        """Return what is known of the object."""
        return self.retry(f"stat {key}", lambda: self._backend.stat(key))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects; not retried, since some may have been given already."""
        return self._backend.list(prefix)

    def delete(self, key: str) -> None:
        """Remove the object."""
        self.retry(f"delete {key}", lambda: self._backend.delete(key))

    def close(self) -> None:
        """Close the backend inside."""
        self._backend.close()

    def retry(self, what: str, call: Callable[[], _T]) -> _T:
        """Return what the call returns, made again for as long as the service is unavailable."""
        tries = 0
        while True:
            try:
                return call()
            except StorageUnavailable as error:
                seconds = self._seconds(tries, error)
                _log.warning("%s: %s; trying again in %.1f s", what, error, seconds)
                if self._wait(seconds, error):
                    raise
            tries += 1

    def _seconds(self, tries: int, error: StorageUnavailable) -> float:
        seconds = self._jitter() * min(CAP, BASE * 2.0 ** min(tries, 30))
        asked = 0.0 if error.retry_after is None else min(LONGEST, error.retry_after)
        return max(seconds, asked)
