"""What a check is given of the backend that it looks at, and how it says what it saw."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from threading import Event
from time import monotonic

from shoebox.errors import StorageError
from shoebox.storage import StorageBackend, shown

_AGAIN = 0.1
"""Seconds until a list that lags behind is asked for again."""


class Failed(AssertionError):
    """What a check saw is not what a backend's duties say."""


@dataclass(frozen=True)
class Subject:
    """A backend over something empty, and what bypasses it.

    `raw_put` and `raw_get` (None for what is not there) reach the same objects by another
    way, so that what the backend gets wrong in both directions is seen. Files are made in
    `folder`. The objects have `size` bytes, `many` of them are more than a page of a list,
    and a list may be `lag` seconds behind. `leftovers` names what is there of uploads
    that have failed.
    """

    backend: StorageBackend
    folder: Path
    raw_put: Callable[[str, bytes], None]
    raw_get: Callable[[str], bytes | None]
    size: int = 300_007
    many: int = 25
    lag: float = 0.0
    leftovers: Callable[[], Collection[str]] = tuple

    def content(self, seed: int = 0) -> bytes:
        """Return `size` bytes, others for each seed."""
        return content(self.size, seed)

    def file(self, data: bytes) -> Path:
        """Return a new file with this content."""
        path = self.vacant()
        path.write_bytes(data)
        return path

    def vacant(self) -> Path:
        """Return a path in a new folder that holds nothing."""
        return Path(mkdtemp(dir=self.folder)) / "file"

    def put(self, key: str, data: bytes, metadata: dict[str, str] | None = None) -> None:
        """Put a new file with this content through the backend."""
        self.backend.put(key, self.file(data), metadata)

    def require(self, key: str, data: bytes, what: str) -> None:
        """Raise Failed if other content than this is stored under the key, or none."""
        found = self.raw_get(key)
        if found != data:
            raise Failed(
                f"{what}: at {shown(key)} {_described(found)}; expected: {_described(data)}"
            )

    def require_nothing(self, key: str, what: str) -> None:
        """Raise Failed if there is an object under the key, or anything of an upload."""
        found = self.raw_get(key)
        if found is not None:
            raise Failed(f"{what}: at {shown(key)} {_described(found)}")
        left = sorted(self.leftovers())
        if left:
            raise Failed(f"{what}: of the upload {', '.join(map(shown, left))} is left")

    def require_keys(self, expected: list[str], prefix: str = "") -> None:
        """Raise Failed if a list gives other keys than these, in whatever order it is."""
        end = monotonic() + self.lag
        while (found := [info.key for info in self.backend.list(prefix)]) != expected:
            if monotonic() >= end:
                raise Failed(f"a list of {shown(prefix)} gives {_differing(found, expected)}")
            Event().wait(_AGAIN)


@contextmanager
def refusing(expected: type[Exception] | tuple[type[Exception], ...], what: str) -> Iterator[None]:
    """Raise Failed unless the block raises what is expected."""
    kinds = expected if isinstance(expected, tuple) else (expected,)
    wanted = " or ".join(kind.__name__ for kind in kinds)
    try:
        yield
    except kinds:
        return
    except Exception as error:
        raise Failed(f"{what}: {seen(error)}, not {wanted}") from error
    raise Failed(f"{what}: nothing was raised, not {wanted}")


@contextmanager
def refusing_the_file(what: str) -> Iterator[None]:
    """Raise Failed unless the block raises OSError, and none of storage's."""
    try:
        yield
    except StorageError as error:
        raise Failed(f"{what}: {seen(error)}, not the OSError of the local file") from error
    except OSError:
        return
    except Exception as error:
        raise Failed(f"{what}: {seen(error)}, not OSError") from error
    raise Failed(f"{what}: nothing was raised, not OSError")


def seen(error: Exception) -> str:
    """Return an error's class and message on one line."""
    return f"{type(error).__name__}: {shown(str(error))}"


def content(size: int, seed: int = 0) -> bytes:
    """Return so many bytes that don't repeat themselves, others for each seed."""
    return hashlib.shake_128(str(seed).encode()).digest(size)


def constructor_fault(kind: type[object]) -> str | None:
    """Return what is wrong with the constructor of a plugin, None if nothing is."""
    parameters = inspect.signature(kind).parameters.values()
    positional = [it.name for it in parameters if it.kind not in {it.KEYWORD_ONLY, it.VAR_KEYWORD}]
    if positional:
        return f"takes {', '.join(positional)} by position: keyword arguments only, please"
    if not any(it.kind is it.VAR_KEYWORD for it in parameters):
        return "does not tolerate keyword arguments that it doesn't know: add **_"
    return None


def _described(data: bytes | None) -> str:
    if data is None:
        return "is nothing"
    return (
        f"is an object of {len(data)} bytes with SHA-256 {hashlib.sha256(data).hexdigest()[:12]}…"
    )


def _differing(found: list[str], expected: list[str]) -> str:
    """Say where two lists of keys differ."""
    missing = sorted(set(expected) - set(found))
    surplus = sorted(set(found) - set(expected))
    if missing or surplus:
        return f"{len(found)} keys: without {shown(str(missing))}, and with {shown(str(surplus))}"
    return f"the right keys, but repeated or not sorted: {shown(str(found))}"
