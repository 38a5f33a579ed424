"""How a backend is built and used: by many threads, with bad keys, and after its end.

A check's docstring says the duty; it returns what was seen, or raises.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from shoebox.errors import InvalidName, KeyCollision, StorageUnavailable
from shoebox.testing.subject import Failed, Subject, constructor_fault, refusing

_T = TypeVar("_T")

THREADS = 8

HOSTILE_KEYS = (
    "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.b", "a\\b", "a\0b", "a b",
    "a\nb", "ä", "a%2fb", "a?b", "a#b", "q" * 256,
)  # fmt: skip


def a_tolerant_constructor(it: Subject) -> str:
    """Its constructor takes keyword arguments only, and tolerates ones it doesn't know."""
    kind = type(it.backend)
    fault = constructor_fault(kind)
    if fault is not None:
        raise Failed(f"{kind.__name__} {fault}")
    return kind.__name__


def hostile_keys(it: Subject) -> str:
    """A key that could lead elsewhere is an InvalidName, whatever is asked of it."""
    source = it.file(b"content")
    for key in HOSTILE_KEYS:
        with refusing(InvalidName, f"put of {key!r}"):
            it.backend.put(key, source)
        with refusing(InvalidName, f"get of {key!r}"):
            it.backend.get(key, it.vacant())
        with refusing(InvalidName, f"open of {key!r}"):
            it.backend.open(key).close()
        with refusing(InvalidName, f"stat of {key!r}"):
            it.backend.stat(key)
        with refusing(InvalidName, f"delete of {key!r}"):
            it.backend.delete(key)
    it.require_keys([])
    return f"{len(HOSTILE_KEYS)} keys"


def many_threads(it: Subject) -> str:
    """Threads that use it at once don't disturb each other."""
    _at_once(lambda number: _use(it, number))
    it.require_keys(sorted(f"thread/{number}" for number in range(THREADS)))
    return f"{THREADS} threads"


def many_threads_put_the_same(it: Subject) -> str:
    """Threads that put the same at once leave one object; who was told to try again can."""
    data = it.content()
    _at_once(lambda _: _stored(it, data, StorageUnavailable))
    it.put("key", data)
    it.require("key", data, f"after puts of the same by {THREADS} threads")
    it.require_keys(["key"])
    return f"{THREADS} threads, one object"


def many_threads_put_different(it: Subject) -> str:
    """Of threads that put different content under one key at once, one at most succeeds."""
    refusals = KeyCollision, StorageUnavailable
    stored = _at_once(lambda number: _stored(it, it.content(number), *refusals))
    winners = [number for number, won in enumerate(stored) if won]
    if len(winners) > 1:
        raise Failed(f"{len(winners)} of {THREADS} puts of different content succeeded")
    for number in winners:
        it.require("key", it.content(number), "after a put that succeeded")
    return f"{len(winners)} of {THREADS} succeeded"


def closed_twice(it: Subject) -> str:
    """It can be closed twice."""
    it.put("key", b"content")
    it.backend.close()
    it.backend.close()
    it.require("key", b"content", "after the backend was closed")
    return "what was put is there"


def _use(it: Subject, number: int) -> None:
    """Put, stat, read, get and list as one of many."""
    key, data = f"thread/{number}", it.content(number)
    it.put(key, data, {"number": str(number)})
    info = it.backend.stat(key)
    if (info.size, info.metadata.get("number")) != (len(data), str(number)):
        raise Failed(f"stat of thread {number} gives {info}")
    with it.backend.open(key) as file:
        if file.read() != data:
            raise Failed(f"thread {number} reads something else than it has put")
    target = it.vacant()
    it.backend.get(key, target)
    if target.read_bytes() != data:
        raise Failed(f"thread {number} gets something else than it has put")
    for _ in it.backend.list("thread/"):
        pass
    it.require(key, data, f"after a put by thread {number}")


def _stored(it: Subject, data: bytes, *refusals: type[Exception]) -> bool:
    """Put, and tell whether that succeeded, or was refused as it may be."""
    try:
        it.put("key", data)
    except refusals:
        return False
    return True


def _at_once(call: Callable[[int], _T]) -> list[_T]:
    """Make the call in as many threads, which start together, each with its number."""
    barrier = Barrier(THREADS)

    def started(number: int) -> _T:
        barrier.wait()
        return call(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(started, range(THREADS)))
