"""What a backend raises when the service refuses, and when there is none.

A check's docstring says the duty; it returns what was seen, or raises.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from shoebox.errors import StorageDenied, StorageUnavailable
from shoebox.testing.subject import Failed, Subject, refusing, seen

CONTENT = b"content"


def a_put_is_denied(it: Subject) -> str:
    """A put that the service refuses is StorageDenied, and nothing is stored."""
    with refusing(StorageDenied, "put"):
        it.put("new", it.content())
    it.require_nothing("new", "after a put that was denied")
    return "StorageDenied, and nothing is stored"


def a_delete_is_denied(it: Subject) -> str:
    """A delete that the service refuses is StorageDenied, and takes nothing away."""
    it.raw_put("key", CONTENT)
    with refusing(StorageDenied, "delete"):
        it.backend.delete("key")
    it.require("key", CONTENT, "after a delete that was denied")
    return "StorageDenied, the object stays"


def a_read_is_denied_or_right(it: Subject) -> str:
    """A read that the service refuses is StorageDenied, and leaves no file."""
    it.raw_put("key", CONTENT)
    target = it.vacant()
    allowed = [name for name, read in _reads(it, target).items() if _is_allowed(name, read)]
    if "get" not in allowed and list(target.parent.iterdir()):
        raise Failed("a get that was denied leaves a file")
    return f"allowed: {', '.join(allowed)}" if allowed else "StorageDenied"


def everything_is_unavailable(it: Subject) -> str:
    """A service that can't be reached is StorageUnavailable, whatever is asked of it."""
    target = it.vacant()
    source = it.file(CONTENT)
    calls: dict[str, Callable[[], object]] = {
        "put": lambda: it.backend.put("key", source),
        "get": lambda: it.backend.get("key", target),
        "open": lambda: _read(it),
        "stat": lambda: it.backend.stat("key"),
        "list": lambda: sum(1 for _ in it.backend.list()),
        "delete": lambda: it.backend.delete("key"),
    }
    for name, call in calls.items():
        with refusing(StorageUnavailable, name):
            call()
    if list(target.parent.iterdir()):
        raise Failed("a get from a service that can't be reached leaves a file")
    it.backend.close()
    return f"StorageUnavailable from {', '.join(calls)}"


def _reads(it: Subject, target: Path) -> dict[str, Callable[[], object]]:
    """Return the calls that read, each of which returns what it has read of the content."""
    return {
        "get": lambda: (it.backend.get("key", target), target.read_bytes())[1],
        "open": lambda: _read(it),
        "stat": lambda: CONTENT[: it.backend.stat("key").size],
        "list": lambda: CONTENT[: next(it.backend.list("key")).size],
    }


def _is_allowed(name: str, read: Callable[[], object]) -> bool:
    """Tell whether the service lets it be read; raise Failed if it is neither denied nor right."""
    try:
        found = read()
    except StorageDenied:
        return False
    except Exception as error:
        raise Failed(f"{name}: {seen(error)}, not StorageDenied") from error
    if found != CONTENT:
        raise Failed(f"{name}: gives {found!r:.60} instead of {CONTENT!r}")
    return True


def _read(it: Subject) -> bytes:
    with it.backend.open("key") as file:
        return file.read()
