"""What Swift, Keystone and the network answer, as the errors that a backend may raise.

This is the only place that knows the SDKs' exceptions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

from keystoneauth1.exceptions import ClientException as KeystoneError
from keystoneauth1.exceptions import ConnectionError as KeystoneUnreachable
from keystoneauth1.exceptions import HttpError as KeystoneAnswer
from requests.exceptions import RequestException
from swiftclient.exceptions import ClientException as SwiftAnswer
from urllib3.exceptions import HTTPError

from shoebox.errors import (
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageError,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.storage import shown

SDK_ERRORS = (SwiftAnswer, KeystoneError, RequestException, HTTPError, HTTPException)

_Kind = type[StorageError]
_TAG = re.compile(r"<[^>]*>")
_FAILURES = 500

_ANSWERS: Mapping[int, tuple[_Kind, str]] = {
    403: (StorageDenied, "let this user read and write there, by its role or the container's ACL"),
    404: (ObjectNotFound, "there is no such object"),
    405: (StorageDenied, "this is no Swift: correct auth_url"),
    408: (StorageUnavailable, "it waited too long; try again"),
    409: (StorageUnavailable, "it was changed at the same time; try again"),
    412: (KeyCollision, "it is there with other content"),
    416: (StorageUnavailable, "it was changed while it was read; open it again"),
    422: (StorageUnavailable, "what arrived is not what was sent, and was not stored; try again"),
    429: (StorageUnavailable, "too many requests; try again later"),
    498: (StorageUnavailable, "too many requests; try again later"),
    499: (StorageUnavailable, "the request was cut off; try again"),
    507: (StorageUnavailable, "the service has no room; make some"),
}
_REJECTED = (StorageRejected, "the service takes no such object")
_FAILED = (StorageUnavailable, "the service has a fault; try again later")
_QUOTA = (StorageDenied, "a quota is used up; have it raised, or make room")
_NO_LOGIN = (StorageDenied, "no token is to be had there; correct auth_url or auth_version")
_WRONG = (
    StorageDenied,
    "the credentials or the project are wrong; correct them, and their domains and auth_version",
)
_SILENT = (StorageUnavailable, "there was no answer in time; try again, or raise timeout")
_PLAIN = (StorageDenied, "the port takes https only; write https:// in auth_url")
_MOVED = (StorageDenied, "put that into auth_url")

# Parts of what OpenSSL, http.client and the service say; the SDKs keep only the text.
_SAYINGS: tuple[tuple[str, tuple[_Kind, str]], ...] = (
    (
        "CERTIFICATE_VERIFY_FAILED",
        (
            StorageDenied,
            "its certificate can't be verified; name in cafile what vouches for it",
        ),
    ),
    ("WRONG_VERSION_NUMBER", (StorageDenied, "the port speaks no TLS; write http:// in auth_url")),
    ("RECORD_LAYER_FAILURE", (StorageDenied, "the port speaks no TLS; write http:// in auth_url")),
    (r"\x15\x03", _PLAIN),  # a TLS alert where a status line should be
    ("IncompleteRead", (StorageUnavailable, "the answer was cut off; try again")),
    ("timed out", _SILENT),
)
_HINT = "see that it runs and that auth_url is right"


def translated(error: Exception, where: str) -> StorageError:
    """Return what a backend raises for the answer to a request for an object."""
    status = status_of(error)
    if status is None:
        return _unanswered(error, where)
    if status == 413 and "quota" in reason(error).lower():  # noqa: PLR2004 - as HTTP has it
        return _said(where, error, _QUOTA)
    if status >= _FAILURES:
        return _said(where, error, _ANSWERS.get(status, _FAILED))
    return _said(where, error, _ANSWERS.get(status) or _odd(status, error))


def login_failed(error: Exception, where: str) -> StorageError:
    """Return what a backend raises for the answer to a request for a token."""
    status = status_of(error)
    if status is None:
        return _unanswered(error, where)
    if status in {401, 403}:
        return _said(where, error, _WRONG)
    if status in {408, 429, 498} or status >= _FAILURES:
        return _said(where, error, _ANSWERS.get(status, _FAILED))
    odd = _odd(status, error)
    return _said(where, error, _NO_LOGIN if odd is _REJECTED else odd)


def status_of(error: BaseException | None) -> int | None:
    """Return the HTTP status of an answer, None for an error that is none."""
    if isinstance(error, (SwiftAnswer, KeystoneAnswer)):
        return int(error.http_status) if error.http_status else None
    # Keystone's client takes a redirect, which it was told not to follow, for a bad answer.
    return getattr(getattr(error, "response", None), "status_code", None)


def reason(error: BaseException | None) -> str:
    """Return the text of an answer, without its markup."""
    body = getattr(error, "http_response_content", "") or getattr(error, "message", "")
    return " ".join(_TAG.sub(" ", _text(body)).split())


def _text(body: bytes | str | None) -> str:
    return body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""


def _odd(status: int, error: Exception) -> tuple[_Kind, str]:
    """Return what to make of an answer that no well-meant request gets."""
    if 300 <= status < 400:  # noqa: PLR2004 - as HTTP has it
        return _MOVED
    return _PLAIN if "HTTPS port" in reason(error) else _REJECTED


def _said(where: str, error: Exception, meaning: tuple[_Kind, str]) -> StorageError:
    """Return the sentence: where, what was answered, what it means or asks for."""
    kind, remedy = meaning
    headers = _headers(error)
    answer = f"{status_of(error)} {getattr(error, 'http_reason', '')}".strip()
    if (meaning is _REJECTED or status_of(error) == 400) and reason(error):  # noqa: PLR2004 - HTTP's
        answer += f", {shown(reason(error))}"
    if meaning is _MOVED:
        answer += f", {shown(headers.get('location', 'with no place'))}"
    message = f"{where}: {answer}; {remedy}"
    if kind is StorageUnavailable:
        return StorageUnavailable(message, _seconds(headers.get("retry-after", "")))
    return kind(message)


def _unanswered(error: Exception, where: str) -> StorageError:
    """Return what to make of a request that got no answer in HTTP."""
    text = f"{error!r} {error}"
    for saying, (kind, remedy) in _SAYINGS:
        if saying in text:
            return kind(f"{where}: {remedy}")
    if isinstance(error, SwiftAnswer):
        return StorageDenied(f"{where}: {error.msg}; have its endpoint put right")
    if isinstance(error, KeystoneError) and not isinstance(error, KeystoneUnreachable):
        return StorageDenied(f"{where}: {shown(str(error))}; correct the credentials or auth_url")
    hint = _HINT + (", https:// where it speaks TLS" if where.startswith("http://") else "")
    return StorageUnavailable(f"{where}: the connection failed: {_root(error)}; {hint}")


def _root(error: Exception) -> str:
    """Return what the operating system said, below what the SDKs made of it."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, HTTPException):
            return shown(str(below))
        if isinstance(below, OSError) and below.strerror:
            return below.strerror
        below = below.__cause__ or below.__context__
    return shown(str(error))


def _headers(error: Any) -> dict[str, str]:
    response = getattr(error, "response", None)
    headers = getattr(error, "http_response_headers", None) or getattr(response, "headers", None)
    return {str(name).lower(): str(value) for name, value in (headers or {}).items()}


def _seconds(retry_after: str) -> float | None:
    """Return the seconds that Retry-After asks for, be it a number of them or a date."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        asked = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    if asked.tzinfo is None:
        asked = asked.replace(tzinfo=UTC)
    return max(0.0, (asked - datetime.now(UTC)).total_seconds())
