"""The checks of how a backend is built and used: each catches what it is there for."""

import threading
from pathlib import Path

import pytest

from shoebox.errors import KeyCollision, ObjectNotFound, ShoeboxError
from shoebox.testing import MemoryBackend, use_checks
from shoebox.testing.subject import Failed
from tests.subjects import REFUSALS, subject


class Positional(MemoryBackend):
    def __init__(self, path="", **_):
        super().__init__()


class Intolerant(MemoryBackend):
    def __init__(self, *, path=""):
        super().__init__()


class TakesAnyKey(MemoryBackend):
    def put(self, key, path, metadata=None):
        self.raw_put(key, Path(path).read_bytes())


class HostileIsMissing(MemoryBackend):
    """It would have asked the service."""

    def stat(self, key):
        if key not in self._objects:
            raise ObjectNotFound(key)
        return super().stat(key)


class OneBufferForAll(MemoryBackend):
    """What one thread reads another one stores: as long as both are at it."""

    def __init__(self, **_):
        super().__init__()
        self.meeting = threading.Barrier(use_checks.THREADS)
        self.buffer = b""

    def put(self, key, path, metadata=None):
        self.buffer = Path(path).read_bytes()
        self.meeting.wait()
        super().put(key, path, metadata)
        self.raw_put(key, self.buffer)
        self._objects[key] = self._objects[key].__class__(
            self.buffer, self._objects[key].modified, metadata or {}
        )


class LooksFirst(MemoryBackend):
    """Looks whether the key is free, as every thread does before one has stored."""

    def __init__(self, **_):
        super().__init__()
        self.meeting = threading.Barrier(use_checks.THREADS)

    def put(self, key, path, metadata=None):
        there = self.raw_get(key)
        if there is None:
            self.meeting.wait()
            self.raw_put(key, Path(path).read_bytes())
        elif there != Path(path).read_bytes():
            raise KeyCollision(key)


class RefusesTheSecondPut(MemoryBackend):
    """Whoever comes second is told that the key is taken, although by the same."""

    def put(self, key, path, metadata=None):
        if self.raw_get(key) is not None:
            raise KeyCollision(key)
        super().put(key, path, metadata)


class ClosesOnce(MemoryBackend):
    closed = False

    def close(self):
        if self.closed:
            raise ShoeboxError("closed already")
        self.closed = True


class ForgetsWhenClosed(MemoryBackend):
    def close(self):
        self._objects.clear()


CAUGHT = [
    (use_checks.a_tolerant_constructor, Positional),
    (use_checks.a_tolerant_constructor, Intolerant),
    (use_checks.hostile_keys, TakesAnyKey),
    (use_checks.hostile_keys, HostileIsMissing),
    (use_checks.many_threads, OneBufferForAll),
    (use_checks.many_threads_put_the_same, RefusesTheSecondPut),
    (use_checks.many_threads_put_different, LooksFirst),
    (use_checks.closed_twice, ClosesOnce),
    (use_checks.closed_twice, ForgetsWhenClosed),
]


@pytest.mark.parametrize(("check", "kind"), CAUGHT, ids=lambda it: it.__name__)
def test_a_backend_that_breaks_the_duty_is_caught(check, kind, tmp_path):
    with pytest.raises(REFUSALS):
        check(subject(kind(), tmp_path))


def test_what_a_constructor_takes_by_position_is_named(tmp_path):
    with pytest.raises(Failed, match="Positional takes path by position"):
        use_checks.a_tolerant_constructor(subject(Positional(), tmp_path))
