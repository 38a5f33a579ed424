"""Uploading in parts, all or nothing."""

import base64
import hashlib
import os
import signal
import threading

import google_crc32c
import pytest

from shoebox.errors import KeyCollision, StorageRejected, StorageUnavailable
from shoebox_plugins.storage.s3 import S3Backend
from shoebox_plugins.storage.s3 import multipart as module
from tests import s3_service
from tests.s3_service import DROP, LOSE, Answer

PART = 1 << 16
CONTENT = os.urandom(5 * PART + 3)


@pytest.fixture(scope="module")
def server():
    with s3_service.running() as service:
        yield service


@pytest.fixture
def service(server):
    server.forget()
    return server


# One client for all tests here: to make one takes boto3 longer than a test.
@pytest.fixture(scope="module", params=["crc32c", "md5"])
def made(server, request):
    limits = {"multipart_threshold_mb": 0.0625, "part_size_mb": 0.0625, "max_concurrency": 3}
    options = s3_service.options(server, checksum=request.param, **limits)
    with S3Backend(**options, prefix="pre") as backend:
        yield backend


@pytest.fixture
def backend(made, service):
    return made


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


def digest(kind, content=CONTENT):
    if kind == "md5":
        return hashlib.md5(content).hexdigest()  # noqa: S324 - S3's
    return google_crc32c.Checksum(content).digest().hex()


def test_the_parts_make_the_object(backend, service, source):
    [kind] = backend.checksums
    backend.put("a", source, {kind: digest(kind), "k": "v"})
    assert service.objects["pre/a"].content == CONTENT
    assert backend.stat("a").metadata == {kind: digest(kind), "k": "v"}
    assert len(service.asked("part")) == 6
    assert service.uploads == {}
    assert not any("content-encoding" in request.headers for request in service.requests)


def test_what_is_said_of_the_whole(backend, service, source):
    backend.put("a", source)
    [create], [complete] = service.asked("create"), service.asked("complete")
    assert complete.headers["if-none-match"] == "*"
    names = {*create.headers, *complete.headers, *service.asked("part")[0].headers}
    if backend.checksums == {"md5"}:
        assert not {name for name in names if name.startswith("x-amz-checksum")}
    else:
        assert create.headers["x-amz-checksum-algorithm"] == "CRC32C"
        assert create.headers["x-amz-checksum-type"] == "FULL_OBJECT"
        assert complete.headers["x-amz-checksum-type"] == "FULL_OBJECT"
        assert complete.headers["x-amz-mp-object-size"] == str(len(CONTENT))
        assert bytes.fromhex(digest("crc32c")) == base64.b64decode(
            complete.headers["x-amz-checksum-crc32c"]
        )


def test_parts_go_beside_each_other(backend, service, source):
    barrier = threading.Barrier(3, timeout=10)
    service.before = lambda request: request.operation == "part" and barrier.wait()
    backend.put("a", source)
    assert service.objects["pre/a"].content == CONTENT


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ("part", DROP),
        ("part", LOSE),
        ("part", Answer(500, "InternalError")),
        ("part", Answer(400, "BadDigest")),
        ("part", Answer(404, "NoSuchUpload")),
        ("complete", DROP),
        ("complete", Answer(500, "InternalError")),
        ("complete", Answer(200, "InternalError")),
        ("complete", Answer(200, body=b"<R><Ke")),
        ("complete", Answer(200, body=b" \n ")),
        ("complete", Answer(200, body=b"")),
        ("complete", Answer(404, "NoSuchUpload")),
        ("complete", Answer(409, "ConditionalRequestConflict")),
        ("complete", Answer(400, "InvalidPart")),
    ],
)
def test_whatever_fails_leaves_neither_object_nor_upload(
    backend, service, source, operation, fault
):
    service.fail(operation, fault)
    with pytest.raises(StorageUnavailable):
        backend.put("a", source)
    assert (service.objects, service.uploads) == ({}, {})
    backend.put("a", source)
    assert service.objects["pre/a"].content == CONTENT


def test_a_lost_answer_to_the_last_request_is_found_out_by_the_next_put(backend, service, source):
    service.fail("complete", LOSE)
    with pytest.raises(StorageUnavailable):
        backend.put("a", source)
    backend.put("a", source)
    assert len(service.asked("complete")) == 1


def test_an_upload_that_can_not_be_aborted_is_named_and_the_next_put_does_it(
    backend, service, source, caplog
):
    service.fail("part", DROP)
    service.fail("abort", DROP)
    with pytest.raises(StorageUnavailable):
        backend.put("a", source)
    assert len(service.uploads) == 1
    assert "can't be aborted" in caplog.text
    backend.put("a", source)
    assert service.uploads == {}


