"""Tokens: from Keystone and from Swift's own auth, kept until they are refused."""

import pytest

from shoebox.errors import StorageDenied, StorageUnavailable
from shoebox_plugins.storage.swift.login import login
from shoebox_plugins.storage.swift.settings import Settings
from tests.swift_server import ACCOUNT, serving

WRONG = {"password": "wrong"}


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture(params=["1", "3"])
def options(request, server):
    return server.options if request.param == "1" else server.v3_options


@pytest.fixture
def built(options):
    made = []

    def build(**others):
        made.append(login(Settings.of(**options(**others))))
        return made[-1]

    yield build
    for it in made:
        it.close()
        it.close()


def test_a_token_is_asked_for_once(server, built):
    it = built()
    token = it.token()
    assert it.token() is token
    assert (token.url, [token.value]) == (server.url + ACCOUNT, server.given)
    assert token.value not in repr(token)


def test_a_token_that_was_refused_is_thrown_away_once(server, built):
    it = built()
    first = it.token()
    it.forget(first)
    second = it.token()
    it.forget(first)
    assert it.token() is second
    assert [first.value, second.value] == server.given


def test_a_wrong_password_is_denied(server, built):
    with pytest.raises(StorageDenied, match="credentials"):
        built(**WRONG).token()


@pytest.mark.parametrize(
    ("fault", "expected", "said"),
    [
        ({"status": 503, "headers": {"Retry-After": "7"}}, StorageUnavailable, "503"),
        ({"status": 429}, StorageUnavailable, "429"),
        ({"lost": True}, StorageUnavailable, "connection failed"),
        ({"status": 404}, StorageDenied, "auth_url"),
        ({"status": 200, "body": b"<p>Welcome</p>"}, StorageDenied, "auth_url"),
        ({"status": 302, "headers": {"Location": "http://a/"}}, StorageDenied, "http://a/"),
    ],
)
def test_what_comes_instead_of_a_token(server, built, fault, expected, said):
    """Nothing is followed and nothing is tried again here; the next call may succeed."""
    server.fail("/auth", **fault)
    it = built()
    with pytest.raises(expected, match=said) as caught:
        it.token()
    assert len(server.log) == 1
    assert getattr(caught.value, "retry_after", None) == (
        7.0 if "Retry-After" in str(fault) else None
    )
    assert it.token().value in server.tokens


def test_a_region_without_swift_names_those_that_have_one(server):
    it = login(Settings.of(**server.v3_options(region_name="Mars")))
    with pytest.raises(StorageDenied, match="Mars.*public in Earth, public in Moon"):
        it.token()
    it.close()


def test_a_project_without_swift_is_said(server):
    server.regions.clear()
    it = login(Settings.of(**server.v3_options()))
    with pytest.raises(StorageDenied, match="no Swift at all"):
        it.token()
    it.close()


def test_an_application_credential_is_a_login(server):
    options = server.options(auth_url=f"{server.url}/v3")
    secret = options.pop("password")
    credential = {"application_credential_id": "7", "application_credential_secret": secret}
    it = login(Settings.of(**options, **credential))
    assert it.token().url.endswith(ACCOUNT)
    assert server.log == ["POST /v3/auth/tokens"]
    it.close()


@pytest.mark.parametrize(
    ("auth_url", "given", "expected"),
    [
        ("https://a:1/auth/v1.0", "http://a:1/v1/AUTH_x/", "https://a:1/v1/AUTH_x"),
        ("https://a:1/auth/v1.0", "http://b:1/v1/AUTH_x", "http://b:1/v1/AUTH_x"),
        ("http://a/auth/v1.0", "https://b/v1/AUTH_x", "https://b/v1/AUTH_x"),
    ],
)
def test_behind_a_tls_proxy_the_account_is_reached_through_it(auth_url, given, expected):
    it = login(Settings.of(container="c", auth_url=auth_url, username="a", **WRONG))
    assert it._for(given, "token").url == expected
