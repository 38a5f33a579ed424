"""A small Swift with auth v1 and a Keystone, in this process, that fails as a test says."""

import hashlib
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

USER = "test:tester"
PASSWORD = "pass-4711-word"  # noqa: S105 - that of a test
ACCOUNT = "/v1/AUTH_test"
CONTAINER = "audit"
SEGMENTS = "audit_segments"


@dataclass
class Stored:
    """An object; `parts` are the names of a manifest's segments."""

    content: bytes
    headers: Mapping[str, str]
    parts: list[dict] = field(default_factory=list)


@dataclass
class Fault:
    """What happens to requests that match, `times` of them.

    With a `status` it is the answer, and the request is not done. Else the request is done, and
    its answer is lost, or has other headers.
    """

    match: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    lost: bool = False
    cut: bool = False
    """Half of what is sent is read, and then the connection is closed."""
    instead: Callable[["_Handler"], None] | None = None
    """Does what is done in place of it all."""
    skip: int = 0
    """How many requests that match it leaves alone first."""
    times: int = 1
    call: Callable[[], None] = lambda: None
    """Called first."""


class SwiftServer(ThreadingHTTPServer):
    """Keeps objects by `container/name`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.auth_url = f"{self.url}/auth/v1.0"
        self.containers: dict[str, Message] = {}
        self.objects: dict[str, Stored] = {}
        self.tokens: set[str] = set()
        self.given: list[str] = []
        """Every token that was ever given."""
        self.faults: list[Fault] = []
        self.log: list[str] = []
        """METHOD PATH?QUERY of each request."""
        self.sent: list[Message] = []
        """The headers of each request."""
        self.regions = ["Earth", "Moon"]
        self.before: Callable[[str], None] = lambda line: None
        """Called with the line of each request before it is answered."""
        self.lock = threading.RLock()

    def options(self, **others) -> dict:
        """Return a backend's options, for auth version 1."""
        return {
            "container": CONTAINER,
            "auth_url": self.auth_url,
            "username": USER,
            "password": PASSWORD,
            "timeout": 10.0,
            "create_container": True,
            **others,
        }

    def v3_options(self, **others) -> dict:
        """Return a backend's options, for Keystone."""
        keystone = {"auth_url": self.url, "project_name": "demo", "region_name": "Moon"}
        return self.options(**{**keystone, **others})

    def fail(self, match: str, **options) -> None:
        """Have the next request whose line matches fail."""
        self.faults.append(Fault(match, **options))

    def asked(self, match: str) -> list[str]:
        """Return the requests so far that match."""
        return [line for line in self.log if re.search(match, line)]


