"""The Swift backend's duties, against a small server that fails as it is told to."""

import logging

import pytest

from shoebox.errors import (
    ConfigError,
    InvalidName,
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.retrying import RetryingBackend
from shoebox_plugins.storage.swift import SwiftBackend
from tests.swift_server import CONTAINER, PASSWORD, USER, Stored, md5, serving

CONTENT = b"0123456789" * 1000


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def backend(server):
    with SwiftBackend(**server.options()) as backend:
        yield backend


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def other(tmp_path):
    path = tmp_path / "other"
    path.write_bytes(CONTENT[::-1])
    return path


def stored(server, content=CONTENT, name=f"{CONTAINER}/a"):
    server.containers[CONTAINER] = {}
    headers = {"ETag": md5(content), "Last-Modified": "Sun, 22 Nov 2026 01:02:03 GMT"}
    server.objects[name] = Stored(content, headers)


def sent(server, match):
    lines = zip(server.log, server.sent, strict=True)
    return next(headers for line, headers in lines if match in line)


@pytest.mark.parametrize("content", [b"", b"\0", CONTENT])
def test_what_was_put_is_there(backend, source, tmp_path, content):
    source.write_bytes(content)
    backend.put("x/a", source, {"archive": "7", "odd": '100%25 "x"'})
    info = backend.stat("x/a")
    assert (info.key, info.size) == ("x/a", len(content))
    assert (info.checksums, info.metadata) == (
        {"md5": md5(content)},
        {"archive": "7", "odd": '100%25 "x"'},
    )
    backend.get("x/a", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == content
    assert backend.open("x/a").read() == content


def test_a_put_carries_what_the_service_is_to_check(server, backend, source):
    backend.put("a", source)
    headers = sent(server, f"PUT /v1/AUTH_test/{CONTAINER}/a")
    assert headers["ETag"] == md5(CONTENT)
    assert headers["If-None-Match"] == "*"
    assert headers["Content-Length"] == str(len(CONTENT))
    assert "Transfer-Encoding" not in headers
    assert "Content-Encoding" not in headers
    assert "X-Delete-After" not in headers


def test_a_given_md5_is_taken(server, backend, source):
    with pytest.raises(StorageUnavailable, match="422"):
        backend.put("a", source, {"md5": md5(b"other")})
    assert server.objects == {}
    backend.put("a", source, {"md5": md5(CONTENT)})
    assert backend.stat("a").metadata == {"md5": md5(CONTENT)}


def test_an_object_expires_when_it_is_told_to(server, source):
    with SwiftBackend(**server.options(delete_after=77)) as backend:
        backend.put("a", source)
    assert sent(server, f"PUT /v1/AUTH_test/{CONTAINER}/a")["X-Delete-After"] == "77"


def test_the_same_again_is_no_second_upload(server, backend, source):
    backend.put("a", source, {"number": "1"})
    backend.put("a", source, {"number": "2"})
    assert len(server.asked("PUT .*/audit/a")) == 1
    assert backend.stat("a").metadata == {"number": "1"}


def test_other_content_is_a_collision(server, backend, source, other):
    backend.put("a", source)
    for content in (CONTENT[::-1], b"", CONTENT + b"x"):
        other.write_bytes(content)
        with pytest.raises(KeyCollision, match=f"{CONTAINER}/a"):
            backend.put("a", other, {"md5": md5(CONTENT)})
    assert server.objects[f"{CONTAINER}/a"].content == CONTENT
    assert len(server.asked("PUT .*/audit/a")) == 1


@pytest.mark.parametrize("content", [CONTENT, CONTENT[::-1]])
def test_whoever_was_faster_stays(server, backend, source, content):
    """Between the look and the put another one has stored something."""
    server.fail("PUT .*/a", call=lambda: stored(server, content))
    if content == CONTENT:
        backend.put("a", source)
    else:
        with pytest.raises(KeyCollision):
            backend.put("a", source)
    assert server.objects[f"{CONTAINER}/a"].content == content


def test_an_object_that_comes_and_goes_is_unavailable(server, backend, source):
    server.fail("PUT .*/a", status=412)
    with pytest.raises(StorageUnavailable, match="gone"):
        backend.put("a", source)


@pytest.mark.parametrize(
    "fault",
    [
        {"lost": True},
        {"status": 503, "headers": {"Retry-After": "7"}},
        {"status": 401},
        {"status": 422},
        {"headers": {"ETag": md5(b"other")}},
    ],
)
@pytest.mark.parametrize("when", ["PUT .*/a$", "HEAD .*/a$"])
def test_after_a_failure_the_next_try_leaves_one_object(server, backend, source, fault, when):
    """It is the whole call that is made again, so that the file is sent from its start."""
    backend.put("first", source)
    server.fail(when, **fault)
    asked = []

    def wait(seconds, error):
        asked.append((seconds, error))
        return len(asked) > 1

    RetryingBackend(backend, wait, jitter=lambda: 0.0).put("a", source)
    if when.startswith("PUT") or "ETag" not in fault.get("headers", {}):
        [(seconds, _)] = asked
        assert seconds == (7.0 if fault.get("status") == 503 else 0.0)
    assert sorted(server.objects) == [f"{CONTAINER}/a", f"{CONTAINER}/first"]
    assert server.objects[f"{CONTAINER}/a"].content == CONTENT


def test_hostile_keys_are_refused_before_anything_is_asked(server, backend, source, tmp_path):
    for key in ("", "/a", "a//b", "../a", "a/.b", "a b", "a\n", "a?b", "a%2f"):
        for call in (backend.stat, backend.open, backend.delete):
            with pytest.raises(InvalidName):
                call(key)
        with pytest.raises(InvalidName):
            backend.put(key, source)
        with pytest.raises(InvalidName):
            backend.get(key, tmp_path / "got")
    assert server.log == []


def test_metadata_that_no_service_keeps_is_rejected(server, backend, source):
    with pytest.raises(StorageRejected):
        backend.put("a", source, {"Key": "v"})
    assert server.log == []


def test_a_file_that_is_not_there_is_the_callers_error(server, backend, tmp_path):
    with pytest.raises(FileNotFoundError):
        backend.put("a", tmp_path / "gone")
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(OSError, match="symbolic"):
        backend.put("a", tmp_path / "link")
    assert server.objects == {}


@pytest.mark.parametrize("call", ["stat", "open", "delete", "get"])
def test_what_is_not_there_is_not_found(server, backend, tmp_path, call):
    arguments = (tmp_path / "got",) if call == "get" else ()
    with pytest.raises(ObjectNotFound, match=f"{CONTAINER}/a"):
        getattr(backend, call)("a", *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", ["put", "stat", "open", "delete", "get", "list"])
def test_a_container_that_is_not_there_is_denied_with_the_remedy(server, source, tmp_path, call):
    arguments = {"put": ("a", source), "get": ("a", tmp_path / "got"), "list": ()}.get(call, ("a",))
    with SwiftBackend(**server.options(create_container=False)) as backend:
        with pytest.raises(StorageDenied, match=f"'{CONTAINER}'.*create_container"):
            list(getattr(backend, call)(*arguments) or ())
        server.containers[CONTAINER] = {}
        if call == "put":
            backend.put("a", source)
        elif call == "list":
            assert list(backend.list()) == []
        else:
            with pytest.raises(ObjectNotFound):
                getattr(backend, call)(*arguments)


def test_a_container_that_may_not_be_looked_at_is_taken_to_be_there(server):
    server.fail(rf"HEAD .*/{CONTAINER}$", status=403)
    with (
        SwiftBackend(**server.options(create_container=False)) as backend,
        pytest.raises(ObjectNotFound),
    ):
        backend.stat("a")


def test_the_container_is_made_once_with_its_policy(server, source, other):
    with SwiftBackend(**server.options(storage_policy="gold")) as backend:
        assert list(backend.list()) == []
        backend.put("a", source)
        backend.put("b", other)
    assert server.containers[CONTAINER]["X-Storage-Policy"] == "gold"
    assert len(server.asked(rf"PUT .*/{CONTAINER}$")) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"headers": {"ETag": md5(b"other")}},
        {"status": 200, "body": CONTENT[:-1], "headers": {"ETag": md5(CONTENT)}},
        {"headers": {"Content-Length": "20000", "Connection": "close"}},
    ],
)
def test_a_get_of_something_else_leaves_no_file(server, backend, source, tmp_path, fault):
    backend.put("a", source)
    server.fail("GET .*/a", **fault)
    with pytest.raises(StorageUnavailable):
        backend.get("a", tmp_path / "got")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]
    backend.get("a", tmp_path / "got")


