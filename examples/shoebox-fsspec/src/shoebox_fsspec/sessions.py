"""Connections of a driver: made when one is needed, and kept for whoever comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from shoebox.closing import Closing
from shoebox.errors import StorageError, StorageUnavailable
from shoebox_fsspec.drivers import Driver


class Sessions(Closing):
    """As many sessions as there are threads at work; each serves one of them at a time."""

    def __init__(self, connect: Callable[[], Driver]) -> None:
        self._connect = connect
        self._idle: list[Driver] = []

    @contextmanager
    def borrowed(self) -> Iterator[Driver]:
        """Yield a session, which is given back unless it may be broken."""
        session = self._take()
        try:
            yield session
        except StorageUnavailable:
            _end(session)
            self.close()  # what befell this one may have befallen those as well
            raise
        except StorageError:  # an answer of the service, which is there
            self._idle.append(session)
            raise
        except BaseException:
            _end(session)
            raise
        self._idle.append(session)

    def close(self) -> None:
        """End those that nobody uses; whoever comes later gets a new one."""
        idle, self._idle = self._idle, []
        for session in idle:
            _end(session)

    def _take(self) -> Driver:
        with suppress(IndexError):
            return self._idle.pop()
        return self._connect()


def _end(session: Driver) -> None:
    with suppress(Exception):  # it is given up, whatever it says
        session.close()
