"""Connections to Swift, each used by one thread at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from swiftclient.client import HTTPConnection

from shoebox.errors import ObjectNotFound
from shoebox_plugins.storage.swift.settings import Settings


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
    return connection


def answer_headers(connection: HTTPConnection) -> dict[str, str]:
    """Return the headers of the last answer as they came: the SDK unquotes % in them.

    Their names are in lower case.
    """
    return {name.lower(): value for name, value in connection.resp.headers.items()}
