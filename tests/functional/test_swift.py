"""The Swift backend against OpenStack Swift, by each way to log in."""

import hashlib
import logging
import os
import re
import threading
import uuid

import pytest
from swiftclient import client

from shoebox.errors import (
    KeyCollision,
    ObjectNotFound,
    ShoeboxError,
    StorageDenied,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.retrying import RetryingBackend
from shoebox_plugins.storage.swift import SwiftBackend
from shoebox_plugins.storage.swift import account as account_module

CREDENTIAL = "application_credential_secret"
SEGMENT_SIZE = 1 << 18
SIZES = [0, 1, SEGMENT_SIZE, SEGMENT_SIZE + 1, 5 * SEGMENT_SIZE // 2]


def v1(swift):
    return {
        "auth_url": swift.auth_url,
        "username": swift.username,
        "password": swift.password,
    }


def v3(swift):
    return {
        "auth_url": swift.keystone_url,
        "username": swift.keystone_username,
        "password": swift.keystone_password,
        "project_name": swift.keystone_project_name,
    }


def credential(swift):
    return {
        "auth_url": swift.keystone_url,
        "application_credential_id": swift.application_credential_id,
        "application_credential_secret": swift.application_credential_secret,
    }


@pytest.fixture
def container():
    return f"shoebox-{uuid.uuid4().hex}"


@pytest.fixture
def built(container):
    made = []

    def build(**options):
        given = {
            "container": container,
            "segment_size_mb": SEGMENT_SIZE / 2**20,
            "create_container": True,
        }
        made.append(SwiftBackend(**{**given, **options}))
        return made[-1]

    yield build
    for it in made:
        it.close()


@pytest.fixture(params=[v1, v3, credential], ids=lambda it: it.__name__)
def backend(request, built, swift):
    return built(**request.param(swift))


@pytest.fixture
def file(tmp_path):
    def write(size, name="source"):
        path = tmp_path / name
        path.write_bytes(os.urandom(size))
        return path

    return write


@pytest.fixture
def raw(swift, container):
    """Return what bypasses the backend, in the account of auth version 1."""
    url, token = client.get_auth(swift.auth_url, swift.username, swift.password, auth_version="1")

    class Raw:
        """The SDK's functions."""

        def names(self, name=container):
            try:
                listed = client.get_container(url, token, name, full_listing=True)[1]
            except client.ClientException:
                return []
            return [it["name"] for it in listed]

        def segments(self):
            return self.names(f"{container}_segments")

        def head(self, name, where=container):
            return client.head_object(url, token, where, name)

        def policy(self, name=container):
            return client.head_container(url, token, name)["x-storage-policy"]

        def make(self, name=container, **headers):
            client.put_container(url, token, name, headers)

        def put(self, name, content, **headers):
            client.put_object(url, token, container, name, content, headers=headers)

    return Raw()


def md5(path):
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("size", SIZES)
def test_what_was_put_is_got(backend, file, tmp_path, size):
    source = file(size)
    metadata = {"archive": "7" * 32, "records": "12", "md5": md5(source), "odd": "100%25 'x'"}
    backend.put("x/a.events", source, metadata)
    info = backend.stat("x/a.events")
    assert (info.size, info.checksums, info.metadata) == (size, {"md5": md5(source)}, metadata)
    backend.get("x/a.events", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == source.read_bytes()
    with backend.open("x/a.events") as opened:
        assert opened.read() == source.read_bytes()
    backend.put("x/a.events", source, {"archive": "8"})
    assert backend.stat("x/a.events").metadata == metadata
    with pytest.raises(KeyCollision):
        backend.put("x/a.events", file(size or 1, "other"))
    assert [it.key for it in backend.list()] == ["x/a.events"]
    backend.delete("x/a.events")
    with pytest.raises(ObjectNotFound):
        backend.stat("x/a.events")


@pytest.mark.parametrize("size", SIZES)
def test_a_wrong_md5_leaves_nothing(built, swift, raw, file, size):
    backend = built(**v1(swift))
    with pytest.raises(StorageUnavailable):
        backend.put("a", file(size), {"md5": "0" * 32})
    assert raw.names() == raw.segments() == []


@pytest.mark.parametrize("size", [1000, 2 * SEGMENT_SIZE])
def test_whoever_puts_after_the_look_is_not_replaced(  # noqa: PLR0917 - fixtures
    built, swift, raw, file, monkeypatch, size
):
    """Swift itself refuses, for a large object too."""
    backend = built(**v1(swift))
    raw.make()
    make = SwiftBackend._make

    def slow(self, container):
        make(self, container)
        raw.put("a", b"theirs")

    monkeypatch.setattr(SwiftBackend, "_make", slow)
    with pytest.raises(KeyCollision):
        backend.put("a", file(size))
    assert raw.head("a")["content-length"] == "6"
    assert raw.segments() == []


def test_a_put_that_fails_leaves_no_segments(built, swift, raw, file):
    backend = built(**v1(swift))
    backend._make(backend._settings.segment_container)
    with pytest.raises(StorageDenied):
        built(**v1(swift), create_container=False).put("a", file(3 * SEGMENT_SIZE))
    assert raw.segments() == []


def test_metadata_that_swift_refuses_is_rejected_and_leaves_nothing(built, swift, raw, file):
    backend = built(**v1(swift))
    for size in (1, 2 * SEGMENT_SIZE):
        with pytest.raises(StorageRejected, match="(?i)metadata"):
            backend.put("a", file(size), {"k": "v" * 1000})
    assert raw.names() == raw.segments() == []


def test_a_file_that_is_cut_meanwhile_leaves_nothing(built, swift, raw, file, monkeypatch):
    backend = built(**v1(swift))
    source = file(4 * SEGMENT_SIZE)
    put = account_module.Account.put

    def cutting(self, container, name, *arguments, **options):
        if name.rpartition("/")[2].startswith("00000000-"):
            os.truncate(source, SEGMENT_SIZE)
        return put(self, container, name, *arguments, **options)

    monkeypatch.setattr(account_module.Account, "put", cutting)
    with pytest.raises(StorageUnavailable):
        backend.put("a", source)
    assert raw.names() == raw.segments() == []


def test_a_delete_of_a_large_object_leaves_no_segments(built, swift, raw, file):
    backend = built(**v1(swift))
    backend.put("a", file(3 * SEGMENT_SIZE))
    backend.put("a/b", file(3 * SEGMENT_SIZE))
    assert len(raw.segments()) == 6
    backend.delete("a")
    assert len(raw.segments()) == 3
    backend.delete("a/b")
    assert raw.names() == raw.segments() == []


def test_the_object_and_its_segments_expire(built, swift, raw, file, container):
    backend = built(**v1(swift), delete_after=100_000)
    backend.put("small", file(10))
    backend.put("large", file(2 * SEGMENT_SIZE))
    assert {"x-delete-at"} <= raw.head("small").keys() & raw.head("large").keys()
    for name in raw.segments():
        assert "x-delete-at" in raw.head(name, f"{container}_segments")


def test_the_containers_are_made_with_a_storage_policy(built, swift, raw, file, container):
    backend = built(**v1(swift), storage_policy=swift.policy)
    assert list(backend.list()) == []
    backend.put("a", file(2 * SEGMENT_SIZE))
    assert raw.policy() == raw.policy(f"{container}_segments") == swift.policy
    with pytest.raises((StorageRejected, StorageDenied), match="(?i)policy"):
        built(**v1(swift), container=f"{container}-2", storage_policy="no such").put("a", file(1))


def test_a_missing_container_is_denied_with_the_remedy(built, swift, file, container, tmp_path):
    backend = built(**v1(swift), create_container=False)
    for call in (
        lambda: backend.put("a", file(1)),
        lambda: backend.stat("a"),
        lambda: backend.open("a"),
        lambda: backend.get("a", tmp_path / "got"),
        lambda: backend.delete("a"),
        lambda: list(backend.list()),
    ):
        with pytest.raises(StorageDenied, match=f"{container}.*create_container"):
            call()


def test_a_user_without_rights_is_denied(built, swift, raw, file):
    raw.make()
    raw.put("a", b"theirs")
    other = {"username": swift.other_username, "password": swift.other_password}
    backend = built(**{**v1(swift), **other}, create_container=False)
    for call in (
        lambda: backend.put("b", file(1)),
        lambda: backend.stat("a"),
        lambda: backend.delete("a"),
        lambda: list(backend.list()),
    ):
        with pytest.raises(StorageDenied, match="403"):
            call()
    assert raw.names() == ["a"]


@pytest.mark.parametrize("options", [v1, v3, credential])
def test_wrong_credentials_are_denied(built, swift, options):
    secret = next(name for name in options(swift) if name in {"password", CREDENTIAL})
    backend = built(**{**options(swift), secret: "wrong"})
    with pytest.raises(StorageDenied, match="credentials"):
        backend.stat("a")


def test_an_unknown_project_or_region_is_denied(built, swift):
    with pytest.raises(StorageDenied, match="project"):
        built(**{**v3(swift), "project_name": "none"}).stat("a")
    with pytest.raises(StorageDenied, match=swift.keystone_region_name):
        built(**v3(swift), region_name="Mars").stat("a")


def test_https_where_http_is_spoken_is_said(built, swift):
    wrong = {**v1(swift), "auth_url": swift.auth_url.replace("http:", "https:")}
    with pytest.raises(StorageDenied, match="http://"):
        built(**wrong).stat("a")


def test_http_where_https_is_spoken_is_said(built, swift):
    wrong = {**v1(swift), "auth_url": swift.tls_auth_url.replace("https:", "http:")}
    with pytest.raises((StorageDenied, StorageUnavailable), match="https://"):
        built(**wrong).stat("a")


@pytest.mark.parametrize("size", [1000, 2 * SEGMENT_SIZE])
def test_over_https_with_the_certificate_that_vouches(built, swift, file, size):
    backend = built(**{**v1(swift), "auth_url": swift.tls_auth_url}, cafile=str(swift.cafile))
    source = file(size)
    backend.put("a", source)
    assert backend.stat("a").checksums == {"md5": md5(source)}
    assert backend.open("a").read() == source.read_bytes()
    assert backend._account._login.token().url.startswith("https://")


def test_a_certificate_that_nobody_vouches_for_is_denied(built, swift):
    with pytest.raises(StorageDenied, match="cafile"):
        built(**{**v1(swift), "auth_url": swift.tls_auth_url}).stat("a")


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_certificate_is_not_verified_when_told_so(built, swift):
    backend = built(**{**v1(swift), "auth_url": swift.tls_auth_url}, insecure=True)
    assert list(backend.list()) == []


def test_ranges_fetch_little(built, swift, file, monkeypatch):
    backend = built(**v1(swift), segment_size_mb=4)
    source = file(9 << 20)
    backend.put("a", source)
    fetched = []
    reading = backend._range

    def counting(*arguments):
        data = reading(*arguments)
        fetched.append(len(data))
        return data

    monkeypatch.setattr(backend, "_range", counting)
    with backend.open("a") as opened, source.open("rb") as local:
        for offset in (0, 8 << 20, (4 << 20) - 50):
            assert (opened.seek(offset), local.seek(offset)) == (offset, offset)
            assert opened.read(100) == local.read(100)
    assert sum(fetched) < 1 << 18


@pytest.mark.parametrize("size", [1000, 2 * SEGMENT_SIZE])
def test_an_object_that_changes_while_it_is_read_is_unavailable(built, swift, raw, file, size):
    backend = built(**v1(swift))
    backend.put("a", file(size))
    with backend.open("a") as opened:
        raw.put("a", b"x" * size)
        with pytest.raises(StorageUnavailable, match="changed"):
            opened.read(1)


def test_a_listing_of_several_pages_is_sorted(backend, file, monkeypatch):
    monkeypatch.setattr(account_module, "PAGE", 3)
    keys = ["a-1", "a.b", "a/b", "a/c/d", "a0", "b", "b1/x/y", "c"]
    source = file(1)
    for key in reversed(keys):
        backend.put(key, source)
    assert [it.key for it in backend.list()] == keys == sorted(keys)
    assert [it.key for it in backend.list("a/")] == ["a/b", "a/c/d"]


def test_a_listing_gives_the_size_of_large_objects(built, swift, file):
    backend = built(**v1(swift))
    backend.put("a", file(2 * SEGMENT_SIZE))
    [info] = backend.list()
    assert info.size == 2 * SEGMENT_SIZE
    assert info.modified.tzinfo is not None


@pytest.mark.parametrize("size", [1000, 3 * SEGMENT_SIZE])
def test_a_token_that_is_forgotten_in_the_middle(backend, swift, file, monkeypatch, size):
    """The call is made again from the start, at once, with a new token."""
    backend.put("first", file(10))
    put = account_module.Account.put
    once = threading.Event()

    def forgetting(self, container, name, *arguments, **options):
        if not once.is_set() and re.search(r"a$|/00000001-", name):
            once.set()
            swift.forget_tokens()
        return put(self, container, name, *arguments, **options)

    monkeypatch.setattr(account_module.Account, "put", forgetting)
    waits = []

    def wait(seconds, error):
        waits.append(error.retry_after)
        return len(waits) > 5

    source = file(size)
    RetryingBackend(backend, wait).put("a", source)
    assert once.is_set()
    assert waits == [0.0]
    assert backend.stat("a").checksums == {"md5": md5(source)}


@pytest.mark.parametrize("options", [v1, v3, credential])
def test_no_secret_is_logged(built, swift, file, caplog, options):
    with caplog.at_level(logging.DEBUG):
        backend = built(**options(swift))
        backend.put("a", file(2 * SEGMENT_SIZE))
        token = backend._account._login.token().value
        swift.forget_tokens()
        for call in (backend.stat, backend.delete, backend.stat):
            try:
                call("a")
            except ShoeboxError:
                logging.getLogger("test").exception("failed")
    renewed = backend._account._login.token().value
    secrets = [v for k, v in options(swift).items() if k in {"password", CREDENTIAL}]
    for hidden in (token, renewed, *secrets):
        assert hidden not in caplog.text
        assert len(hidden) < 30 or hidden[:14] not in caplog.text
