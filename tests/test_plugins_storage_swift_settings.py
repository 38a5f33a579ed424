"""What the Swift backend is told, checked, and what the environment adds."""

import ssl

import pytest

from shoebox.errors import ConfigError
from shoebox_plugins.storage.swift.settings import Settings, from_environment

V1 = {
    "container": "audit",
    "auth_url": "https://swift.example.com/auth/v1.0",
    "username": "test:tester",
    "password": "pass-4711-word",
}
V3 = {**V1, "auth_url": "https://keystone.example.com:5000", "project_name": "demo"}
CREDENTIAL = {
    "container": "audit",
    "auth_url": V3["auth_url"],
    "application_credential_id": "7",
    "application_credential_secret": "pass-4711-word",
}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("ST_AUTH", "ST_USER", "ST_KEY", "ST_AUTH_VERSION", "OS_AUTH_VERSION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AUTH_URL", "USERNAME", "PASSWORD", "PROJECT_NAME", "INTERFACE", "CACERT"):
        monkeypatch.delenv(f"OS_{name}", raising=False)


def without(options, *names):
    return {name: value for name, value in options.items() if name not in names}


@pytest.mark.parametrize("options", [V1, V3, CREDENTIAL, {**V3, "project_id": "7"}])
def test_each_way_to_log_in_will_do(options):
    assert Settings.of(**options, stranger=1, prefix=None).container == "audit"


@pytest.mark.parametrize(
    ("url", "given", "version"),
    [
        ("http://a/auth/v1.0", None, "1"),
        ("http://a/auth/v1", None, "1"),
        ("http://a/auth/v1.0/", None, "1"),
        ("http://a:5000", None, "3"),
        ("http://a:5000/v3", None, "3"),
        ("http://a/auth", "1.0", "1"),
        ("http://a/v1.0", "3", "3"),
    ],
)
def test_the_version_is_given_or_found(url, given, version):
    assert Settings.of(**{**V3, "auth_url": url, "auth_version": given}).auth_version == version


def test_the_segments_have_a_container_of_their_own():
    assert Settings.of(**V1).segment_container == "audit_segments"
    assert Settings.of(**V1, segment_container="parts").segment_container == "parts"


@pytest.mark.parametrize("given", ["a", "a/", "a/b", "a/b/"])
def test_a_prefix_ends_in_one_slash(given):
    assert Settings.of(**V1, prefix=given).prefix == given.rstrip("/") + "/"


@pytest.mark.parametrize(
    ("size", "expected"), [(1024, 2**30), (0.25, 2**18), (0.0000001, 1), (1, 2**20)]
)
def test_the_segment_size_is_in_bytes(size, expected):
    assert Settings.of(**V1, segment_size_mb=size).segment_size == expected


def test_certificates_are_verified_unless_told_otherwise(tmp_path):
    cafile = ssl.get_default_verify_paths().openssl_cafile
    assert Settings.of(**V1).verify is True
    assert Settings.of(**V1, cafile=cafile).verify == cafile
    assert Settings.of(**V1, cafile=str(tmp_path / "gone"), insecure=True).verify is False


@pytest.mark.parametrize(
    ("base", "wrong", "named"),
    [
        (V1, {"container": ""}, "container"),
        (V1, {"container": "a/b"}, "container"),
        (V1, {"container": "a\nb"}, "container"),
        (V1, {"container": "a" * 257}, "container"),
        (V1, {"segment_container": "a/b"}, "segment_container"),
        (V1, {"segment_container": "audit"}, "segment_container"),
        (V1, {"storage_policy": "gold"}, "storage_policy.*create_container"),
        (V1, {"prefix": "/a"}, "prefix"),
        (V1, {"prefix": "../a"}, "prefix"),
        (V1, {"auth_url": ""}, "auth_url"),
        (V1, {"auth_url": "swift.example.com"}, "auth_url"),
        (V1, {"auth_url": "ftp://a/v1.0"}, "auth_url"),
        (V1, {"auth_url": "https:///v1.0"}, "auth_url"),
        (V1, {"auth_url": "https://a:x/v1.0"}, "auth_url"),
        (V1, {"auth_url": "https://[a/v1.0"}, "auth_url"),
        (V1, {"auth_url": "https://u:pass-4711-word@a/v1.0"}, "auth_url"),
        (V1, {"auth_version": "2"}, "auth_version"),
        (V1, {"username": ""}, "username"),
        (V1, {"password": ""}, "password"),
        (V1, {"password": "pass-4711-word\n"}, "password"),
        (V1, {"username": " a"}, "username"),
        (V3, {"project_name": ""}, "project_name.*project_id"),
        (V3, {"interface": "private"}, "interface"),
        (CREDENTIAL, {"application_credential_id": ""}, "application_credential_id"),
        (CREDENTIAL, {"application_credential_secret": ""}, "application_credential_secret"),
        (V1, {"cafile": "/nowhere/ca.pem"}, "cafile.*No such file"),
        (V1, {"segment_size_mb": 0}, "segment_size_mb"),
        (V1, {"segment_size_mb": float("nan")}, "segment_size_mb"),
        (V1, {"timeout": -1}, "timeout"),
        (V1, {"max_concurrency": 0}, "max_concurrency"),
        (V1, {"delete_after": 0}, "delete_after"),
    ],
)
def test_what_can_not_work_is_named_without_the_secret(base, wrong, named):
    with pytest.raises(ConfigError, match=f"^{named}") as caught:
        Settings.of(**{**base, **wrong})
    assert "4711" not in str(caught.value)


def test_a_cafile_that_holds_no_certificate_is_named(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ConfigError, match="cafile"):
        Settings.of(**V1, cafile=str(tmp_path / "ca.pem"))


def test_no_secret_is_in_what_a_debugger_shows():
    assert "4711" not in repr(Settings.of(**V1)) + repr(Settings.of(**CREDENTIAL))


def test_the_environment_of_version_1(monkeypatch):
    monkeypatch.setenv("ST_AUTH", V1["auth_url"])
    monkeypatch.setenv("ST_USER", V1["username"])
    monkeypatch.setenv("ST_KEY", V1["password"])
    monkeypatch.setenv("OS_USERNAME", "keystone's")
    found = Settings.of(container="audit", **from_environment({}))
    assert found == Settings.of(**V1)


def test_the_environment_of_version_3(monkeypatch):
    for name in ("auth_url", "username", "password", "project_name"):
        monkeypatch.setenv(f"OS_{name.upper()}", V3[name])
    monkeypatch.setenv("OS_INTERFACE", "internalURL")
    monkeypatch.setenv("OS_IDENTITY_API_VERSION", "3")
    monkeypatch.setenv("OS_USER_DOMAIN_NAME", "users")
    found = Settings.of(container="audit", **from_environment({}))
    assert found == Settings.of(**V3, interface="internal", user_domain_name="users")


@pytest.mark.parametrize("url", [V1["auth_url"], V3["auth_url"]])
def test_a_given_url_takes_the_credentials_that_are_for_it(monkeypatch, url):
    monkeypatch.setenv("ST_AUTH", "http://elsewhere/auth/v1.0")
    monkeypatch.setenv("ST_USER", "own")
    monkeypatch.setenv("OS_USERNAME", "keystone's")
    expected = "own" if url == V1["auth_url"] else "keystone's"
    assert from_environment({"auth_url": url}) == {"username": expected}


def test_what_is_given_is_not_replaced(monkeypatch):
    monkeypatch.setenv("OS_PASSWORD", "other")
    monkeypatch.setenv("OS_CACERT", "/ca.pem")
    assert from_environment({"password": "given"}) == {"cafile": "/ca.pem"}
