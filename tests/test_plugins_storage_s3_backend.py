"""The S3 backend: objects in a bucket, with the duties of every backend."""

import hashlib
import logging
import os
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import google_crc32c
import pytest

from shoebox.errors import (
    InvalidName,
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageError,
    StorageRejected,
    StorageUnavailable,
)
from shoebox_plugins.storage.s3 import S3Backend
from tests import s3_service
from tests.s3_service import DROP, LOSE, SHORT, Answer

CONTENT = b"0123456789" * 1000
SECRETS = ("very-secret", "token-of-the-session")


@pytest.fixture(scope="module")
def server():
    with s3_service.running() as service:
        yield service


@pytest.fixture
def service(server):
    server.forget()
    return server


# One client for all tests here: to make one takes boto3 longer than a test.
@pytest.fixture(scope="module")
def made(server):
    with S3Backend(**s3_service.options(server)) as backend:
        yield backend


@pytest.fixture
def backend(made, service):
    made._named_foreign = False
    return made


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


def crc32c(content):
    return google_crc32c.Checksum(content).digest().hex()


def test_what_was_put_is_got_and_told(backend, source, tmp_path):
    metadata = {"archive": "ab", "sha256": hashlib.sha256(CONTENT).hexdigest()}
    backend.put("x/a", source, metadata)
    backend.get("x/a", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == CONTENT
    info = backend.stat("x/a")
    assert (info.key, info.size, info.metadata) == ("x/a", len(CONTENT), metadata)
    assert info.checksums == {
        "crc32c": crc32c(CONTENT),
        "md5": hashlib.md5(CONTENT).hexdigest(),  # noqa: S324 - S3's
    }
    assert info.modified.tzinfo is not None


def test_all_keys_lie_below_the_prefix(service, source):
    with S3Backend(**s3_service.options(service, prefix="/in/side/")) as backend:
        backend.put("a", source)
        service.store("inside", b"", {})
        assert list(service.objects) == ["in/side/a", "inside"]
        assert [info.key for info in backend.list()] == ["a"]
        backend.delete("a")
    assert list(service.objects) == ["inside"]


def test_a_put_looks_first_and_then_makes_one_request(backend, service, source):
    backend.put("a", source, {"crc32c": crc32c(CONTENT)})
    assert service.operations == ["head", "put"]
    [put] = service.asked("put")
    assert put.headers["if-none-match"] == "*"
    assert "content-encoding" not in put.headers
    assert "x-amz-trailer" not in put.headers


def test_putting_the_same_twice_leaves_the_first(backend, service, source):
    backend.put("a", source, {"k": "first"})
    backend.put("a", source, {"k": "second"})
    assert backend.stat("a").metadata == {"k": "first"}
    assert len(service.asked("put")) == 1


def test_other_content_is_a_collision_and_stays(backend, service, source, other):
    backend.put("a", source)
    with pytest.raises(KeyCollision, match="other content"):
        backend.put("a", other)
    assert service.objects["a"].content == CONTENT


def test_the_objects_own_word_proves_nothing(backend, service, source):
    """Its metadata may say what it likes: what the service computed counts."""
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    service.store("a", CONTENT[::-1], {"x-amz-meta-sha256": sha256})
    with pytest.raises(KeyCollision):
        backend.put("a", source, {"sha256": sha256})


@pytest.mark.parametrize("content", [CONTENT, CONTENT[::-1]])
def test_where_the_service_computed_nothing_the_object_is_read(backend, service, source, content):
    service.store("a", content, {})
    service.objects["a"].headers = {"etag": '"no-md5"'}
    if content == CONTENT:
        backend.put("a", source)
    else:
        with pytest.raises(KeyCollision):
            backend.put("a", source)
    assert service.asked("get")


def test_a_lost_answer_is_unavailable_and_the_next_put_finds_its_own(backend, service, source):
    service.fail("put", LOSE)
    with pytest.raises(StorageUnavailable, match="cut"):
        backend.put("a", source, {"k": "v"})
    backend.put("a", source, {"k": "v"})
    assert len(service.asked("put")) == 1


def test_who_may_not_list_gets_403_for_what_is_not_there_and_goes_on(backend, service, source):
    service.fail("head", Answer(403))
    backend.put("a", source)
    assert service.objects["a"].content == CONTENT


def test_credentials_that_have_expired_are_no_fault_of_what_is_put(backend, service, source):
    """HEAD is refused with 400 then, which for an object would be for good."""
    service.fail("head", Answer(400))
    service.fail("get", Answer(400, "ExpiredToken"))
    with pytest.raises(StorageDenied, match="expired"):
        backend.put("a", source)


@pytest.mark.parametrize("same", [True, False])
def test_what_comes_between_the_look_and_the_put_is_compared(backend, service, source, same):
    service.fail("head", Answer(404))
    service.store("a", CONTENT if same else CONTENT[::-1], {})
    if same:
        backend.put("a", source)
    else:
        with pytest.raises(KeyCollision):
            backend.put("a", source)
    assert service.operations == ["head", "put", "head"]


def test_a_put_that_somebody_else_is_at_is_tried_again(backend, service, source):
    service.fail("put", Answer(409, "ConditionalRequestConflict"))
    with pytest.raises(StorageUnavailable):
        backend.put("a", source)
    backend.put("a", source)


def test_the_metadata_is_checked_before_anything_is_asked(backend, service, source):
    with pytest.raises(StorageRejected):
        backend.put("a", source, {"not_a_key": "v"})
    assert service.requests == []


@pytest.mark.parametrize("call", ["put", "get", "stat", "open", "delete"])
def test_a_hostile_key_is_refused(backend, service, source, tmp_path, call):
    arguments = {"put": (source,), "get": (tmp_path / "got",)}.get(call, ())
    for key in ("", "/a", "a/", "../a", ".", "a b", "a\x00", "a\\b"):
        with pytest.raises(InvalidName):
            getattr(backend, call)(key, *arguments)
    assert service.requests == []


@pytest.mark.parametrize("call", ["get", "stat", "open", "delete"])
def test_an_object_that_is_not_there_is_not_found(backend, tmp_path, call):
    arguments = (tmp_path / "got",) if call == "get" else ()
    with pytest.raises(ObjectNotFound, match="gone"):
        getattr(backend, call)("gone", *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", ["get", "stat", "open", "delete"])
def test_a_missing_bucket_is_no_missing_object(backend, service, tmp_path, call):
    """HEAD can't say which of the two it is."""
    service.fail("head", Answer(404))
    service.fail("get", Answer(404, "NoSuchBucket"))
    arguments = (tmp_path / "got",) if call == "get" else ()
    with pytest.raises(StorageDenied, match="make the bucket"):
        getattr(backend, call)("a", *arguments)


def test_a_denied_delete_is_denied(backend, service, source):
    backend.put("a", source)
    service.fail("delete", Answer(403, "AccessDenied"))
    with pytest.raises(StorageDenied):
        backend.delete("a")
    assert "a" in service.objects


def test_a_source_that_is_gone_or_a_link_is_the_callers_error(backend, service, source, tmp_path):
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(FileNotFoundError):
        backend.put("a", tmp_path / "gone")
    with pytest.raises(OSError, match="symbolic"):
        backend.put("a", tmp_path / "link")
    assert service.requests == []


def test_list_is_sorted_whatever_the_order_of_the_service(backend, service):
    every = ["a+b", "a-1", "a.b", "a/b", "a/c/d", "a0", "b=c"]
    service.page = 2
    for key in every:
        service.store(key, b"xy", {})
    assert [(info.key, info.size) for info in backend.list()] == [(key, 2) for key in every]
    assert [info.key for info in backend.list("a/")] == ["a/b", "a/c/d"]
    assert len(service.asked("list")) == 5


def test_list_leaves_foreign_objects_alone_and_names_them_once(backend, service, caplog):
    for key in ("a", "not a key\n", ".hidden", "folder/"):
        service.store(key, b"", {})
    assert [info.key for info in backend.list()] == ["a"]
    assert [info.key for info in backend.list()] == ["a"]
    [record] = caplog.records
    assert "left alone" in record.message
    assert "\n" not in record.message
    assert len(service.objects) == 4


def test_list_tells_what_hinders_it(backend, service):
    service.fail("list", Answer(403, "AccessDenied"))
    with pytest.raises(StorageDenied):
        list(backend.list())


def test_a_call_after_close_opens_new_connections(backend, source):
    backend.close()
    backend.close()
    backend.put("a", source)
    backend.close()
    assert backend.stat("a").size == len(CONTENT)


def test_many_threads_put_and_read(backend, service, source):
    barrier = threading.Barrier(8)

    def use(number):
        barrier.wait()
        backend.put("same", source)
        backend.put(f"own/{number}", source)
        with backend.open(f"own/{number}") as file:
            return file.read() == CONTENT

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(8)))
    assert len(service.objects) == 9


