"""Telling whether a port speaks TLS; one that does is among the real servers."""

import socket

import pytest

from shoebox.errors import StorageDenied, StorageRejected, StorageUnavailable
from shoebox_plugins.storage.s3 import S3Backend
from shoebox_plugins.storage.s3.tls import speaks_tls_unasked
from tests import s3_service
from tests.s3_service import DROP, Answer


@pytest.fixture
def service():
    with s3_service.running() as service:
        yield service


def test_a_plain_service_speaks_none(service):
    assert not speaks_tls_unasked(service.url)


def test_nobody_is_asked_where_https_was_meant_or_nobody_is():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not speaks_tls_unasked(f"https://127.0.0.1:{port}")
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert not speaks_tls_unasked(f"http://127.0.0.1:{port}")


def test_https_to_a_plain_port_says_what_to_write(service):
    options = s3_service.options(service)
    options["endpoint_url"] = service.url.replace("http:", "https:")
    with S3Backend(**options) as backend, pytest.raises(StorageDenied, match="write http://"):
        backend.stat("a")


@pytest.mark.parametrize("fault", [DROP, Answer(400, body=b"")])
def test_a_plain_service_that_fails_is_not_taken_for_one(service, fault):
    service.fail("list", fault)
    with S3Backend(**s3_service.options(service)) as backend:
        with pytest.raises((StorageUnavailable, StorageRejected)) as caught:
            list(backend.list())
        assert "TLS" not in str(caught.value)
