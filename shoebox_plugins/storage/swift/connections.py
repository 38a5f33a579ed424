"""Connections to Swift, each used by one thread at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from swiftclient.client import HTTPConnection

from shoebox.errors import ObjectNotFound
from shoebox_plugins.storage.swift.settings import Settings

_BLOCK = 1 << 18
"""Bytes of a file that are read and sent at once."""


class Connections:
    """Keeps connections that nobody uses for the next one who needs one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: deque[HTTPConnection] = deque()
        self._closed = False

    def close(self) -> None:
        """Close them; those in use are closed when they are given back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def borrowed(self, url: str) -> Iterator[HTTPConnection]:
        """Yield a connection; it is kept for others if nothing can be left on it."""
        connection = self._taken(url)
        try:
            yield connection
        except ObjectNotFound:
            self._give_back(connection)
            raise
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)

    def _taken(self, url: str) -> HTTPConnection:
        try:
            connection = self._idle.pop()
        except IndexError:
            return connect(url, self._settings)
        if connection.url == url:
            return connection
        connection.close()
        return connect(url, self._settings)

    def _give_back(self, connection: HTTPConnection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)


class _InLargeBlocks(HTTPAdapter):
    """Sends a body in larger pieces than the SDK, for a third less of the processor's time."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Have connections made that do."""
        super().init_poolmanager(*arguments, **options, blocksize=_BLOCK)


def connect(url: str, settings: Settings) -> HTTPConnection:
    """Return a connection of the SDK's that follows no redirect.

    Following one would send the token elsewhere, and make a GET of a PUT.
    """
    connection = HTTPConnection(
        url,
        cacert=settings.cafile or None,
        insecure=settings.insecure,
        timeout=settings.timeout,
    )
    connection.requests_args["allow_redirects"] = False
    for scheme in ("http://", "https://"):
        connection.request_session.mount(scheme, _InLargeBlocks())
    return connection


def answer_headers(connection: HTTPConnection) -> dict[str, str]:
    """Return the headers of the last answer as they came: the SDK unquotes % in them.

    Their names are in lower case.
    """
    return {name.lower(): value for name, value in connection.resp.headers.items()}
