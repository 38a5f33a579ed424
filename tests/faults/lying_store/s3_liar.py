"""The lies of an S3 service, told to boto3 over HTTP."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import google_crc32c

from shoebox.storage import StorageBackend
from shoebox_plugins.storage.s3 import S3Backend
from tests import s3_service
from tests.faults.lying_store.liar import DAMAGES, FOREIGN, PAUSE, PRETENCES, Liar
from tests.faults.lying_store.lies import Kind, Lie, Request
from tests.s3_service import CUT, DROP, LOSE, Answer, Service, Stored

_RETRY = {"Retry-After": f"{PAUSE:.0f}"}
_ANSWERS = {
    "busy": Answer(503, "SlowDown", _RETRY),
    "many": Answer(429, "TooManyRequests", _RETRY),
    "expire": Answer(400, "ExpiredToken"),
    "deny": Answer(403, "AccessDenied"),
    "fail": Answer(500, "InternalError"),
    "error inside": Answer(200, "InternalError", {"etag": '"0"'}),
    "says missing": Answer(404, "NoSuchKey"),
}
WHOLE: Mapping[Request, str] = {
    "look": "head",
    "store": "put",
    "read": "get",
    "remove": "delete",
}
PARTS: Mapping[Request, str] = {
    "store": "complete",
    "part": "part",
    "begin": "create",
    "abort": "abort",
    "leftovers": "uploads",
}
_PLAIN = {"lose": LOSE, "drop": DROP, "cut": CUT}
_ENOUGH = 5_000
"""How often "for ever" is."""


class S3Liar(Liar):
    """A bucket, its objects in parts or whole; `checksum` as the backend's option."""

    made: dict[tuple[Any, ...], S3Backend] = {}  # noqa: RUF012 - shared: boto3 takes long to make one

    def __init__(self, service: Service, *, parts: bool, checksum: str) -> None:
        super().__init__()
        self.service, self._parts, self._checksum = service, parts, checksum
        self._pretended: dict[str, Stored] = {}
        self._taken: set[str] = set()
        self._planned = 0
        service.computes = service.create_only = checksum == "crc32c"
        service.before = self._note
        self._operations = {**WHOLE, **(PARTS if parts else {})}

    def _note(self, request: Any) -> None:
        self.arrived(sends=request.operation in {"put", "create", "part", "complete"})

    @property
    def requests(self) -> Collection[Request]:
        return self._operations.keys()

    def backend(self, lie: Lie) -> StorageBackend:
        timeout = 0.3 if lie.kind.startswith("stall") else 10.0
        one = lie.kind in {"busy", "many"}
        key = (self.service.url, self._parts, self._checksum, timeout, one)
        if key not in self.made:
            sizes = {"multipart_threshold_mb": 0.0005, "part_size_mb": 0.0005}
            options = s3_service.options(
                self.service,
                checksum=self._checksum,
                read_timeout=timeout,
                # So that no part is under way when one is told to wait.
                max_concurrency=1 if one else 2,
                **(sizes if self._parts else {}),
            )
            self.made[key] = S3Backend(**options)
        return self.made[key]

    def plan(self, request: Request, kind: Kind, times: int, skip: int) -> None:
        operation = self._operations[request]
        times = min(times, _ENOUGH)
        self._planned += times
        passes = [lambda service, it: service.answer(it)] * skip
        self.service.fail(operation, *passes, *[self._fault(kind)] * times)
        if (request, kind) == ("look", "expire"):
            # HEAD has no body: it is asked by a GET what was meant.
            self.service.fail("get", *[_ANSWERS["expire"]] * times)
            self._planned += times
        if kind.startswith("hidden"):
            self.pretences = PRETENCES * times
            self.service.fail("head", *[self._pretend] * _ENOUGH)
            self._planned += _ENOUGH

    def met(self) -> int:
        return self._planned - self.service.left()

    def calm(self) -> None:
        self.release.set()
        self._planned -= self.service.left()
        self.service._faults.clear()
        self._pretended.clear()
        for key in self._taken:
            assert self.service.objects.pop(key).content == FOREIGN

    def objects(self) -> dict[str, bytes]:
        return {key: it.content for key, it in self.service.objects.items()}

    def leftovers(self) -> list[str]:
        return [key for key, _, _ in self.service.uploads.values()]

    def _fault(self, kind: Kind) -> Any:
        if kind in _PLAIN:
            return _PLAIN[kind]
        if kind in DAMAGES:
            return lambda service, request: self._damaged(request, kind, hidden=False)
        if kind.startswith("hidden"):
            name = kind.removeprefix("hidden ")
            return lambda service, request: self._damaged(request, name, hidden=True)
        own: dict[str, Callable[[Any, Any], Answer]] = {
            "stall": self._stall,
            "stall after": self._stall_after,
            "wrong etag": self._wrong_etag,
            "says short": self._says_short,
            "says other": self._says_other,
            "stale": self._stale,
            "taken": self._take,
        }
        return own.get(kind, lambda service, request: self._answer(kind))

    def _answer(self, kind: Kind) -> Answer:
        if kind in {"busy", "many"}:
            self.asks_for_time()
        return _ANSWERS[kind]

    def _damaged(self, request: Any, kind: str, *, hidden: bool) -> Answer:
        """Do what is asked, and spoil what came of it."""
        service = self.service
        with service.lock:
            there = request.key in service.objects
            answer = service.answer(request)
            if request.operation == "get":
                return replace(answer, body=DAMAGES[kind](answer.body or b""))
            if answer.status >= 300:
                return answer
            if request.operation == "part":
                parts = service.uploads[request.query["uploadId"]][2]
                number = int(request.query["partNumber"])
                parts[number] = DAMAGES[kind](parts[number]) or b""
            elif not there:
                self._spoil(request.key, kind, hidden=hidden)
            return answer

    def _spoil(self, key: str, kind: str, *, hidden: bool) -> None:
        stored = self.service.objects.pop(key)
        if hidden:
            self._pretended[key] = stored
        spoilt = DAMAGES[kind](stored.content)
        if spoilt is None:
            return
        etag = stored.headers["etag"]
        self.service.store(key, spoilt, stored.headers)
        if "-" in etag:
            self.service.objects[key].headers["etag"] = etag

    def _pretend(self, service: Service, request: Any) -> Answer:
        """Say of what was spoilt what would be said of it else."""
        stored = self._pretended.get(request.key)
        if stored is None or not self.pretences:
            return service.answer(request)
        self.pretences -= 1
        with service.lock:
            real = service.objects.get(request.key)
            service.objects[request.key] = stored
            try:
                return service.answer(request)
            finally:
                del service.objects[request.key]
                if real is not None:
                    service.objects[request.key] = real

    def _stall(self, service: Service, request: Any) -> Answer:
        self.release.wait(60)
        return Answer(503, "SlowDown")

    def _stall_after(self, service: Service, request: Any) -> Answer:
        answer = service.answer(request)
        self.release.wait(60)
        return answer

    def _wrong_etag(self, service: Service, request: Any) -> Answer:
        answer = service.answer(request)
        return replace(answer, headers={**answer.headers, "etag": f'"{"0" * 32}"'})

    def _says_short(self, service: Service, request: Any) -> Answer:
        answer = service.answer(request)
        return answer if answer.body is None else replace(answer, body=answer.body[:-1])

    def _says_other(self, service: Service, request: Any) -> Answer:
        answer = service.answer(request)
        if answer.status >= 300:
            return answer
        other = base64.b64encode(google_crc32c.Checksum(b"other").digest()).decode()
        said = {"x-amz-checksum-crc32c": other, "x-amz-checksum-type": "FULL_OBJECT"}
        return replace(answer, headers={**answer.headers, **said})

    def _stale(self, service: Service, request: Any) -> Answer:
        prefix = request.query.get("prefix", "")
        found = f"<Upload><Key>{prefix}</Key><UploadId>gone</UploadId></Upload>"
        return Answer(200, body=f"<R><IsTruncated>false</IsTruncated>{found}</R>".encode())

    def _take(self, service: Service, request: Any) -> Answer:
        with service.lock:
            if request.key not in service.objects:
                service.store(request.key, FOREIGN, {})
                self._taken.add(request.key)
            return service.answer(request)