def test_nothing_is_sent_while_what_was_left_can_not_be_aborted(backend, service, source):
    """Once there is an object nobody would look for it any more."""
    service.uploads["left"] = ("pre/a", {}, {1: b"part"})
    service.fail("abort", Answer(503, "SlowDown"))
    with pytest.raises(StorageUnavailable):
        backend.put("a", source)
    assert service.objects == {}
    backend.put("a", source)
    assert service.uploads == {}


def test_who_may_not_abort_what_was_left_uploads_all_the_same(backend, service, source):
    service.uploads["left"] = ("pre/a", {}, {1: b"part"})
    service.fail("abort", Answer(403, "AccessDenied"))
    backend.put("a", source)
    assert service.objects["pre/a"].content == CONTENT


def test_only_what_was_left_of_this_very_key_is_aborted(backend, service, source):
    for number, key in enumerate(["pre/a", "pre/ab", "pre/a", "a", "pre/a/b"]):
        service.uploads[str(number)] = (key, {}, {1: b"part"})
    backend.put("a", source)
    assert [key for key, _, _ in service.uploads.values()] == ["pre/ab", "a", "pre/a/b"]


def test_who_may_not_look_for_leftovers_uploads_all_the_same(backend, service, source):
    service.fail("uploads", Answer(403, "AccessDenied"))
    backend.put("a", source)
    assert "pre/a" in service.objects


@pytest.mark.parametrize("same", [True, False])
def test_a_key_that_is_taken_meanwhile_is_compared(backend, service, source, same):
    service.fail("head", Answer(404))
    service.store("pre/a", CONTENT if same else CONTENT[::-1], {})
    if backend.checksums == {"md5"}:
        service.objects["pre/a"].headers["etag"] = '"parts-2"'
    if same:
        backend.put("a", source)
    else:
        with pytest.raises(KeyCollision):
            backend.put("a", source)
    assert service.uploads == {}
    assert service.objects["pre/a"].content == (CONTENT if same else CONTENT[::-1])


def test_a_file_that_is_not_what_its_digest_says_is_rejected(backend, service, source):
    """By us: there are services that don't compare the checksum of the whole."""
    [kind] = backend.checksums
    with pytest.raises(StorageRejected, match="look at the file"):
        backend.put("a", source, {kind: digest(kind, b"what it was")})
    assert (service.objects, service.uploads) == ({}, {})


@pytest.mark.parametrize("operation", ["create", "part"])
@pytest.mark.parametrize("size", [0, 2 * PART, len(CONTENT) + 1])
def test_a_file_that_changes_meanwhile_is_not_stored(backend, service, source, operation, size):
    def change(request):
        if request.operation == operation:
            os.truncate(source, size)

    service.before = change
    with pytest.raises(StorageUnavailable, match=f"changed from {len(CONTENT)}"):
        backend.put("a", source)
    assert (service.objects, service.uploads) == ({}, {})


def test_an_interrupt_aborts_the_upload(backend, service, source):
    def interrupt(request):
        if request.operation == "part" and request.query["partNumber"] == "1":
            os.kill(os.getpid(), signal.SIGINT)

    service.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        backend.put("a", source)
    assert (service.objects, service.uploads) == ({}, {})
    for thread in [it for it in threading.enumerate() if it.name.startswith("part of")]:
        # One that the interrupt came before it was known; it sends nothing.
        thread.join(10)
        assert not thread.is_alive()


def test_an_interrupt_before_all_threads_are_known_sends_nothing(
    backend, service, source, monkeypatch
):
    class Interrupted(threading.Thread):
        def start(self):
            super().start()
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "Thread", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        backend.put("a", source)
    assert service.asked("part") == []
    assert (service.objects, service.uploads) == ({}, {})


def test_parts_grow_so_that_there_are_not_too_many(backend, service, source, monkeypatch):
    monkeypatch.setattr(module, "MOST_PARTS", 4)
    backend.put("a", source)
    assert len(service.asked("part")) == 4
    assert service.objects["pre/a"].content == CONTENT


def test_a_process_that_ends_starts_no_threads_and_is_told_so(
    backend, service, source, monkeypatch
):
    class Refusing(threading.Thread):
        def start(self):
            raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(module, "Thread", Refusing)
    with pytest.raises(StorageUnavailable, match="no thread"):
        backend.put("a", source)
    assert service.uploads == {}
