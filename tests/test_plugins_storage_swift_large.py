"""Large objects: segments and their manifest, and what a put that fails leaves of them."""

import os
import re
import threading

import pytest

from shoebox.errors import (
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageError,
    StorageRejected,
    StorageUnavailable,
)
from shoebox_plugins.storage.swift import SwiftBackend
from shoebox_plugins.storage.swift import body as body_module
from shoebox_plugins.storage.swift import large as large_module
from shoebox_plugins.storage.swift.account import Account
from shoebox_plugins.storage.swift.large import LargeObjects
from tests.swift_server import CONTAINER, SEGMENTS, Stored, md5, serving

SIZE = 1024
CONTENT = b"".join(bytes([number]) * SIZE for number in range(3)) + b"end"
SEGMENT = re.compile(rf"{SEGMENTS}/{CONTAINER}/a/[0-9a-f]{{32}}/0000000[0-3]-[0-9a-f]{{32}}")
MANIFEST = "PUT .*multipart-manifest=put"


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def backend(server):
    with SwiftBackend(**server.options(segment_size_mb=SIZE / 2**20)) as backend:
        yield backend


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


def segments(server):
    return sorted(name for name in server.objects if name.startswith(f"{SEGMENTS}/"))


def test_a_file_over_the_segment_size_is_put_in_segments(server, backend, source, tmp_path):
    backend.put("a", source, {"archive": "7"})
    assert len(segments(server)) == 4
    assert all(SEGMENT.fullmatch(name) for name in segments(server))
    info = backend.stat("a")
    assert (info.size, info.checksums) == (len(CONTENT), {"md5": md5(CONTENT)})
    assert info.metadata == {"archive": "7"}
    backend.get("a", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == CONTENT
    assert backend.open("a").read() == CONTENT
    assert [it.key for it in backend.list()] == ["a"]


def test_each_segment_carries_its_md5_and_its_length(server, backend, source):
    backend.put("a", source)
    sent = [
        headers
        for line, headers in zip(server.log, server.sent, strict=True)
        if line.startswith(f"PUT /v1/AUTH_test/{SEGMENTS}/")
    ]
    assert {it["ETag"] for it in sent} == {
        md5(CONTENT[start : start + SIZE]) for start in range(0, len(CONTENT), SIZE)
    }
    assert all("Transfer-Encoding" not in it for it in sent)


def test_a_file_of_just_the_segment_size_is_one_object(server, backend, source):
    source.write_bytes(CONTENT[:SIZE])
    backend.put("a", source)
    assert list(server.objects) == [f"{CONTAINER}/a"]


def test_segments_expire_with_the_object(server, source):
    options = server.options(segment_size_mb=SIZE / 2**20, delete_after=77)
    with SwiftBackend(**options) as backend:
        backend.put("a", source)
    puts = [
        headers.get("X-Delete-After")
        for line, headers in zip(server.log, server.sent, strict=True)
        if re.match("PUT .*/audit/a", line)
    ]
    assert puts == ["77"] * 5


def test_the_same_again_is_no_second_upload(server, backend, source):
    backend.put("a", source)
    puts = len(server.asked("PUT"))
    backend.put("a", source)
    assert len(server.asked("PUT")) == puts
    assert len(segments(server)) == 4


def test_other_content_is_a_collision_that_leaves_all_as_it_is(server, backend, source, tmp_path):
    backend.put("a", source)
    before = dict(server.objects)
    (tmp_path / "other").write_bytes(CONTENT[::-1])
    with pytest.raises(KeyCollision):
        backend.put("a", tmp_path / "other")
    assert server.objects == before


def test_an_object_in_other_segments_is_equal_if_its_bytes_are(server, backend, source):
    backend.put("a", source)
    with SwiftBackend(**server.options(segment_size_mb=2 * SIZE / 2**20)) as other:
        other.put("a", source)
    with SwiftBackend(**server.options()) as other:
        other.put("a", source)
    assert len(segments(server)) == 4


def test_a_strangers_large_object_is_read_to_compare_it(server, backend, source):
    """Whose MD5 nobody has noted."""
    backend.put("a", source)
    stored = server.objects[f"{CONTAINER}/a"]
    kept = {k: v for k, v in stored.headers.items() if not k.lower().startswith("x-object-meta")}
    server.objects[f"{CONTAINER}/a"] = Stored(stored.content, kept, stored.parts)
    assert backend.stat("a").checksums == {}
    backend.put("a", source)
    source.write_bytes(CONTENT[::-1])
    with pytest.raises(KeyCollision):
        backend.put("a", source)


@pytest.mark.parametrize("status", [403, 413, 422, 500, 503])
@pytest.mark.parametrize("number", [0, 2, 3])
def test_a_segment_that_fails_leaves_none(server, backend, source, status, number):
    server.fail(f"PUT .*/0000000{number}-", status=status)
    with pytest.raises(StorageError):
        backend.put("a", source)
    assert server.objects == {}
    backend.put("a", source)
    assert len(segments(server)) == 4


def test_a_token_that_expires_in_the_middle_ends_the_put(server, backend, source):
    server.fail("PUT .*/00000002-", call=server.tokens.clear)
    with pytest.raises(StorageUnavailable, match="expired") as caught:
        backend.put("a", source)
    assert caught.value.retry_after == 0.0
    backend.put("a", source)
    assert len(segments(server)) == 4


@pytest.mark.parametrize("status", [400, 403, 413])
def test_a_manifest_that_is_refused_leaves_no_segment(server, backend, source, status):
    server.fail(MANIFEST, status=status)
    with pytest.raises((StorageDenied, StorageRejected)):
        backend.put("a", source)
    assert server.objects == {}


def test_a_segment_that_swift_does_not_see_is_sent_again_later(server, backend, source):
    def lose():
        del server.objects[segments(server)[1]]

    server.fail(MANIFEST, call=lose)
    with pytest.raises(StorageUnavailable, match="404 Not Found"):
        backend.put("a", source)
    assert server.objects == {}


@pytest.mark.parametrize("fault", [{"lost": True}, {"status": 503}])
def test_a_manifest_that_may_have_been_stored_keeps_its_segments(server, backend, source, fault):
    """Without them it would be an object that can't be read."""
    server.fail(MANIFEST, **fault)
    with pytest.raises(StorageUnavailable):
        backend.put("a", source)
    assert len(segments(server)) == 4
    backend.put("a", source)
    assert len(segments(server)) == 4
    assert backend.open("a").read() == CONTENT


@pytest.mark.parametrize("asked", ["HEAD .*/a$", "GET .*multipart-manifest=get"])
def test_segments_stay_where_their_object_is_said_to_be_gone(server, backend, source, asked):
    """It was there a moment ago: a service that lags says so of what it has."""
    server.fail(MANIFEST, lost=True)
    with pytest.raises(StorageUnavailable):
        backend.put("a", source)
    if asked.startswith("HEAD"):
        server.fail(asked, skip=1, status=404)
    else:
        server.fail(asked, status=404)
    with pytest.raises(StorageUnavailable, match="gone; try again"):
        backend.put("a", source)
    assert backend.open("a").read() == CONTENT
    backend.put("a", source)
    assert backend.open("a").read() == CONTENT


def test_what_is_sent_and_refused_is_removed_and_no_segment_of_an_earlier_try(
    server, backend, source
):
    """The earlier one was stored after all, and HEAD has not heard of it yet."""
    server.fail(MANIFEST, lost=True)
    with pytest.raises(StorageUnavailable):
        backend.put("a", source)
    server.fail("HEAD .*/a$", status=404, times=2)
    with pytest.raises(StorageUnavailable):
        backend.put("a", source)
    assert backend.open("a").read() == CONTENT
    assert len(segments(server)) == 4


def test_an_answer_with_another_etag_is_no_success(server, backend, source):
    server.fail(MANIFEST, headers={"ETag": md5(b"other")})
    with pytest.raises(StorageUnavailable, match="ETag"):
        backend.put("a", source)
    backend.put("a", source)


def test_a_file_that_the_given_md5_is_not_of_leaves_nothing(server, backend, source):
    with pytest.raises(StorageUnavailable, match="MD5"):
        backend.put("a", source, {"md5": md5(b"other")})
    assert server.objects == {}
    assert server.asked(MANIFEST) == []


def test_a_file_that_is_cut_meanwhile_leaves_nothing(server, source):
    """Before its second segment is read, which one worker does after the first has arrived."""
    server.fail("PUT .*/00000000-", call=lambda: os.truncate(source, SIZE + 5))
    options = server.options(segment_size_mb=SIZE / 2**20, max_concurrency=1)
    with SwiftBackend(**options) as backend, pytest.raises(StorageUnavailable):
        backend.put("a", source)
    assert server.objects == {}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interruption_leaves_nothing(server, backend, source, monkeypatch, kind):
    stored = threading.Event()
    server.fail("PUT .*/00000001-", call=stored.set)
    update = body_module.Body.read

    def read(self, size=-1):
        if self._at == 3 * SIZE and self._stop is None:
            stored.wait(10)
            raise kind
        return update(self, size)

    monkeypatch.setattr(body_module.Body, "read", read)
    with pytest.raises(kind):
        backend.put("a", source)
    assert server.objects == {}


@pytest.mark.parametrize("other", [CONTENT, b"short"])
def test_whoever_was_faster_keeps_what_it_has(server, backend, source, tmp_path, other):
    """The segments of the slower put are removed, those of the faster one are not."""
    (tmp_path / "other").write_bytes(other)
    with SwiftBackend(**server.options(segment_size_mb=SIZE / 2**20)) as faster:
        server.fail("PUT .*/00000003-", call=lambda: faster.put("a", tmp_path / "other"))
        if other == CONTENT:
            backend.put("a", source)
        else:
            with pytest.raises(KeyCollision):
                backend.put("a", source)
    assert backend.open("a").read() == other
    assert len(segments(server)) == (4 if other == CONTENT else 0)


def test_what_a_killed_put_has_left_is_removed_by_the_next(server, backend, source):
    """And nothing else that begins alike."""
    folder = f"{SEGMENTS}/{CONTAINER}"
    left = f"{folder}/a/{'0' * 32}/00000000-{'0' * 32}"
    others = (
        f"{folder}/a/{'0' * 32}/{'0' * 32}/00000000-{'0' * 32}",
        f"{folder}/a/b/{'0' * 32}/00000000-{'0' * 32}",
        f"{folder}/a/readme",
        f"{SEGMENTS}/other/a/{'0' * 32}/00000000-{'0' * 32}",
    )
    for again in range(2):
        for name in (left, *others):
            server.objects[name] = Stored(b"x", {"ETag": "x"})
        backend.put("a", source)
        assert left not in server.objects, again
        assert set(others) < server.objects.keys()
        assert backend.open("a").read() == CONTENT


def test_what_can_not_be_removed_is_logged_and_the_put_is_done(server, backend, source, caplog):
    server.containers[SEGMENTS] = {}
    server.objects[f"{SEGMENTS}/{CONTAINER}/a/{'0' * 32}/00000000-{'0' * 32}"] = Stored(b"x", {})
    server.fail("DELETE", status=403)
    backend.put("a", source)
    assert "segments of a that nothing uses are left" in caplog.text


def test_a_failure_that_leaves_segments_says_so(server, backend, source, caplog):
    server.fail("PUT .*/00000003-", status=403)
    server.fail("DELETE", status=503)
    with pytest.raises(StorageDenied):
        backend.put("a", source)
    assert "segments of a that nothing uses are left" in caplog.text


def test_a_delete_takes_the_segments_too(server, backend, source):
    backend.put("a", source)
    del server.objects[segments(server)[0]]
    server.fail(rf"DELETE .*/{CONTAINER}/a$", status=503)
    with pytest.raises(StorageUnavailable):
        backend.delete("a")
    backend.delete("a")
    assert server.objects == {}
    with pytest.raises(ObjectNotFound):
        backend.delete("a")


def test_a_manifest_that_can_not_be_read_is_unavailable(server, backend, source):
    backend.put("a", source)
    server.fail("GET .*multipart-manifest=get", status=200, body=b"nonsense")
    with pytest.raises(StorageUnavailable, match="manifest"):
        backend.delete("a")
    assert len(segments(server)) == 4


def test_a_container_for_segments_that_is_missing_is_named(server, source):
    server.containers[CONTAINER] = {}
    options = server.options(create_container=False, segment_size_mb=SIZE / 2**20)
    with SwiftBackend(**options) as backend, pytest.raises(StorageDenied, match=SEGMENTS):
        backend.put("a", source)


def test_few_segments_are_sent_at_once(server, source):
    most, now, lock = [0], [0], threading.Lock()
    put = Account.put

    def counting(self, *arguments, **options):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        try:
            return put(self, *arguments, **options)
        finally:
            with lock:
                now[0] -= 1

    options = server.options(segment_size_mb=100 / 2**20, max_concurrency=2)
    with pytest.MonkeyPatch.context() as patch, SwiftBackend(**options) as backend:
        patch.setattr(Account, "put", counting)
        backend.put("a", source)
    assert most[0] <= 2
    assert len(segments(server)) == 31


def test_an_object_that_is_not_there_has_nothing_to_be_told_of(server, backend):
    assert isinstance(backend._large, LargeObjects)
    with pytest.raises(ObjectNotFound):
        backend._large.segments("gone")


@pytest.mark.parametrize("workers", [1, 4])
def test_a_service_that_is_busy_is_sent_no_more_and_its_wish_is_told(
    server, source, monkeypatch, workers
):
    """Although the other segments are waiting for their turn; their failures are not told."""
    waiting, real = threading.Event(), large_module.cut

    def cut(*arguments):
        yield from real(*arguments)
        waiting.set()

    monkeypatch.setattr(large_module, "cut", cut)
    busy = {"status": 503, "headers": {"Retry-After": "7"}}
    server.fail(f"PUT .*/{SEGMENTS}/", call=lambda: waiting.wait(30), times=workers, **busy)
    source.write_bytes(bytes(SIZE) * 40)
    options = {"segment_size_mb": SIZE / 2**20, "max_concurrency": workers}
    with (
        SwiftBackend(**server.options(**options)) as backend,
        pytest.raises(StorageUnavailable, match="503") as caught,
    ):
        backend.put("a", source)
    assert caught.value.retry_after == 7.0
    assert len(server.asked(f"PUT .*/{SEGMENTS}/")) <= workers
