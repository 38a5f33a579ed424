"""A small S3 service in this process: it keeps objects, checks checksums, and fails on request."""

import base64
import hashlib
import itertools
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import google_crc32c

BUCKET = "box"
_KEPT = ("x-amz-meta-", "x-amz-server-side", "x-amz-storage", "x-amz-tagging", "content-encoding")


@dataclass(frozen=True)
class Answer:
    """What is answered in place of doing what was asked."""

    status: int
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    region: str = ""

    @property
    def content(self):
        if self.body is not None:
            return self.body
        region = f"<Region>{self.region}</Region>" if self.region else ""
        return f"<Error><Code>{self.code}</Code><Message>m</Message>{region}</Error>".encode()


DROP = "the connection is closed before anything was done"
LOSE = "what was asked is done, and the connection closed without an answer"
SHORT = "half of the content comes, and then the connection is closed"
CUT = "half of what is sent is read, and then the connection is closed"
CORRUPT = "the content comes with its first bit flipped"


@dataclass(frozen=True)
class Request:
    """A request that came."""

    operation: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Stored:
    content: bytes
    headers: dict[str, str]


class Service:
    """Objects by key, uploads by id, requests as they came."""

    def __init__(self):
        self.url = ""
        self.forget()

    def forget(self):
        """Begin anew, with nothing in it and no faults."""
        self.objects: dict[str, Stored] = {}
        self.uploads: dict[str, tuple[str, dict[str, str], dict[int, bytes]]] = {}
        self.requests: list[Request] = []
        self.page = 1000
        self.create_only = True
        self.computes = True
        """Whether it computes the checksums of 2022."""
        self.before: Any = None
        """Called with each request before it is answered."""
        self._faults: dict[str, list[Any]] = {}
        self._ids = itertools.count(1)
        self.lock = threading.RLock()

    def fail(self, operation, *faults):
        """Answer the next requests of this operation so; a callable gives what is answered."""
        self._faults.setdefault(operation, []).extend(faults)

    def fault(self, operation):
        queue = self._faults.get(operation)
        return queue.pop(0) if queue else None

    def left(self):
        """Return how many faults no request has met yet."""
        return sum(map(len, self._faults.values()))

    @property
    def operations(self):
        return [request.operation for request in self.requests]

    def asked(self, operation):
        """Return the requests of this operation."""
        return [request for request in self.requests if request.operation == operation]

    def store(self, key, content, headers):
        checksum = base64.b64encode(google_crc32c.Checksum(content).digest()).decode()
        kept = {name: value for name, value in headers.items() if name.startswith(_KEPT)}
        given = {"x-amz-checksum-crc32c": checksum, "x-amz-checksum-type": "FULL_OBJECT"}
        given = given if self.computes else {}
        etag = {"etag": f'"{hashlib.md5(content).hexdigest()}"'}  # noqa: S324 - S3's
        self.objects[key] = Stored(content, kept | etag | given)

    def answer(self, request):
        """Do what is asked; return status, headers and content."""
        with self.lock:
            return getattr(self, f"_{request.operation}")(request)

    def _refusal(self, request):
        """Return why a checksum or condition of a request is not met."""
        headers = request.headers
        crc32c, md5 = headers.get("x-amz-checksum-crc32c"), headers.get("content-md5")
        if md5 and base64.b64decode(md5) != hashlib.md5(request.body).digest():  # noqa: S324
            return Answer(400, "BadDigest")
        if crc32c and base64.b64decode(crc32c) != google_crc32c.Checksum(request.body).digest():
            return Answer(400, "BadDigest")
        return None

    def _is_taken(self, request):
        wanted = request.headers.get("if-none-match") == "*" and self.create_only
        return wanted and request.key in self.objects

    def _put(self, request):
        if refusal := self._refusal(request):
            return refusal
        if self._is_taken(request):
            return Answer(412, "PreconditionFailed")
        self.store(request.key, request.body, request.headers)
        return Answer(200, headers={"etag": self.objects[request.key].headers["etag"]}, body=b"")

    def _create(self, request):
        name = f"upload-{next(self._ids)}"
        self.uploads[name] = (request.key, request.headers, {})
        body = f"<R><Key>{request.key}</Key><UploadId>{name}</UploadId></R>"
        return Answer(200, body=body.encode())

    def _part(self, request):
        if request.query["uploadId"] not in self.uploads:
            return Answer(404, "NoSuchUpload")
        if refusal := self._refusal(request):
            return refusal
        _, _, parts = self.uploads[request.query["uploadId"]]
        parts[int(request.query["partNumber"])] = request.body
        etag = hashlib.md5(request.body).hexdigest()  # noqa: S324 - S3's
        return Answer(200, headers={"etag": f'"{etag}"'}, body=b"")

    def _complete(self, request):
        if request.query["uploadId"] not in self.uploads:
            return Answer(404, "NoSuchUpload")
        if self._is_taken(request):
            return Answer(412, "PreconditionFailed")
        key, headers, parts = self.uploads.pop(request.query["uploadId"])
        self.store(key, b"".join(parts[number] for number in sorted(parts)), headers)
        self.objects[key].headers["etag"] = f'"{"0" * 32}-{len(parts)}"'
        return Answer(200, body=f"<R><Key>{key}</Key><ETag>x</ETag></R>".encode())

    def _abort(self, request):
        if self.uploads.pop(request.query["uploadId"], None) is None:
            return Answer(404, "NoSuchUpload")
        return Answer(204, body=b"")

    def _uploads(self, request):
        found = "".join(
            f"<Upload><Key>{key}</Key><UploadId>{name}</UploadId></Upload>"
            for name, (key, _, _) in self.uploads.items()
            if key.startswith(request.query.get("prefix", ""))
        )
        return Answer(200, body=f"<R><IsTruncated>false</IsTruncated>{found}</R>".encode())

    def _list(self, request):
        prefix, after = request.query.get("prefix", ""), request.query.get("continuation-token", "")
        # As a service that keeps folders: all of a folder before what sorts behind its name.
        keys = sorted((it for it in self.objects if it.startswith(prefix)), key=_in_folders)
        start = keys.index(after) if after else 0
        page = keys[start : start + self.page]
        more = keys[start + self.page : start + self.page + 1]
        token = f"<NextContinuationToken>{more[0]}</NextContinuationToken>" if more else ""
        contents = "".join(
            f"<Contents><Key>{escape(quote(key))}</Key><Size>{len(self.objects[key].content)}"
            "</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key in page
        )
        return Answer(
            200,
            body=f"<R><EncodingType>url</EncodingType><IsTruncated>{str(bool(more)).lower()}"
            f"</IsTruncated>{token}{contents}</R>".encode(),
        )

    def _get(self, request):
        stored = self.objects.get(request.key)
        if stored is None:
            return Answer(404, "NoSuchKey")
        if request.headers.get("if-match", stored.headers["etag"]) != stored.headers["etag"]:
            return Answer(412, "PreconditionFailed")
        headers = {**stored.headers, "last-modified": formatdate(0, usegmt=True)}
        if match := re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", "")):
            start, end = int(match[1]), int(match[2]) + 1
            return Answer(206, headers=headers, body=stored.content[start:end])
        return Answer(200, headers=headers, body=stored.content)

    _head = _get

    def _delete(self, request):
        self.objects.pop(request.key, None)
        return Answer(204, body=b"")