def test_from_url_leaves_the_prefix_to_the_url(service, source):
    options = s3_service.options(service, prefix="pre", bucket="of the section", no_such=1)
    with S3Backend.from_url(s3_service.BUCKET, **options) as backend:
        backend.put("a", source)
    assert list(service.objects) == ["a"]


def test_from_url_takes_what_is_missing_from_the_environment(service, source, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", service.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDFROMENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-from-env")
    with S3Backend.from_url(s3_service.BUCKET) as backend:
        backend.put("a", source)
    assert "AKIDFROMENV" in service.asked("put")[0].headers["authorization"]


def test_it_names_the_digest_that_it_takes(service):
    crc, md5 = (
        S3Backend(**s3_service.options(service, checksum=it)).checksums for it in ("crc32c", "md5")
    )
    assert (crc, md5) == ({"crc32c"}, {"md5"})


def test_md5_for_services_that_know_no_more(service, source, other, tmp_path):
    service.create_only = False
    with S3Backend(**s3_service.options(service, checksum="md5")) as backend:
        backend.put("a", source, {"k": "v"})
        backend.put("a", source)
        with pytest.raises(KeyCollision):
            backend.put("a", other)
        backend.get("a", tmp_path / "got")
        assert backend.stat("a").metadata == {"k": "v"}
    headers = {name for request in service.requests for name in request.headers}
    assert not {name for name in headers if name.startswith(("x-amz-checksum", "x-amz-sdk-check"))}
    assert "content-md5" in headers


