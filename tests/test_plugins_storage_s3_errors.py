"""What the SDK raises, as what a backend may raise."""

import ssl
from datetime import UTC, datetime

import botocore.exceptions as sdk
import pytest
from botocore.parsers import ResponseParserError
from urllib3.exceptions import ProtocolError

from shoebox.errors import StorageDenied, StorageRejected, StorageUnavailable
from shoebox_plugins.storage.s3.errors import SDK_ERRORS, Place, retry_after, translate

PLACE = Place("https://s3.example.org", "box")
URL = {"endpoint_url": "https://s3.example.org/box/a"}


def refusal(code, state=400, headers=None, **more):
    return sdk.ClientError(
        {
            "Error": {"Code": code, "Message": "m", **more},
            "ResponseMetadata": {
                "HTTPStatusCode": state,
                "HTTPHeaders": {"x-amz-request-id": "1", **(headers or {})},
            },
        },
        "PutObject",
    )


def tls_error(reason):
    error = ssl.SSLError(1, f"[SSL: {reason}] text")
    error.reason = reason
    return sdk.SSLError(**URL, error=error)


def untrusted():
    error = ssl.SSLCertVerificationError(1, "text")
    error.verify_message = "self-signed certificate"
    return sdk.SSLError(**URL, error=error)


def test_a_message_says_where_what_and_what_to_do():
    error = translate(refusal("AccessDenied", 403), PLACE, "a\nb")
    assert str(error) == (
        "https://s3.example.org, bucket box: 'a\\nb': 'AccessDenied' (403): "
        "let these credentials read, write, list and delete in the bucket"
    )
    assert "''" not in str(translate(refusal("AccessDenied", 403), PLACE, ""))


@pytest.mark.parametrize(
    ("error", "expected", "says"),
    [
        (sdk.EndpointConnectionError(**URL), StorageUnavailable, "can't be reached"),
        (sdk.ConnectTimeoutError(**URL), StorageUnavailable, "in time"),
        (sdk.ReadTimeoutError(**URL), StorageUnavailable, "in time"),
        (sdk.ConnectionClosedError(**URL), StorageUnavailable, "cut"),
        (sdk.ResponseStreamingError(error="x"), StorageUnavailable, "cut"),
        (
            sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2),
            StorageUnavailable,
            "cut",
        ),
        (ResponseParserError("x"), StorageUnavailable, "cut"),
        (ProtocolError("x"), StorageUnavailable, "cut"),
        (sdk.ProxyConnectionError(proxy_url="x"), StorageUnavailable, "can't be reached"),
        (sdk.NoCredentialsError(), StorageDenied, "aws_access_key_id"),
        (
            sdk.CredentialRetrievalError(provider="p", error_msg="m"),
            StorageUnavailable,
            "credentials",
        ),
        (sdk.UnauthorizedSSOTokenError(), StorageDenied, "log in again"),
        (sdk.ParamValidationError(report="r"), StorageRejected, "options"),
        (sdk.UnsupportedS3ConfigurationError(msg="m"), StorageDenied, "options"),
        (tls_error("WRONG_VERSION_NUMBER"), StorageDenied, "write http://"),
        (tls_error("UNEXPECTED_EOF_WHILE_READING"), StorageUnavailable, "cut"),
        (untrusted(), StorageDenied, "cafile, or set insecure"),
    ],
)
def test_what_is_no_answer(error, expected, says):
    assert isinstance(error, SDK_ERRORS)
    made = translate(error, PLACE, "a")
    assert type(made) is expected
    assert says in str(made)


def test_what_the_http_client_says_of_headers_is_not_repeated():
    cause = ValueError("Invalid header value b'the-secret-token\\n'")
    made = translate(sdk.HTTPClientError(error=cause), PLACE, "a")
    assert type(made) is StorageUnavailable
    assert "secret" not in str(made)
    assert "ValueError" in str(made)


@pytest.mark.parametrize(
    "error",
    [
        refusal("AuthorizationHeaderMalformed", Region="eu-west-1"),
        refusal("PermanentRedirect", 301, {"x-amz-bucket-region": "eu-west-1"}),
        refusal("301", 301, {"x-amz-bucket-region": "eu-west-1"}),
        refusal("IllegalLocationConstraintException", 400, {"x-amz-bucket-region": "eu-west-1"}),
    ],
)
def test_the_region_of_a_bucket_elsewhere_is_named(error):
    made = translate(error, PLACE, "a")
    assert type(made) is StorageDenied
    assert "'eu-west-1': set region_name" in str(made)


def test_who_is_denied_is_not_sent_to_the_region_where_he_is():
    made = translate(refusal("AccessDenied", 403, {"x-amz-bucket-region": "r"}), PLACE, "a")
    assert "region" not in str(made)


def test_how_long_the_service_wants_to_be_left_alone_is_told():
    made = translate(refusal("SlowDown", 503, {"retry-after": "7"}), PLACE, "a")
    assert isinstance(made, StorageUnavailable)
    assert made.retry_after == 7.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:30 -0000", 30.0),
        ("Wed, 21 Oct 2026 07:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, seconds):
    now = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)
    assert retry_after({"retry-after": value}, now) == seconds
    assert retry_after({}, now) is None
