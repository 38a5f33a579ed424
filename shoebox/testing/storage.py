"""The tests of a storage backend, for pytest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from shoebox.storage import StorageBackend
from shoebox.testing import storage_checks
from shoebox.testing.storage_checks import Check, Subject


def _each(checks: Sequence[Check]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("check", checks, ids=lambda check: check.__name__)


class RawAccess(ABC):
    """What the author of a backend supplies to bypass it."""

    list_lag: float = 0.0
    """Seconds that a list may be behind what was put or deleted."""

    @abstractmethod
    def raw_put(self, key: str, data: bytes) -> None:
        """Store an object, replacing what is there, without the backend."""

    @abstractmethod
    def raw_get(self, key: str) -> bytes | None:
        """Return what is stored under the key, or None, without the backend."""

    @pytest.fixture
    def kit_folder(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Return a folder for the files that a check makes."""
        return tmp_path_factory.mktemp("kit")

    def _subject(self, backend: StorageBackend, folder: Path) -> Subject:
        return Subject(backend, folder, self.raw_put, self.raw_get, lag=self.list_lag)


class StorageBackendTests(RawAccess):
    """What every backend does.

    Subclass it, define a fixture `backend` that gives a backend over something empty, and
    the two methods that bypass it::

        class TestMine(StorageBackendTests):
            @pytest.fixture
            def backend(self, bucket):
                with MyBackend(bucket=bucket) as backend:
                    yield backend

            def raw_put(self, key, data): ...

            def raw_get(self, key): ...

    Add `PartsTests`, `RaceTests`, `DeniedTests` and `UnavailableTests` to the bases where they
    apply; each says what it needs.
    """

    many: int = 25
    """Objects of a list; set it to more than the backend asks for at once."""

    @_each(storage_checks.DUTIES)
    def test_duty(self, check: Check, backend: StorageBackend, kit_folder: Path) -> None:
        """Each duty is kept."""
        check(replace(self._subject(backend, kit_folder), many=self.many))


class PartsTests(RawAccess):
    """What a backend does that puts larger files in parts."""

    @property
    @abstractmethod
    def limit(self) -> int:
        """Bytes over which the `backend` puts in parts: have it as small as it can be."""

    @abstractmethod
    def raw_leftovers(self) -> Collection[str]:
        """Return names of what is there of uploads that did not come to their end."""

    @_each(storage_checks.PARTS)
    @pytest.mark.parametrize("size", ["at the limit", "one over", "two and a half times"])
    def test_parts(
        self, check: Check, size: str, backend: StorageBackend, kit_folder: Path
    ) -> None:
        """The duties are kept for files of every number of parts."""
        sizes = {"at the limit": 0, "one over": 1, "two and a half times": self.limit * 3 // 2}
        subject = self._subject(backend, kit_folder)
        check(replace(subject, size=self.limit + sizes[size], leftovers=self.raw_leftovers))


class RaceTests(RawAccess):
    """What a backend does whose service can itself refuse to replace an object."""

    @_each(storage_checks.RACE)
    def test_race(self, check: Check, backend: StorageBackend, kit_folder: Path) -> None:
        """Of puts that race, one at most wins."""
        check(self._subject(backend, kit_folder))


class DeniedTests(RawAccess):
    """What a backend does when the service refuses.

    Define a fixture `denied_backend`, over the same place, with credentials that may neither
    write nor delete; whether they may read is all the same. Subclass it once for each way
    in which a service refuses.
    """

    @_each(storage_checks.DENIED)
    def test_denied(self, check: Check, denied_backend: StorageBackend, kit_folder: Path) -> None:
        """What is refused is StorageDenied."""
        check(self._subject(denied_backend, kit_folder))


class UnavailableTests(RawAccess):
    """What a backend does when its service can't be reached.

    Define a fixture `unavailable_backend`, for a place where nothing listens.
    """

    @_each(storage_checks.UNAVAILABLE)
    def test_unavailable(
        self, check: Check, unavailable_backend: StorageBackend, kit_folder: Path
    ) -> None:
        """What can't be reached is StorageUnavailable."""
        check(self._subject(unavailable_backend, kit_folder))