def test_importing_the_plugin_and_its_options_brings_no_sdk():
    program = (
        "import sys\nfrom shoebox_plugins.storage.s3 import S3Backend\n"
        "assert S3Backend.OPTIONS\nprint({'boto3', 'botocore', 'urllib3'} & sys.modules.keys())"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert said.stdout == b"set()\n"


def test_no_secret_stands_in_any_log_or_error(service, source, tmp_path, caplog):
    """With the root logger at DEBUG, over all that can fail."""
    caplog.set_level(logging.DEBUG)
    options = s3_service.options(service, aws_session_token=SECRETS[1], multipart_threshold_mb=1)
    large = tmp_path / "large"
    large.write_bytes(os.urandom(2 << 20))
    with S3Backend(**options) as backend:
        calls = {
            **dict.fromkeys(("head", "put"), lambda: backend.put("new", source)),
            **dict.fromkeys(("create", "part", "complete"), lambda: backend.put("new", large)),
            "get": lambda: backend.get("there", tmp_path / "got"),
            "list": lambda: list(backend.list()),
        }
        said = [
            _provoked(service, operation, fault, call)
            for operation, call in calls.items()
            for fault in FAULTS
        ]
    with S3Backend(**{**options, "endpoint_url": "http://127.0.0.1:1"}) as backend:
        said.append(_provoked(service, "head", DROP, lambda: backend.stat("a")))
    assert all(said)
    text = "\n".join([*said, caplog.text])
    assert not [secret for secret in SECRETS if secret in text]


FAULTS = [
    Answer(400, "SignatureDoesNotMatch"),
    Answer(400, "InvalidAccessKeyId"),
    Answer(400, "ExpiredToken"),
    Answer(503, "SlowDown"),
    Answer(400, "AuthorizationHeaderMalformed"),
    Answer(400, body=b"Client sent an HTTP request to an HTTPS server."),
    DROP,
]


def _provoked(service, operation, fault, call):
    """Return what is said when this operation fails so."""
    service.objects.clear()
    service.store("there", CONTENT, {})
    service.fail(operation, fault)
    try:
        call()
    except StorageError as error:
        return "\n".join(traceback.format_exception(error))
    return ""


def test_reading_what_changes_meanwhile_is_unavailable(backend, service, source):
    backend.put("a", source)
    with backend.open("a") as file:
        service.store("a", CONTENT[::-1], {})
        with pytest.raises(StorageUnavailable, match="changed"):
            file.read(1)


@pytest.mark.parametrize("fault", [DROP, SHORT, Answer(503, "SlowDown")])
def test_a_read_that_fails_is_unavailable(backend, service, source, fault):
    backend.put("a", source)
    service.fail("get", fault)
    with backend.open("a") as file, pytest.raises(StorageUnavailable):
        file.read(10)


def test_an_answer_that_lacks_what_it_has_to_say_is_unavailable(backend, service):
    service.fail("head", Answer(200, body=b""))
    with pytest.raises(StorageUnavailable, match="lacks LastModified"):
        backend.stat("a")


def test_secrets_are_left_out_of_what_the_settings_show(made):
    assert "very-secret" not in repr(made._settings)