def test_a_get_replaces_nothing(backend, source, other):
    backend.put("a", source)
    with pytest.raises(FileExistsError):
        backend.get("a", other)
    assert other.read_bytes() == CONTENT[::-1]


def test_an_open_object_is_read_in_ranges(server, backend, source):
    content = bytes(range(256)) * 4096
    source.write_bytes(content)
    backend.put("a", source)
    with backend.open("a") as file:
        file.seek(-10, 2)
        assert file.read(4) == content[-10:-6]
        file.seek(500_000)
        assert file.read(7) == content[500_000:500_007]
    assert sent(server, "GET /v1/")["If-Match"] == f'"{md5(content)}"'
    ranges = [headers["Range"] for headers in server.sent if "Range" in headers]
    assert ranges[0] == "bytes=1048566-1048575"
    assert [it.partition("-")[0] for it in ranges] == ["bytes=1048566", "bytes=500000"]


def test_an_object_that_changes_while_it_is_read_is_unavailable(server, backend, source):
    backend.put("a", source)
    with backend.open("a") as file:
        stored(server, CONTENT[::-1])
        with pytest.raises(StorageUnavailable, match="changed"):
            file.read(1)
        del server.objects[f"{CONTAINER}/a"]
        with pytest.raises(ObjectNotFound):
            file.read(1)


