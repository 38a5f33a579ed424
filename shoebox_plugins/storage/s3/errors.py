"""What the SDK raises, as what a backend may raise: one sentence each, without a secret."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import botocore.exceptions as sdk
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from shoebox.errors import StorageDenied, StorageError, StorageRejected, StorageUnavailable
from shoebox.storage import shown
from shoebox_plugins.storage.s3 import tls
from shoebox_plugins.storage.s3.codes import ELSEWHERE, STALE, meaning

SDK_ERRORS = (sdk.ClientError, sdk.BotoCoreError, ResponseParserError, HTTPError)
"""The roots of all that the SDK raises."""

_NOT_TLS = {
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
    "UNKNOWN_PROTOCOL",
}
_CUT = (
    sdk.ConnectionClosedError,
    sdk.ResponseStreamingError,
    sdk.IncompleteReadError,
    ResponseParserError,
    HTTPError,
)
_NO_CREDENTIALS = (sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.NoAuthTokenError)
_LOGIN = (sdk.SSOError, sdk.LoginError, sdk.TokenRetrievalError, sdk.RefreshWithMFAUnsupportedError)


@dataclass(frozen=True)
class Place:
    """Where requests go."""

    endpoint: str
    bucket: str

    def __str__(self) -> str:
        return f"{self.endpoint}, bucket {self.bucket}"

    def of(self, key: str) -> str:
        """Return the place of an object, or of all of them, for a message."""
        return f"{self}: {shown(key)}" if key else str(self)


@dataclass(frozen=True)
class Answer:
    """What a service said that refused a request."""

    code: str
    state: int
    region: str | None
    headers: Mapping[str, str]

    @property
    def stale(self) -> bool:
        """Whether the credentials are what is wrong, which may have been renewed meanwhile."""
        return self.code in STALE

    @property
    def bare(self) -> bool:
        """Whether it is the answer of a server that did not understand a word."""
        return self.code == "400" and not any(it.startswith("x-amz-") for it in self.headers)

    @property
    def elsewhere(self) -> bool:
        """Whether it says that the bucket is in another region."""
        return self.code in ELSEWHERE or 300 <= self.state < 400  # noqa: PLR2004 - redirections


def answer(error: sdk.ClientError) -> Answer:
    """Return what the service said."""
    said = error.response.get("Error", {})
    about = error.response.get("ResponseMetadata", {})
    headers = about.get("HTTPHeaders", {})
    region = said.get("Region") or headers.get("x-amz-bucket-region")
    return Answer(str(said.get("Code", "")), int(about.get("HTTPStatusCode", 0)), region, headers)


def translate(error: Exception, place: Place, key: str) -> StorageError:
    """Return what a backend may raise in place of one of `SDK_ERRORS`."""
    if isinstance(error, sdk.ClientError):
        return _refused(answer(error), place, key)
    kind, what = _broken(error, place)
    return kind(f"{place.of(key)}: {what}")


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After asks for: a number of them, or a date."""
    value = headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - (datetime.now(UTC) if now is None else now)).total_seconds())


def _refused(said: Answer, place: Place, key: str) -> StorageError:
    if said.bare and tls.speaks_tls_unasked(place.endpoint):
        return StorageDenied(f"{place.of(key)}: {tls.WRITE_HTTPS}")
    kind, remedy = meaning(said.code, said.state)
    if said.elsewhere and said.region is not None:
        remedy = f"the bucket is in region {shown(said.region)}: set region_name to that"
    text = f"{place.of(key)}: {shown(said.code)} ({said.state}): {remedy}"
    if issubclass(kind, StorageUnavailable):
        return kind(text, retry_after(said.headers))
    return kind(text)


def _broken(error: Exception, place: Place) -> tuple[type[StorageError], str]:
    """Return the error for what is no answer, and what to say of it."""
    if isinstance(error, sdk.SSLError):
        return _tls(error)
    if isinstance(error, _CUT):
        if tls.speaks_tls_unasked(place.endpoint):
            return StorageDenied, tls.WRITE_HTTPS
        return StorageUnavailable, "the connection was cut; try again"
    if isinstance(error, sdk.ReadTimeoutError | sdk.ConnectTimeoutError):
        return StorageUnavailable, "the service did not answer in time; try again"
    if isinstance(error, sdk.EndpointConnectionError | sdk.ProxyConnectionError):
        return StorageUnavailable, (
            "can't be reached: see that the service runs, and that endpoint_url is right"
        )
    return _unready(error)


def _unready(error: Exception) -> tuple[type[StorageError], str]:
    """Return the error for a request that was not made, and what to say of it."""
    if isinstance(error, _NO_CREDENTIALS):
        return StorageDenied, (
            "there are no credentials: set aws_access_key_id and aws_secret_access_key, or "
            "profile_name, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
        )
    if isinstance(error, _LOGIN):
        return StorageDenied, "the login of the profile has expired: log in again"
    if isinstance(error, sdk.CredentialRetrievalError | sdk.MetadataRetrievalError):
        return StorageUnavailable, "boto3 can't get credentials now; look at profile_name or role"
    if isinstance(error, sdk.ParamValidationError):
        return StorageRejected, "the SDK refuses the request: look at the options"
    if isinstance(error, sdk.HTTPClientError):
        return StorageUnavailable, f"the HTTP client failed ({_kinds(error)}); try again"
    return StorageDenied, f"the SDK refuses the request ({_kinds(error)}): look at the options"


def _tls(error: sdk.SSLError) -> tuple[type[StorageError], str]:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return StorageDenied, (
                f"its certificate can't be verified ({shown(cause.verify_message)}): "
                "name its authority in cafile, or set insecure"
            )
        if isinstance(cause, ssl.SSLError) and cause.reason in _NOT_TLS:
            return StorageDenied, "no TLS is spoken there: write http:// in endpoint_url"
    return StorageUnavailable, "the TLS connection was cut; try again"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it was made from."""
    todo: list[Any] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            kwargs = getattr(one, "kwargs", {})
            todo += [one.__cause__, one.__context__, *one.args, kwargs.get("error")]


def _kinds(error: Exception) -> str:
    """Return the names of an error and its cause; their texts may hold headers, with secrets."""
    return " of ".join(type(it).__name__ for it in list(_causes(error))[:2])