def _in_folders(key):
    return key.split("/")


def _operation(method, query):
    if method == "PUT":
        return "part" if "partNumber" in query else "put"
    if method == "POST":
        return "create" if "uploads" in query else "complete"
    if method == "DELETE":
        return "abort" if "uploadId" in query else "delete"
    if method == "GET":
        return "list" if "list-type" in query else "uploads" if "uploads" in query else "get"
    return "head"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def log_message(self, *arguments):
        """Say nothing."""

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except ConnectionError:  # a client that gave up
            self.close_connection = True

    def _handle(self):
        parts = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = int(headers.get("content-length", 0))
        fault = self.service.fault(_operation(self.command, query))
        body = self.rfile.read(length // 2 if fault == CUT else length)
        if len(body) < length:
            self.close_connection = True
            return
        key = unquote(parts.path).removeprefix(f"/{BUCKET}").removeprefix("/")
        request = Request(_operation(self.command, query), key, query, headers, body)
        self.service.requests.append(request)
        if self.service.before is not None:
            self.service.before(request)
        self._answer(request, fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 - http.server's names

    def _answer(self, request, fault):
        if fault == DROP:
            self.close_connection = True
            return
        answer = fault(self.service, request) if callable(fault) else fault
        if not isinstance(answer, Answer):
            answer = self.service.answer(request)
        content = answer.content
        if fault == LOSE:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in {"x-amz-request-id": "1", **answer.headers}.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault == CORRUPT:
            content = bytes([content[0] ^ 1]) + content[1:]
        if fault == SHORT:
            content = content[: len(content) // 2]
            self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def running():
    """Run a service on a port of its own; it has one bucket."""
    service = Service()
    handler = type("Handler", (_Handler,), {"service": service})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        service.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


def options(service, **more):
    """Return the options of a backend that talks to the service."""
    return {
        "bucket": BUCKET,
        "endpoint_url": service.url,
        "region_name": "us-east-1",
        "aws_access_key_id": "AKIDEXAMPLE",
        "aws_secret_access_key": "very-secret",
        "addressing_style": "path",
        "read_timeout": 5.0,
        **more,
    }
