"""A backend that has another one fail, at the calls that a test names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, BinaryIO, Literal, Self, TypeVar

from shoebox.digests import digests
from shoebox.errors import StorageDenied, StorageUnavailable
from shoebox.storage import ObjectInfo, StorageBackend, shown

_T = TypeVar("_T")

Method = Literal["put", "get", "open", "stat", "list", "delete"]
Kind = Literal["unavailable", "denied", "lost_reply", "lie", "corrupt", "truncated", "slow"]

_ONLY: Mapping[str, frozenset[str]] = {
    "lie": frozenset({"put", "delete"}),
    "corrupt": frozenset({"put"}),
    "truncated": frozenset({"put"}),
}


@dataclass(frozen=True)
class Fault:
    """What is to happen at the `call`-th call of a method, from 1, or from then on.

    `unavailable` and `denied` raise before anything is done; `lost_reply` does it and raises
    StorageUnavailable; `lie` does nothing and says it did; `corrupt` flips a bit of what
    is stored, `truncated` leaves out its second half; `slow` waits for the `pause` of
    the backend, and then does it.
    """

    method: Method
    kind: Kind
    call: int = 1
    onward: bool = False

    def __post_init__(self) -> None:
        """Refuse what can't be met."""
        if self.call < 1 or self.method not in _ONLY.get(self.kind, {self.method}):
            raise ValueError(f"{self}: there is no such fault")

    def __str__(self) -> str:
        return f"{self.kind} of {self.method} {self.call}"

    def strikes(self, method: str, call: int) -> bool:
        """Tell whether it is met by this call."""
        return method == self.method and (call == self.call or (self.onward and call > self.call))


class FaultyBackend(StorageBackend):
    """Passes everything on to the backend inside, but for the faults.

    `calls` counts the calls of each method. Of several faults of one call the first counts.
    """

    def __init__(
        self,
        backend: StorageBackend,
        faults: Iterable[Fault] = (),
        *,
        pause: Callable[[], object] = lambda: None,
    ) -> None:
        self._backend = backend
        self._faults = tuple(faults)
        self._pause = pause
        self._met: set[Fault] = set()
        self._lock = Lock()
        self.calls: dict[str, int] = {}
        self.checksums = backend.checksums

    @classmethod
    def from_url(cls, bucket: str, /, **options: Any) -> Self:  # noqa: ARG003 - the interface's
        """Raise TypeError: there is no backend to wrap in a URL."""
        raise TypeError(f"{cls.__name__} wraps a backend; build that one for {bucket} first")

    def put(self, key: str, path: Path, metadata: Mapping[str, str] | None = None) -> None:
        """Store the file, or what a fault makes of it."""
        kind = self._met_by("put")
        if kind in _DAMAGES:
            with TemporaryDirectory() as folder:
                self._put_damaged(_DAMAGES[kind], key, Path(path), Path(folder), metadata)
        elif kind != "lie":
            self._do(kind, key, lambda: self._backend.put(key, path, metadata))

    def get(self, key: str, path: Path) -> None:
        """Write the object to a new file."""
        self._do(self._met_by("get"), key, lambda: self._backend.get(key, path))

    def open(self, key: str) -> BinaryIO:
        """Return the object as a file; its reads meet no faults."""
        return self._do(self._met_by("open"), key, lambda: self._backend.open(key))

    def stat(self, key: str) -> ObjectInfo:
        """Return what is known of the object."""
        return self._do(self._met_by("stat"), key, lambda: self._backend.stat(key))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects; a fault is met when the first is asked for."""
        kind = self._met_by("list")
        yield from self._do(kind, prefix, lambda: [*self._backend.list(prefix)])

    def delete(self, key: str) -> None:
        """Remove the object."""
        kind = self._met_by("delete")
        if kind != "lie":
            self._do(kind, key, lambda: self._backend.delete(key))

    def close(self) -> None:
        """Close the backend inside."""
        self._backend.close()

    def assert_all_met(self) -> None:
        """Raise AssertionError with the faults that no call has met."""
        missed = [str(fault) for fault in self._faults if fault not in self._met]
        if missed:
            raise AssertionError(f"never met: {', '.join(missed)}; calls were {self.calls}")

    def _met_by(self, method: Method) -> Kind | None:
        """Count a call; return what is to happen to it."""
        with self._lock:
            call = self.calls[method] = self.calls.get(method, 0) + 1
            fault = next((it for it in self._faults if it.strikes(method, call)), None)
            if fault is None:
                return None
            self._met.add(fault)
        return fault.kind

    def _do(self, kind: Kind | None, what: str, call: Callable[[], _T]) -> _T:
        if kind == "unavailable":
            raise StorageUnavailable(f"{shown(what)}: the service can't be reached; try again")
        if kind == "denied":
            raise StorageDenied(f"{shown(what)}: the service refuses; check the credentials")
        if kind == "slow":
            self._pause()
        result = call()
        if kind == "lost_reply":
            raise StorageUnavailable(f"{shown(what)}: the reply was lost; try again")
        return result

    def _put_damaged(
        self,
        damage: Callable[[bytes], bytes],
        key: str,
        path: Path,
        folder: Path,
        metadata: Mapping[str, str] | None,
    ) -> None:
        """Put a damaged copy, with the digests that fit it, so that the backend takes it."""
        copy = folder / path.name
        copy.write_bytes(damage(path.read_bytes()))
        plain = dict(metadata or {})
        with copy.open("rb") as file:
            plain |= digests(file, self.checksums & plain.keys())
        self._backend.put(key, copy, plain)


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return (
        data[:middle] + bytes(byte ^ 1 for byte in data[middle : middle + 1]) + data[middle + 1 :]
    )


_DAMAGES: Mapping[Kind | None, Callable[[bytes], bytes]] = {
    "corrupt": _flipped,
    "truncated": lambda data: data[: len(data) // 2],
}
