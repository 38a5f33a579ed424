"""Requests to an account: sent once each, with a token that is renewed by the next."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shoebox.errors import (
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageRejected,
    StorageUnavailable,
)
from shoebox_plugins.storage.swift import account as module
from shoebox_plugins.storage.swift.account import Account
from shoebox_plugins.storage.swift.body import Body
from shoebox_plugins.storage.swift.settings import Settings
from tests.swift_server import CONTAINER, md5, serving

CONTENT = b"0123456789" * 1000


@pytest.fixture
def server():
    with serving() as server:
        server.containers[CONTAINER] = {}
        yield server


@pytest.fixture(params=["1", "3"])
def account(request, server):
    options = server.options() if request.param == "1" else server.v3_options()
    account = Account(Settings.of(**options))
    yield account
    account.close()
    account.close()


def put(account, name="a", content=CONTENT, **headers):
    account.put(CONTAINER, name, content, size=len(content), etag=md5(content), headers=headers)


def read(account, name="a", **headers):
    with account.reading(CONTAINER, name, headers) as (_, body):
        return body.read()


def test_what_was_put_is_read(account):
    put(account)
    assert read(account) == CONTENT
    assert read(account, Range="bytes=3-5") == b"345"
    assert account.head(CONTAINER, "a")["content-length"] == "10000"


def test_a_token_that_has_expired_is_replaced_by_the_next_call(account, server):
    """The call is not sent again by itself: its file has to be sent from the start."""
    put(account)
    server.tokens.clear()
    with pytest.raises(StorageUnavailable, match="expired") as caught:
        put(account, "b")
    assert caught.value.retry_after == 0.0
    assert len(server.asked("PUT")) == 2
    put(account, "b")
    assert len(server.given) == 2


def test_a_new_token_that_is_refused_is_tried_again(account, server):
    """Wrong credentials get none: it was revoked, or can't be checked just now."""
    server.fail("HEAD", status=401)
    with pytest.raises(StorageUnavailable, match="new token"):
        account.head(CONTAINER, "a")
    with pytest.raises(ObjectNotFound):
        account.head(CONTAINER, "a")


def test_a_token_that_expires_while_threads_use_it_is_replaced_once(account, server):
    put(account)
    server.tokens.clear()
    barrier = threading.Barrier(4)
    server.fail("HEAD", times=4, call=barrier.wait)

    def head(_):
        with pytest.raises(StorageUnavailable, match="expired"):
            account.head(CONTAINER, "a")
        return account.head(CONTAINER, "a")["etag"]

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(head, range(4))) == {md5(CONTENT)}
    assert len(server.given) == 2


@pytest.mark.parametrize(
    ("fault", "expected", "said"),
    [
        ({"status": 503, "headers": {"Retry-After": "7"}}, StorageUnavailable, "503"),
        ({"status": 422}, StorageUnavailable, "not stored"),
        ({"status": 413, "body": b"too big"}, StorageRejected, "too big"),
        ({"status": 403}, StorageDenied, "role"),
        ({"status": 302, "headers": {"Location": "https://a/"}}, StorageDenied, "https://a/"),
        ({"lost": True}, StorageUnavailable, "connection failed"),
        ({"headers": {"ETag": md5(b"other")}}, StorageUnavailable, "ETag"),
    ],
)
def test_a_put_that_fails_is_not_sent_again(account, server, fault, expected, said):
    server.fail("PUT", **fault)
    with pytest.raises(expected, match=said) as caught:
        put(account)
    assert str(caught.value).startswith(
        (f"{server.url}/v1/AUTH_test/{CONTAINER}/a: ", f"{account.where(CONTAINER, 'a')}: ")
    )
    assert len(server.asked("PUT")) == 1


def test_a_service_that_is_silent_is_unavailable(server):
    silence = threading.Event()
    server.fail("HEAD", call=silence.wait)
    account = Account(Settings.of(**server.options(timeout=0.2)))
    with pytest.raises(StorageUnavailable, match="raise timeout"):
        account.head(CONTAINER, "a")
    silence.set()
    account.close()


def test_what_was_changed_on_the_way_is_not_stored(account, server):
    with pytest.raises(StorageUnavailable, match="422"):
        account.put(CONTAINER, "a", CONTENT, size=len(CONTENT), etag=md5(b""), headers={})
    assert server.objects == {}


def test_an_object_is_not_replaced(account):
    put(account)
    with pytest.raises(KeyCollision):
        put(account, content=b"other", **{"If-None-Match": "*"})


def test_a_file_that_can_not_be_read_is_not_the_networks_fault(account, server, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    with (tmp_path / "file").open("rb") as file:
        os.truncate(tmp_path / "file", 10)
        body = Body(file.fileno(), 0, len(CONTENT))
        with pytest.raises(StorageUnavailable, match="shorter"):
            account.put(CONTAINER, "a", body, size=len(CONTENT), etag="", headers={})
    fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(IsADirectoryError):
        account.put(CONTAINER, "a", Body(fd, 0, 10), size=10, etag="", headers={})
    os.close(fd)
    assert server.objects == {}


def test_an_answer_that_is_cut_off_is_unavailable(account, server):
    put(account)
    server.fail("GET /v1", headers={"Content-Length": "20000", "Connection": "close"})
    with pytest.raises(StorageUnavailable, match="cut off"):
        read(account)


def test_a_listing_is_asked_for_page_by_page(account, server, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 2)
    for name in ("b", "a/1", "a/2", "a/3", "c"):
        put(account, name)
    assert [it.name for it in account.listing(CONTAINER, "a/")] == ["a/1", "a/2", "a/3"]
    assert [it.name for it in account.listing(CONTAINER, "")] == ["a/1", "a/2", "a/3", "b", "c"]
    assert len(server.asked(r"GET /v1/AUTH_test/audit\?")) == 3 + 4


@pytest.mark.parametrize("body", [b"nonsense", b'[{"name": 1}]', b'[{"subdir": "a/"}]', b"7"])
def test_a_listing_that_is_none_is_unavailable(account, server, body):
    server.fail(r"GET .*format", status=200, body=body)
    with pytest.raises(StorageUnavailable, match="listing"):
        list(account.listing(CONTAINER, ""))


def test_a_container_is_made_once_with_its_policy(account, server):
    assert not account.has("other")
    account.make("other", "gold")
    account.make("other", "gold")
    assert account.has("other")
    assert server.containers["other"]["X-Storage-Policy"] == "gold"


def test_a_container_of_another_policy_is_denied(account, server):
    server.fail("PUT", status=409)
    with pytest.raises(StorageDenied, match="storage_policy"):
        account.make(CONTAINER, "gold")
    server.fail("PUT", status=503)
    with pytest.raises(StorageUnavailable):
        account.make(CONTAINER, "gold")


def test_names_are_quoted_in_urls_and_escaped_in_messages(account, server):
    put(account, "a b/ä?x#y")
    assert server.asked("PUT")[-1].endswith("/audit/a%20b/%C3%A4%3Fx%23y")
    with pytest.raises(ObjectNotFound, match=r"audit/\\x1b\[31m"):
        account.head(CONTAINER, "\x1b[31m")
