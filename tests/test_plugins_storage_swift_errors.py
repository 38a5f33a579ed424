"""Answers of Swift, Keystone and the network, as what a backend may raise."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import BadStatusLine, RemoteDisconnected

import pytest
from keystoneauth1 import exceptions as keystone
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ReadTimeout, SSLError
from swiftclient.exceptions import ClientException
from urllib3.exceptions import ProtocolError

from shoebox.errors import (
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.storage import scrub
from shoebox_plugins.storage.swift.errors import (
    login_failed,
    reason,
    status_of,
    translated,
)

WHERE = "http://swift:8080/v1/AUTH_test/audit/a"


def answer(status, body=b"", reason="Reason", **headers):
    return ClientException(
        "Object PUT failed",
        http_status=status,
        http_reason=reason,
        http_response_content=body,
        http_response_headers=headers,
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (403, StorageDenied),
        (404, ObjectNotFound),
        (405, StorageDenied),
        (412, KeyCollision),
        (400, StorageRejected),
        (411, StorageRejected),
        (413, StorageRejected),
        (414, StorageRejected),
        *((it, StorageUnavailable) for it in (408, 409, 416, 422, 429, 498, 499)),
        *((it, StorageUnavailable) for it in (500, 501, 502, 503, 504, 507, 599)),
        *((it, StorageDenied) for it in (301, 302, 307, 308)),
    ],
)
def test_each_status_is_an_error_that_says_where_and_what_to_do(status, expected):
    error = translated(answer(status), WHERE)
    assert type(error) is expected
    assert str(error).startswith(f"{WHERE}: {status} Reason")
    assert "; " in str(error)


def test_a_rejection_gives_the_services_reason():
    error = translated(answer(400, b"<html><h1>Bad</h1><p>Name too\nlong</p></html>"), WHERE)
    assert "'Bad Name too long'" in str(error)


def test_a_reason_is_escaped_and_bounded():
    error = translated(answer(400, b"\x1b[31m" * 10_000), WHERE)
    assert str(error).isprintable()
    assert len(str(error)) < 1000


def test_a_quota_is_not_the_objects_fault():
    error = translated(answer(413, b"Upload exceeds quota."), WHERE)
    assert isinstance(error, StorageDenied)
    assert "quota" in str(error)


def test_a_redirect_names_the_place():
    assert "https://a/v1" in str(translated(answer(301, Location="https://a/v1"), WHERE))


def test_http_at_a_port_for_https_is_said():
    body = b"<p>The plain HTTP request was sent to HTTPS port</p>"
    assert "https://" in str(translated(answer(400, body), WHERE))


@pytest.mark.parametrize(("text", "seconds"), [("7", 7.0), ("0", 0.0), ("soon", None), ("", None)])
def test_retry_after_in_seconds(text, seconds):
    error = translated(answer(503, **{"Retry-After": text}), WHERE)
    assert error.retry_after == seconds


@pytest.mark.parametrize(("offset", "least", "most"), [(100, 90, 100), (-100, 0, 0)])
def test_retry_after_as_a_date(offset, least, most):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=offset))
    for form in (date, date.replace("+0000", "GMT"), date.replace("+0000", "-0000")):
        error = translated(answer(429, **{"Retry-After": form}), WHERE)
        assert least <= error.retry_after <= most


def from_below(error, cause):
    """Return the error as the SDK raises it, while another is being handled."""
    try:
        try:
            raise cause
        except Exception:  # noqa: BLE001 - whatever it is
            raise error  # noqa: B904 - the SDK gives no cause either
    except Exception as raised:  # noqa: BLE001 - the same
        return raised


@pytest.mark.parametrize(
    ("error", "expected", "said"),
    [
        (
            SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed"),
            StorageDenied,
            "cafile",
        ),
        (SSLError("[SSL: WRONG_VERSION_NUMBER] wrong version"), StorageDenied, "http://"),
        (SSLError("[SSL: RECORD_LAYER_FAILURE] record layer"), StorageDenied, "http://"),
        (
            RequestsConnectionError(ProtocolError("Aborted", BadStatusLine("\x15\x03\x03"))),
            StorageDenied,
            "https://",
        ),
        (ReadTimeout("Read timed out. (read timeout=1)"), StorageUnavailable, "timeout"),
        (
            ProtocolError("IncompleteRead(5 bytes read, 5 more expected)"),
            StorageUnavailable,
            "cut off",
        ),
        (
            from_below(RequestsConnectionError("x"), ConnectionRefusedError(111, "refused it")),
            StorageUnavailable,
            "refused it",
        ),
        (
            from_below(RequestsConnectionError("x"), RemoteDisconnected("without response")),
            StorageUnavailable,
            "without response",
        ),
        (SSLError("something else"), StorageUnavailable, "something else"),
        (ClientException("Unsupported scheme"), StorageDenied, "Unsupported scheme"),
        (keystone.ConnectFailure("no"), StorageUnavailable, "no"),
        (keystone.ConnectTimeout("Request to a timed out"), StorageUnavailable, "timeout"),
        (keystone.SSLError("CERTIFICATE_VERIFY_FAILED"), StorageDenied, "cafile"),
        (keystone.AuthorizationFailure("no way"), StorageDenied, "no way"),
        (keystone.EmptyCatalog("empty"), StorageDenied, "empty"),
    ],
)
@pytest.mark.parametrize("call", [translated, login_failed])
def test_what_is_no_answer(call, error, expected, said):
    made = call(error, WHERE)
    assert type(made) is expected
    assert said in str(made)
    assert str(made).startswith(f"{WHERE}: ")
    assert status_of(error) is None


@pytest.mark.parametrize(
    ("error", "expected", "said"),
    [
        (answer(401), StorageDenied, "credentials"),
        (answer(403), StorageDenied, "credentials"),
        (keystone.Unauthorized("no"), StorageDenied, "credentials"),
        (answer(404), StorageDenied, "auth_url"),
        (keystone.NotFound("no"), StorageDenied, "auth_url"),
        (
            keystone.BadRequest("Expecting to find domain"),
            StorageDenied,
            "Expecting to find domain",
        ),
        (answer(412), StorageDenied, "auth_url"),
        (answer(302, Location="https://a/"), StorageDenied, "https://a/"),
        (answer(429), StorageUnavailable, "later"),
        (
            keystone.TooManyRequests("no") if hasattr(keystone, "TooManyRequests") else answer(429),
            StorageUnavailable,
            "later",
        ),
        (answer(503), StorageUnavailable, "later"),
        (keystone.ServiceUnavailable("no"), StorageUnavailable, "later"),
    ],
)
def test_an_answer_instead_of_a_token(error, expected, said):
    made = login_failed(error, WHERE)
    assert type(made) is expected
    assert said in str(made)


def test_secrets_that_come_back_are_taken_out():
    errors = [answer(400, b"your word is secret"), keystone.BadRequest("your word is secret")]
    for error in errors:
        scrub(error, "secret", "")
        assert "secret" not in f"{error} {error!r} {reason(error)} {translated(error, WHERE)}"
        assert "your word" in reason(error)
