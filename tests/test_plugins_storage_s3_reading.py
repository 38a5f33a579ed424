"""Reading objects of S3."""

import os

import pytest

from shoebox.errors import StorageUnavailable
from shoebox.ranged import SMALLEST
from shoebox_plugins.storage.s3 import S3Backend
from tests import s3_service
from tests.s3_service import CORRUPT, DROP, SHORT, Answer

CONTENT = os.urandom(1 << 20)


@pytest.fixture(scope="module")
def server():
    with s3_service.running() as service:
        yield service


@pytest.fixture
def service(server):
    server.forget()
    server.store("a", CONTENT, {})
    return server


# One client for all tests here: to make one takes boto3 longer than a test.
@pytest.fixture(scope="module")
def made(server):
    with S3Backend(**s3_service.options(server)) as backend:
        yield backend


@pytest.fixture
def backend(made, service):
    return made


def test_only_what_is_read_is_fetched(backend, service):
    with backend.open("a") as file:
        assert service.operations == ["head"]
        file.seek(-10, os.SEEK_END)
        assert file.read() == CONTENT[-10:]
        file.seek(5)
        assert file.read(7) == CONTENT[5:12]
    spans = [request.headers["range"] for request in service.asked("get")]
    assert spans == ["bytes=1048566-1048575", f"bytes=5-{4 + SMALLEST}"]


def test_a_service_that_ignores_ranges_is_not_believed(backend, service):
    service.fail("get", Answer(200, body=CONTENT))
    with backend.open("a") as file, pytest.raises(StorageUnavailable, match="came instead"):
        file.read(10)


def test_an_empty_object_is_read_without_a_request(backend, service):
    service.store("empty", b"", {})
    with backend.open("empty") as file:
        assert file.read() == b""
    assert service.asked("get") == []


@pytest.mark.parametrize(
    "fault", [SHORT, DROP, CORRUPT, Answer(500, "InternalError"), Answer(200, body=b"")]
)
def test_a_get_that_fails_leaves_no_file(backend, service, tmp_path, fault):
    service.fail("get", fault)
    with pytest.raises(StorageUnavailable):
        backend.get("a", tmp_path / "got")
    assert list(tmp_path.iterdir()) == []
    backend.get("a", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == CONTENT


def test_what_changes_between_the_look_and_the_get_is_unavailable(backend, service, tmp_path):
    def change(request):
        if request.operation == "get":
            service.store("a", b"other", {})

    service.before = change
    with pytest.raises(StorageUnavailable, match="changed"):
        backend.get("a", tmp_path / "got")
    assert list(tmp_path.iterdir()) == []


def test_without_a_checksum_the_length_is_compared(backend, service, tmp_path):
    service.objects["a"].headers = {"etag": '"x"'}
    service.fail("get", Answer(200, body=CONTENT[:-1]))
    with pytest.raises(StorageUnavailable, match="1048575 of 1048576"):
        backend.get("a", tmp_path / "got")
    backend.get("a", tmp_path / "got")


def test_get_replaces_nothing(backend, tmp_path):
    (tmp_path / "got").write_text("mine")
    with pytest.raises(FileExistsError):
        backend.get("a", tmp_path / "got")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
