"""A backend that waits and tries again while the one inside is unavailable."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self, TypeVar, cast

from shoebox.backoff import BASE, pause
from shoebox.errors import StorageUnavailable
from shoebox.escaping import logger
from shoebox.storage import ObjectInfo, StorageBackend, shown

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_log = logger(__name__)
_T = TypeVar("_T")

LONGEST = 3600.0
"""Seconds that a service may ask to be left alone for; it is not waited less than that."""

UNAVAILABLE = (ConnectionError, TimeoutError)
"""StorageUnavailable, and what a backend may let through to the same effect."""

Wait = Callable[[float, StorageUnavailable], bool]
"""Wait for so many seconds because of this; True says to give up."""


class RetryingBackend(StorageBackend):
    """Retries StorageUnavailable for as long as `wait` allows; everything else is final.

    Another ConnectionError or TimeoutError of the backend's counts, and is raised, as one.
    `tries` is the number of times that a call is made at most, None for no limit. The waits
    grow until a call succeeds, whichever it is.
    """

    def __init__(
        self,
        backend: StorageBackend,
        wait: Wait,
        *,
        tries: int | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._backend = backend
        self.checksums = backend.checksums
        self._wait = wait
        self._tries = tries
        self._jitter = jitter
        self._failures = 0
        """Calls that failed in a row."""

    @classmethod
    def from_url(cls, bucket: str, /, **options: Any) -> Self:  # noqa: ARG003 (the interface's)
        """Raise TypeError: there is no backend to wrap in a URL."""
        raise TypeError(f"{cls.__name__} wraps a backend; build that one for {bucket} first")

    def put(self, key: str, path: Path, metadata: Mapping[str, str] | None = None) -> None:
        """Store the file; a try whose reply was lost and the next one leave one object."""
        self.retry(f"put {key}", lambda: self._backend.put(key, path, metadata))

    def get(self, key: str, path: Path) -> None:
        """Write the object to a new file."""
        self.retry(f"get {key}", lambda: self._backend.get(key, path))

    def open(self, key: str) -> BinaryIO:
        """Return the object as a file whose reads are retried too."""
        return cast("BinaryIO", _RetryingFile(self._backend, key, self.retry))

    def stat(self, key: str) -> ObjectInfo:
        """Return what is known of the object."""
        return self.retry(f"stat {key}", lambda: self._backend.stat(key))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects, all in memory: a list that breaks off is begun again."""
        yield from self.retry(f"list {prefix}", lambda: [*self._backend.list(prefix)])

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
                made = _made(call)
            except StorageUnavailable as error:
                tries += 1
                if self._tries is not None and tries >= self._tries:
                    raise
                seconds = self._seconds(error)
                _log.warning("%s: %s; trying again in %.1f s", what, error, seconds)
                if self._wait(seconds, error):
                    raise
            else:
                self._failures = 0
                return made

    def _seconds(self, error: StorageUnavailable) -> float:
        self._failures += 1
        if error.retry_after is not None and error.retry_after > 0:
            # It knows better than a guess, which may be minutes after a long outage.
            return max(min(LONGEST, error.retry_after), self._jitter() * BASE)
        return pause(self._failures - 1, self._jitter)


def _made(call: Callable[[], _T]) -> _T:
    """Return what the call returns; raise what it should have raised of `UNAVAILABLE`."""
    try:
        return call()
    except StorageUnavailable:
        raise
    except UNAVAILABLE as error:
        what = f"{type(error).__name__}: {shown(str(error))}"
        raise StorageUnavailable(f"{what}; try again") from error


class _Retry(Protocol):
    def __call__(self, what: str, call: Callable[[], _T]) -> _T: ...


class _RetryingFile(io.RawIOBase):
    """An object's file that is read again from where it was when a read has failed."""

    def __init__(self, backend: StorageBackend, key: str, retry: _Retry) -> None:
        super().__init__()
        self._retry = retry
        self._what = f"read {key}"
        self._file = retry(f"open {key}", lambda: backend.open(key))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int | None = -1, /) -> bytes:
        at = self._file.tell()
        return self._retry(self._what, lambda: self._read(at, size))

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def _read(self, at: int, size: int | None) -> bytes:
        self._file.seek(at)
        return self._file.read(-1 if size is None else size)