@contextmanager
def serving() -> Iterator[SwiftServer]:
    """Serve until the end of the block."""
    with SwiftServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def md5(content: bytes) -> str:
    """Return the MD5 as an ETag has it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet, which nobody waits for
    server: SwiftServer

    def log_message(self, *arguments):
        """Say nothing."""

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except ConnectionError:  # a client that gave up
            self.close_connection = True

    def do_any(self):
        url = urlsplit(self.path)
        self.query = dict(parse_qsl(url.query, keep_blank_values=True))
        self.path_asked = unquote(url.path)
        length = int(self.headers.get("Content-Length") or 0)
        fault = self._fault()
        self.content = self.rfile.read(length // 2 if fault and fault.cut else length)
        if len(self.content) < length:
            self.close_connection = True
            return
        self.server.log.append(f"{self.command} {self.path}")
        self.server.sent.append(self.headers)
        self.server.before(self.server.log[-1])
        self.changed = {} if fault is None else fault.headers
        self.lost = fault is not None and fault.lost
        if fault is not None:
            fault.call()
        if fault is not None and fault.instead is not None:
            fault.instead(self)
        elif fault is not None and fault.status:
            self.answer(fault.status, fault.body)
        else:
            self.do()

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = do_any  # noqa: N815 - the library's names

    def _fault(self):
        with self.server.lock:
            for fault in self.server.faults:
                if fault.times and re.search(fault.match, f"{self.command} {self.path}"):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        if self.lost:
            self.close_connection = True
            return
        self.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"Content-Length": str(len(body)), **named, **self.changed}
        for name, value in named.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do(self) -> None:
        """Do what is asked, and answer."""
        path = self.path_asked
        if path == "/auth/v1.0":
            self._login()
        elif path == "/v3/auth/tokens":
            self._keystone()
        elif self.headers.get("X-Auth-Token") not in self.server.tokens:
            self.answer(401, b"<html><h1>Unauthorized</h1></html>")
        else:
            name = path.removeprefix(f"{ACCOUNT}/")
            kind = "object" if "/" in name else "container"
            with self.server.lock:
                getattr(self, f"_{self.command.lower()}_{kind}")(name)

    def _token(self) -> str:
        token = f"AUTH_tk{secrets.token_hex(16)}"
        self.server.tokens.add(token)
        self.server.given.append(token)
        return token

    def _login(self) -> None:
        if (self.headers["X-Auth-User"], self.headers["X-Auth-Key"]) != (USER, PASSWORD):
            return self.answer(401)
        url = self.server.url + ACCOUNT
        return self.answer(200, X_Storage_Url=url, X_Auth_Token=self._token())

    def _keystone(self) -> None:
        if PASSWORD not in self.content.decode():
            error = {"error": {"message": "The request requires authentication.", "code": 401}}
            return self.answer(401, json.dumps(error).encode(), Content_Type="application/json")
        endpoints = [
            {"id": region, "interface": "public", "region_id": region, "region": region}
            | {"url": self.server.url + ACCOUNT}
            for region in self.server.regions
        ]
        catalog = [{"id": "s", "name": "swift", "type": "object-store", "endpoints": endpoints}]
        token = {"catalog": catalog, "expires_at": "2999-01-01T00:00:00.000000Z", "methods": []}
        return self.answer(
            201,
            json.dumps({"token": token | {"issued_at": "2026-01-01T00:00:00.000000Z"}}).encode(),
            Content_Type="application/json",
            X_Subject_Token=self._token(),
        )

    def _head_container(self, name: str) -> None:
        self.answer(204 if name in self.server.containers else 404)

    def _put_container(self, name: str) -> None:
        self.server.containers.setdefault(name, self.headers)
        self.answer(201)

    def _get_container(self, name: str) -> None:
        if name not in self.server.containers:
            return self.answer(404)
        prefix, marker = self.query.get("prefix", ""), self.query.get("marker", "")
        names = sorted(it.removeprefix(f"{name}/") for it in self.server.objects)
        entries = [
            {"name": it, "bytes": len(stored.content), "last_modified": "2026-11-22T01:02:03.5"}
            for it in names
            if (stored := self.server.objects.get(f"{name}/{it}"))
            if it.startswith(prefix) and it > marker
        ]
        page = entries[: int(self.query.get("limit", "10000"))]
        return self.answer(200, json.dumps(page).encode(), Content_Type="application/json")

    def _put_object(self, name: str) -> None:
        if name.partition("/")[0] not in self.server.containers:
            return self.answer(404)
        if self.headers.get("If-None-Match") == "*" and name in self.server.objects:
            return self.answer(412)
        if "multipart-manifest" in self.query:
            return self._put_manifest(name)
        etag = md5(self.content)
        if self.headers.get("ETag", etag) != etag:
            return self.answer(422)
        self.server.objects[name] = Stored(self.content, self._kept({"ETag": etag}))
        return self.answer(201, ETag=etag)

    def _put_manifest(self, name: str) -> None:
        parts = json.loads(self.content)
        faults = [f"{it['path']}, {why}" for it in parts if (why := self._fault_of(it))]
        if faults:
            return self.answer(400, f"Errors:\n{faults[0]}\n".encode())
        etag = md5("".join(it["etag"] for it in parts).encode())
        content = b"".join(self.server.objects[it["path"][1:]].content for it in parts)
        headers = self._kept({"ETag": f'"{etag}"', "X-Static-Large-Object": "True"})
        named = [{"name": it["path"]} for it in parts]
        self.server.objects[name] = Stored(content, headers, named)
        return self.answer(201, ETag=f'"{etag}"')

    def _fault_of(self, part: dict) -> str:
        """Return what is wrong with a segment that a manifest names."""
        stored = self.server.objects.get(part["path"][1:])
        if stored is None:
            return "404 Not Found"
        if len(stored.content) != part["size_bytes"]:
            return "Size Mismatch"
        return "" if stored.headers["ETag"] == part["etag"] else "Etag Mismatch"

    def _kept(self, more: Mapping[str, str]) -> dict[str, str]:
        meta = {k: v for k, v in self.headers.items() if k.lower().startswith("x-object-meta-")}
        return {**meta, **more, "Last-Modified": formatdate(1_790_000_000, usegmt=True)}

    def _get_object(self, name: str) -> None:
        stored = self.server.objects.get(name)
        if stored is None:
            return self.answer(404)
        if self.query.get("multipart-manifest") == "get" and stored.parts:
            return self.answer(200, json.dumps(stored.parts).encode(), **stored.headers)
        etag = stored.headers["ETag"].strip('"')
        if self.headers.get("If-Match", etag).strip('"') != etag:
            return self.answer(412)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked is None:
            return self.answer(200, stored.content, **stored.headers)
        first, last = map(int, asked.groups())
        content_range = f"bytes {first}-{last}/{len(stored.content)}"
        part = stored.content[first : last + 1]
        return self.answer(206, part, **stored.headers, Content_Range=content_range)

    _head_object = _get_object

    def _delete_object(self, name: str) -> None:
        self.answer(204 if self.server.objects.pop(name, None) else 404)
