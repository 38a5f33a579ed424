"""A server's process: started, waited for, stopped by its pid, and started again."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self
from urllib.parse import urlsplit

PATIENCE = 120.0
"""Seconds that a server may take until it answers, on a machine that is busy."""
PAUSE = 0.05
"""Seconds between two looks at whether it answers."""
TAIL = 40
"""Lines of a log that a message shows."""


class ServerFailedError(Exception):
    """A server could not be installed or started: never a reason to skip a test."""


class Process:
    """One server: its command, its log, and how to see that it is ready.

    It starts in the log's folder, with `environment` added to this process's own, and keeps
    its ports and its data when it is stopped and started again. It may take `grace` seconds to
    end when it is asked to.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        ready: Callable[[], bool],
        *,
        environment: Mapping[str, str] | None = None,
        grace: float = 15.0,
    ) -> None:
        self._command = command
        self._log = log
        self._ready = ready
        self._environment = environment
        self._grace = grace
        self._running: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start it, unless it runs, without waiting; others may start beside it."""
        if self._running is not None:
            return
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                [*map(str, self._command)],
                cwd=self._log.parent,
                env=_environment(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C ends the tests, which then stop their servers, and all that those started.
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Return when it is ready; raise ServerFailedError if it ends or takes too long."""
        end = time.monotonic() + PATIENCE
        while self._still_runs() and not self._ready():
            if time.monotonic() > end:
                raise self._failed(f"was not ready after {PATIENCE:.0f} s")
            time.sleep(PAUSE)

    def stop(self) -> None:
        """Ask it to end, and end it if it doesn't; it may be stopped twice."""
        self._end(signal.SIGTERM, signal.SIGKILL)

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def _end(self, *signals: signal.Signals) -> None:
        """Send one signal after the other to it and what it started, until it has ended."""
        running, self._running = self._running, None
        if running is None or running.poll() is not None:
            return
        for it in signals:
            os.killpg(running.pid, it)
            with suppress(subprocess.TimeoutExpired):
                running.wait(self._grace)
                return

    def _still_runs(self) -> bool:
        code = None if self._running is None else self._running.poll()
        if code is not None:
            self._running = None
            raise self._failed(f"ended by itself with code {code}")
        return True

    def _failed(self, what: str) -> ServerFailedError:
        return ServerFailedError(f"{self._log.stem} {what}; {tail(self._log)}")


@dataclass(frozen=True, kw_only=True)
class Server:
    """What tests know of a server: how to reach it, and how to take it away."""

    processes: tuple[Process, ...]

    def start(self) -> None:
        """Start what doesn't run, on the same ports and with its data."""
        for process in self.processes:
            process.launch()
        for process in self.processes:
            process.wait_until_ready()

    def stop(self) -> None:
        """Take it away: its ports refuse connections."""
        for process in self.processes:
            process.stop()

    def kill(self) -> None:
        """Take it away at once, in the middle of whatever it does."""
        for process in self.processes:
            process.kill()

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Start it for a while."""
        try:
            self.start()
            yield self
        finally:
            self.stop()


def run(command: Sequence[str | Path], log: Path, **environment: str) -> None:
    """Run a command to its end; raise ServerFailedError with the log's tail if it fails."""
    with log.open("ab") as output:
        done = subprocess.run(
            [*map(str, command)],
            env=_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        line = " ".join(map(str, command))
        raise ServerFailedError(f"{line} failed with code {done.returncode}; {tail(log)}")


def answers(url: str) -> bool:
    """Tell whether the server says that all is well at this http URL."""
    try:
        return fetch(url)[0] == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def fetch(
    url: str,
    method: str = "GET",
    body: str | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Return status, headers and body of one request, past any proxy of this machine."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request(method, parts.path, body, dict(headers))
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read()
    finally:
        connection.close()


def tail(log: Path) -> str:
    """Return the end of a log, to be shown in a message."""
    lines = log.read_text(errors="replace").splitlines()[-TAIL:] if log.exists() else []
    return "\n".join([f"the end of {log}:", *lines])


def _environment(added: Mapping[str, str] | None) -> dict[str, str]:
    """Return this process's environment without what is meant for this process's Python.

    What is on loopback needs no proxy, which Swift would ask where this machine has one.
    """
    ours = {name: it for name, it in os.environ.items() if not name.startswith("PYTHON")}
    return {**ours, **(added or {})}
