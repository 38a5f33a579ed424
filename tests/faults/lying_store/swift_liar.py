"""The lies of a Swift, told to python-swiftclient over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from shoebox.storage import StorageBackend
from shoebox_plugins.storage.swift import SwiftBackend
from tests.faults.lying_store.liar import DAMAGES, FOREIGN, PAUSE, PRETENCES, Liar
from tests.faults.lying_store.lies import FOR_EVER, Kind, Lie, Request
from tests.swift_server import ACCOUNT, CONTAINER, SEGMENTS, Fault, Stored, SwiftServer, md5

_OBJECT = f"{ACCOUNT}/{CONTAINER}/"
_RETRY = {"Retry-After": f"{PAUSE:.0f}"}
WHOLE: Mapping[Request, str] = {
    "look": f"HEAD {_OBJECT}",
    "store": f"PUT {_OBJECT}",
    "read": f"GET {_OBJECT}",
    "remove": f"DELETE {_OBJECT}",
    "login": "GET /auth|POST /v3",
}
PARTS: Mapping[Request, str] = {
    "part": f"PUT {ACCOUNT}/{SEGMENTS}/",
    "abort": f"DELETE {ACCOUNT}/{SEGMENTS}/",
    "leftovers": rf"GET {ACCOUNT}/{SEGMENTS}\?",
}
_STATES = {"busy": 503, "many": 429, "deny": 403, "fail": 500, "says missing": 404}


class SwiftLiar(Liar):
    """A container, its objects in segments or whole; `version` as the backend's auth_version."""

    def __init__(self, server: SwiftServer, *, parts: bool, version: str) -> None:
        super().__init__()
        self.server, self._parts, self._version = server, parts, version
        self._pretended: dict[str, Stored] = {}
        self._taken: set[str] = set()
        self._planned: list[tuple[Fault, int]] = []
        server.before = lambda line: self.arrived(sends=line.startswith("PUT"))
        self._lines = {**WHOLE, **(PARTS if parts else {})}

    @property
    def requests(self) -> Collection[Request]:
        return self._lines.keys()

    def backend(self, lie: Lie) -> StorageBackend:
        options = {
            "segment_size_mb": 0.0005 if self._parts else 100.0,
            "timeout": 0.3 if lie.kind.startswith("stall") else 10.0,
            # So that no segment is under way when one is told to wait.
            "max_concurrency": 1 if lie.kind in {"busy", "many"} else 2,
        }
        build = self.server.v3_options if self._version == "3" else self.server.options
        return SwiftBackend(**build(**options))

    def plan(self, request: Request, kind: Kind, times: int, skip: int) -> None:
        match = self._lines[request]
        fault = Fault(match, times=times, skip=skip, **self._fault(kind))
        self._add(fault)
        if kind.startswith("hidden"):
            self.pretences = min(times * PRETENCES, FOR_EVER)
            self._add(Fault(WHOLE["look"], times=FOR_EVER, instead=self._pretend))

    def met(self) -> int:
        return sum(times - fault.times for fault, times in self._planned)

    def calm(self) -> None:
        self.release.set()
        self.server.faults.clear()
        self._pretended.clear()
        for name in self._taken:
            assert self.server.objects.pop(name).content == FOREIGN

    def objects(self) -> dict[str, bytes]:
        return {
            name.removeprefix(f"{CONTAINER}/"): it.content
            for name, it in self.server.objects.items()
            if name.startswith(f"{CONTAINER}/")
        }

    def leftovers(self) -> list[str]:
        used = {part["name"][1:] for it in self.server.objects.values() for part in it.parts}
        return [it for it in self.server.objects if it.startswith(SEGMENTS) and it not in used]

    def _add(self, fault: Fault) -> None:
        self._planned.append((fault, fault.times))
        self.server.faults.append(fault)

    def _fault(self, kind: Kind) -> dict[str, Any]:
        if kind == "lose":
            return {"lost": True}
        if kind == "cut":
            return {"cut": True}
        if kind == "expire":
            return {"call": self.server.tokens.clear}
        if kind in _STATES:
            return self._answer(kind)
        return {"instead": self._instead(kind)}

    def _answer(self, kind: Kind) -> dict[str, Any]:
        busy = kind in {"busy", "many"}
        return {
            "status": _STATES[kind],
            "headers": _RETRY if busy else {},
            "call": self.asks_for_time if busy else lambda: None,
        }

    def _instead(self, kind: Kind) -> Callable[[Any], None]:
        if kind in DAMAGES:
            return lambda handler: self._damaged(handler, kind, hidden=False)
        if kind.startswith("hidden"):
            name = kind.removeprefix("hidden ")
            return lambda handler: self._damaged(handler, name, hidden=True)
        own: dict[str, Callable[[Any], None]] = {
            "drop": self._drop,
            "stall": self._stall,
            "stall after": self._stall_after,
            "error inside": self._error_inside,
            "wrong etag": lambda handler: self._saying(handler, ETag="0" * 32),
            "says short": self._says_short,
            "says other": lambda handler: self._saying(handler, ETag=md5(b"other")),
            "stale": self._stale,
            "taken": self._take,
        }
        return own[kind]

    def _drop(self, handler: Any) -> None:
        handler.close_connection = True

    def _stall(self, handler: Any) -> None:
        self.release.wait(60)
        handler.close_connection = True

    def _stall_after(self, handler: Any) -> None:
        handler.lost = True
        handler.do()
        self.release.wait(60)

    def _saying(self, handler: Any, **headers: str) -> None:
        handler.changed = headers
        handler.do()

    def _error_inside(self, handler: Any) -> None:
        body = b"Response Status: 400 Bad Request\nErrors:\n/x, 404 Not Found\n"
        handler.answer(200, body)

    def _says_short(self, handler: Any) -> None:
        stored = self.server.objects.get(_name(handler))
        handler.changed = {} if stored is None else {"Content-Length": str(len(stored.content) - 1)}
        handler.do()

    def _damaged(self, handler: Any, kind: str, *, hidden: bool) -> None:
        """Do what is asked, and spoil what came of it."""
        name, objects = _name(handler), self.server.objects
        if handler.command == "GET":
            stored = objects[name]
            content = DAMAGES[kind](stored.content) or b""
            return handler.answer(200, content, **stored.headers)
        with self.server.lock:
            there = name in objects
            handler.do()
            if name not in objects or there:
                return None
            stored = objects.pop(name)
            if hidden:
                self._pretended[name] = stored
            spoilt = DAMAGES[kind](stored.content)
            if spoilt is None:
                return None
            headers = (
                {**stored.headers} if stored.parts else {**stored.headers, "ETag": md5(spoilt)}
            )
            objects[name] = Stored(spoilt, headers, stored.parts)
            return None

    def _pretend(self, handler: Any) -> None:
        """Say of what was spoilt what would be said of it else."""
        name, objects = _name(handler), self.server.objects
        with self.server.lock:
            real = objects.get(name)
            if name not in self._pretended or not self.pretences:
                return handler.do()
            self.pretences -= 1
            objects[name] = self._pretended[name]
            try:
                return handler.do()
            finally:
                del objects[name]
                if real is not None:
                    objects[name] = real

    def _stale(self, handler: Any) -> None:
        """Leave out every other one, and name one that was removed long ago."""
        prefix, marker = handler.query.get("prefix", ""), handler.query.get("marker", "")
        gone = f"{prefix}{'0' * 32}/00000000-{'0' * 32}"
        names = [it.removeprefix(f"{SEGMENTS}/") for it in self.server.objects]
        found = sorted(it for it in names if it.startswith(prefix))[::2]
        entries = [
            {"name": it, "bytes": 1, "last_modified": "2026-11-22T01:02:03.5"}
            for it in sorted({gone, *found})
            if it > marker
        ]
        handler.answer(200, json.dumps(entries).encode(), Content_Type="application/json")

    def _take(self, handler: Any) -> None:
        name = _name(handler)
        with self.server.lock:
            if name not in self.server.objects:
                headers = {"ETag": md5(FOREIGN), "Last-Modified": "Sun, 22 Nov 2026 01:02:03 GMT"}
                self.server.containers.setdefault(CONTAINER, handler.headers)
                self.server.objects[name] = Stored(FOREIGN, headers)
                self._taken.add(name)
            handler.do()


def _name(handler: Any) -> str:
    return str(handler.path_asked).removeprefix(f"{ACCOUNT}/")
