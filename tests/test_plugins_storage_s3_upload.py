"""Putting a file into a bucket in one request."""

import hashlib
import os

import google_crc32c
import pytest

from shoebox.errors import (
    StorageDenied,
    StorageError,
    StorageRejected,
    StorageUnavailable,
)
from shoebox_plugins.storage.s3 import S3Backend
from tests import s3_service
from tests.s3_service import DROP, Answer

CONTENT = os.urandom(300_000)


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
    with S3Backend(**s3_service.options(server, checksum=request.param)) as backend:
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


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_what_is_sent_is_what_is_stored(backend, service, source, size):
    os.truncate(source, size)
    backend.put("a", source)
    assert service.objects["a"].content == CONTENT[:size]


def test_a_file_that_has_rotted_since_its_digest_was_made_is_rejected(backend, service, source):
    [kind] = backend.checksums
    with pytest.raises(StorageRejected, match="look at the file"):
        backend.put("a", source, {kind: digest(kind, b"what it was")})
    assert service.objects == {}


def test_content_that_was_damaged_on_the_way_is_sent_again(backend, service, source):
    [kind] = backend.checksums
    service.fail("put", Answer(400, "BadDigest"))
    with pytest.raises(StorageUnavailable):
        backend.put("a", source, {kind: digest(kind)})
    backend.put("a", source, {kind: digest(kind)})
    assert service.objects["a"].content == CONTENT


@pytest.mark.parametrize("size", [0, 100, 299_999, 300_001])
def test_a_file_that_changes_while_it_is_sent_is_not_stored(backend, service, source, size):
    [kind] = backend.checksums
    service.before = lambda request: os.truncate(source, size)
    with pytest.raises(StorageUnavailable, match="changed from 300000"):
        backend.put("a", source, {kind: digest(kind)})
    assert service.objects == {}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (DROP, StorageUnavailable),
        (Answer(503, "SlowDown", {"Retry-After": "9"}), StorageUnavailable),
        (Answer(403, "AccessDenied"), StorageDenied),
        (Answer(404, "NoSuchBucket"), StorageDenied),
        (Answer(404, body=b"<html>not here</html>"), StorageDenied),
        (Answer(400, "EntityTooLarge"), StorageRejected),
    ],
)
def test_what_a_put_is_answered(backend, service, source, fault, expected):
    service.fail("put", fault)
    with pytest.raises(StorageError) as caught:
        backend.put("a", source)
    assert type(caught.value) is expected
    assert getattr(caught.value, "retry_after", None) == (9.0 if "Retry" in str(fault) else None)
    assert service.operations == ["head", "put"]


def test_what_is_taken_and_gone_again_is_tried_again(backend, service, source):
    service.fail("put", Answer(412, "PreconditionFailed"))
    with pytest.raises(StorageUnavailable, match="gone"):
        backend.put("a", source)


def test_what_is_said_to_be_there_and_can_not_be_read_is_tried_again(backend, service, source):
    """Without a checksum to compare, the object is read."""
    service.computes = False
    service.store("a", CONTENT, {})
    service.objects["a"].headers["etag"] = '"parts-2"'
    service.fail("get", Answer(404, "NoSuchKey"))
    with pytest.raises(StorageUnavailable, match="gone"):
        backend.put("a", source)
    backend.put("a", source)


def test_what_is_taken_and_may_not_be_seen_is_denied(backend, service, source):
    service.fail("put", Answer(412, "PreconditionFailed"))
    service.fail("head", Answer(403), Answer(403))
    service.fail("get", Answer(403, "AccessDenied"))
    with pytest.raises(StorageDenied):
        backend.put("a", source)
