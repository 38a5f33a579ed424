"""Running the checks of storage in a corner of a backend that is in use."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from shoebox.cli.check_backend_scratch import Scratch
from shoebox.errors import ObjectNotFound, StorageError
from shoebox.escaping import cause
from shoebox.storage import StorageBackend
from shoebox.testing import storage_checks, use_checks
from shoebox.testing.storage_checks import Check, Failed, Subject

CHECKS = tuple(it for it in storage_checks.DUTIES if it is not use_checks.a_tolerant_constructor)
"""All but that of the constructor, which has been called by then."""

LAG = 10.0
"""Seconds that a list may be behind."""


@dataclass(frozen=True)
class Outcome:
    """What a check was for, whether the backend passed it, and what was seen."""

    duty: str
    passed: bool
    seen: str


class Corner:
    """The part of a backend below a new prefix, where the checks are run.

    Each check gets a place and instances of its own: one that is checked, and another to look
    at what it has stored. `left` says why something could not be removed afterwards.
    """

    def __init__(self, build: Callable[[], StorageBackend]) -> None:
        self._build = build
        self.prefix = f"shoebox-check-{secrets.token_hex(8)}"
        self.left: str | None = None

    def probe(self) -> None:
        """Put, list and delete; raise what the backend raises if it lets nobody do that."""
        before, stored = self.left, False
        try:
            with self._place("probe") as (checked, _, folder):
                path = folder / "probe"
                path.write_bytes(b"shoebox was here")
                checked.put("probe", path)
                stored = True
                next(checked.list(), None)
                checked.delete("probe")
        except StorageError:
            if not stored:
                # Of a service that takes nothing there is one thing to be said.
                self.left = before
            raise

    def outcomes(self) -> Iterator[Outcome]:
        """Run the checks; raise as `probe` if the service can't be reached any more."""
        for check in CHECKS:
            outcome = self._outcome(check)
            if not outcome.passed:
                self.probe()
            yield outcome

    def _outcome(self, check: Check) -> Outcome:
        duty = (inspect.getdoc(check) or check.__name__).rstrip(".")
        try:
            return Outcome(duty, passed=True, seen=self._run(check))
        except Failed as error:
            seen = str(error)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            seen = cause(error)
        return Outcome(duty, passed=False, seen=seen)

    def _run(self, check: Check) -> str:
        with self._place(check.__name__) as (checked, other, folder):
            subject = Subject(
                checked,
                folder,
                raw_put=lambda key, data: _put(other, key, data),
                raw_get=lambda key: _read(other, key),
                lag=LAG,
            )
            return check(subject)

    @contextmanager
    def _place(self, name: str) -> Iterator[tuple[Scratch, Scratch, Path]]:
        """Yield two instances for a part of the corner, and a folder; all are emptied."""
        prefix = f"{self.prefix}/{name}/"
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            other = stack.enter_context(Scratch(self._build(), prefix))
            checked = stack.enter_context(Scratch(self._build(), prefix))
            stack.callback(self._empty, other, checked)
            yield checked, other, folder

    def _empty(self, other: Scratch, checked: Scratch) -> None:
        """Remove everything, by the instance that no check has closed."""
        try:
            other.empty(checked.put_keys)
        except Exception as error:  # noqa: BLE001 - what the check has raised is told instead
            self.left = cause(error)


def _put(backend: StorageBackend, key: str, data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        backend.put(key, path)


def _read(backend: StorageBackend, key: str) -> bytes | None:
    try:
        with backend.open(key) as file:
            return file.read()
    except ObjectNotFound:
        return None