def test_a_service_that_sends_everything_is_not_read(server, backend, source):
    backend.put("a", source)
    server.fail("GET .*/a", status=200, body=CONTENT)
    with backend.open("a") as file, pytest.raises(StorageUnavailable, match="no part"):
        file.read(1)


def test_keys_have_the_prefix_before_them(server, source):
    stored(server, name=f"{CONTAINER}/other/a")
    with SwiftBackend(**server.options(prefix="x/y")) as backend:
        backend.put("b/c", source)
        assert f"{CONTAINER}/x/y/b/c" in server.objects
        assert [it.key for it in backend.list()] == ["b/c"]
        assert [it.key for it in backend.list("b")] == ["b/c"]
        assert list(backend.list("x")) == []
        assert backend.stat("b/c").key == "b/c"
        backend.delete("b/c")
    assert list(server.objects) == [f"{CONTAINER}/other/a"]


def test_foreign_objects_are_left_alone_and_named_once(server, backend, caplog):
    for name in ("a", "b c", "d/", "../e"):
        stored(server, name=f"{CONTAINER}/{name}")
    for _ in range(2):
        assert [it.key for it in backend.list()] == ["a"]
    warnings = [it for it in caplog.records if it.levelno == logging.WARNING]
    assert len(warnings) == 3
    assert all("left alone" in it.getMessage() for it in warnings)


def test_a_closed_backend_can_be_closed_again(server, backend, source):
    backend.put("a", source)
    backend.close()
    backend.close()
    assert list(server.objects) == [f"{CONTAINER}/a"]


def test_a_url_takes_what_is_missing_from_the_environment(server, monkeypatch, source):
    monkeypatch.setenv("ST_AUTH", server.auth_url)
    monkeypatch.setenv("ST_USER", USER)
    monkeypatch.setenv("ST_KEY", PASSWORD)
    stored(server, name=f"{CONTAINER}/x/a")
    options = {"prefix": "x", "container": "other", "timeout": 5.0, "auth_url": None}
    with SwiftBackend.from_url(CONTAINER, **options) as backend:
        assert [it.key for it in backend.list("x/")] == ["x/a"]


def test_options_that_can_not_work_are_named():
    with pytest.raises(ConfigError, match="auth_url"):
        SwiftBackend(container=CONTAINER, stranger=1)
