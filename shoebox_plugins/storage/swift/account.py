"""Requests to one Swift account, from several threads, with the errors of a backend."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

import msgspec
from swiftclient import client
from swiftclient.client import HTTPConnection

from shoebox.errors import ObjectNotFound, StorageDenied, StorageError, StorageUnavailable
from shoebox.storage import hide_debug_log, scrub, shown
from shoebox_plugins.storage.swift.body import Body
from shoebox_plugins.storage.swift.connections import Connections, answer_headers
from shoebox_plugins.storage.swift.errors import SDK_ERRORS, status_of, translated
from shoebox_plugins.storage.swift.info import Entry
from shoebox_plugins.storage.swift.login import Token, login
from shoebox_plugins.storage.swift.settings import Settings

PAGE = 1000
"""Objects in one answer of a listing; Swift gives ten times as many if it is not told."""

_UNAUTHORIZED = 401
_CONFLICT = 409


class Readable(Protocol):
    """The body of an answer."""

    def read(self, size: int | None = None, /) -> bytes:
        """Return bytes, none at the end."""


@dataclass(frozen=True)
class _Line:
    """A connection that is ours for a while, and the token that goes with it."""

    token: Token
    connection: HTTPConnection

    @property
    def account(self) -> tuple[str, str]:
        return self.token.url, self.token.value

    @property
    def http(self) -> tuple[Any, HTTPConnection]:
        return self.connection.parsed_url, self.connection

    @property
    def headers(self) -> dict[str, str]:
        return answer_headers(self.connection)


class Account:
    """Sends each request once; names are `container`, then `name`, the object's in it.

    The functions of the SDK are used, not its Connection, which asks for another
    token and sends again by itself.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._login = login(settings)
        self._connections = Connections(settings)
        _hide_logs()

    def close(self) -> None:
        """Close the connections; those in use are closed when they are given back."""
        self._connections.close()
        self._login.close()

    def head(self, container: str, name: str) -> dict[str, str]:
        """Return the object's headers; their names are in lower case."""
        with self._line(container, name) as line:
            client.head_object(*line.account, container, name, http_conn=line.http)
            return line.headers

    def put(
        self,
        container: str,
        name: str,
        contents: Body | bytes,
        *,
        size: int,
        headers: Mapping[str, str],
        etag: str,
        query: str | None = None,
    ) -> None:
        """Store an object of which this is the ETag, by the service's own reckoning too."""
        with self._line(container, name) as line:
            try:
                answered = client.put_object(
                    *line.account,
                    container,
                    name,
                    contents if size else b"",
                    content_length=size,
                    # With a query it is a manifest, whose ETag is not that of its bytes.
                    etag=None if query else etag,
                    content_type="application/octet-stream",
                    headers=headers,
                    query_string=query,
                    http_conn=line.http,
                )
            except SDK_ERRORS:
                if isinstance(contents, Body) and contents.failure is not None:
                    raise contents.failure from None
                raise
        if answered.strip('"') != etag:
            raise StorageUnavailable(
                f"{self.where(container, name)}: was stored with ETag {shown(answered)} instead "
                f"of {etag}; try again"
            )

    @contextmanager
    def reading(
        self,
        container: str,
        name: str,
        headers: Mapping[str, str] | None = None,
        query: str | None = None,
    ) -> Iterator[tuple[dict[str, str], Readable]]:
        """Yield the object's headers, and its body, to be read to its end."""
        with self._line(container, name) as line:
            _, body = client.get_object(
                *line.account,
                container,
                name,
                resp_chunk_size=PAGE,  # any: it says not to read the body at once
                query_string=query,
                headers=dict(headers or {}),
                http_conn=line.http,
            )
            yield line.headers, cast("Readable", body)

    def delete(self, container: str, name: str) -> None:
        """Remove an object."""
        with self._line(container, name) as line:
            client.delete_object(*line.account, container, name, http_conn=line.http)

    def listing(self, container: str, prefix: str) -> Iterator[Entry]:
        """Yield what the container's listing has of each object, sorted by name."""
        marker = ""
        while page := self._page(container, prefix, marker):
            yield from page
            marker = page[-1].name

    def _page(self, container: str, prefix: str, marker: str) -> list[Entry]:
        try:
            with self._line(container) as line:
                _, page = client.get_container(
                    *line.account,
                    container,
                    marker=marker,
                    limit=PAGE,
                    prefix=prefix,
                    http_conn=line.http,
                )
            return msgspec.convert(page, list[Entry])
        except (ValueError, msgspec.ValidationError) as error:
            where = self.where(container)
            raise StorageUnavailable(f"{where}: its listing can't be read: {error}") from error

    def has(self, container: str) -> bool:
        """Tell whether the container is there."""
        try:
            with self._line(container) as line:
                client.head_container(*line.account, container, http_conn=line.http)
        except ObjectNotFound:
            return False
        return True

    def make(self, container: str, policy: str) -> None:
        """Make the container if it is not there."""
        headers = {"X-Storage-Policy": policy} if policy else {}
        try:
            with self._line(container) as line:
                client.put_container(*line.account, container, headers, http_conn=line.http)
        except StorageUnavailable as error:
            if status_of(error.__cause__) != _CONFLICT:
                raise
            raise StorageDenied(
                f"{self.where(container)}: has another storage policy than {shown(policy)}; "
                "correct storage_policy, or take another container"
            ) from error

    def where(self, *names: str) -> str:
        """Return what a message begins with: the service, the container, the object."""
        return f"{self._settings.auth_url}: {_path(*names)}"

    def missing(self, container: str) -> StorageDenied:
        """Return the error for a container that is not there."""
        return StorageDenied(
            f"{self._settings.auth_url}: there is no container {shown(container)}; make it, or "
            "set create_container"
        )

    @contextmanager
    def _line(self, *names: str) -> Iterator[_Line]:
        token = self._login.token()
        with self._connections.borrowed(token.url) as connection:
            try:
                yield _Line(token, connection)
            except SDK_ERRORS as error:
                raise self._error(error, token, names) from error
        token.proven = True

    def _error(self, error: Exception, token: Token, names: tuple[str, ...]) -> StorageError:
        where = f"{token.url}/{_path(*names)}"
        scrub(error, token.value, *self._settings.secrets)
        status = status_of(error)
        if status != _UNAUTHORIZED:
            token.proven = token.proven or status is not None
            return translated(error, where)
        self._login.forget(token)
        if token.proven:
            return StorageUnavailable(f"{where}: the token has expired; try again", 0.0)
        # Wrong credentials get no token: this one was revoked, or can't be checked just now.
        return StorageUnavailable(
            f"{where}: a new token is refused; see that {self._settings.auth_url} is the auth "
            "service of this Swift, and that it can check tokens"
        )


def _path(*names: str) -> str:
    """Return names as they may stand in a message: escaped and bounded."""
    return "/".join(shown(name)[1:-1] for name in names)


def _hide_logs() -> None:
    """Have the SDK log no request: there are tokens in it."""
    logging.getLogger("keystoneauth.session")  # which it makes no sooner than it logs
    hide_debug_log("swiftclient", "keystoneauth", "keystoneauth1", "urllib3", "requests")
    # At INFO it logs requests that were refused, with the beginning of the token.
    logging.getLogger("swiftclient").addFilter(_is_no_request)


def _is_no_request(record: logging.LogRecord) -> bool:
    return record.levelno > logging.INFO
