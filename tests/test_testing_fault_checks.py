"""The checks of a service that refuses or is not there: each catches what it is there for."""

from pathlib import Path

import pytest

from shoebox.errors import ObjectNotFound, StorageDenied
from shoebox.testing import Fault, FaultyBackend, MemoryBackend, fault_checks
from shoebox.testing.subject import Failed
from tests.subjects import subject

METHODS = ["put", "get", "open", "stat", "list", "delete"]


def refusing(kind, methods=METHODS):
    """Return a backend whose service refuses these methods, for ever."""
    memory = MemoryBackend()
    backend = FaultyBackend(memory, [Fault(method, kind, onward=True) for method in methods])
    backend.inner = memory
    return backend


@pytest.mark.parametrize("methods", [METHODS, ["put", "delete"], ["put", "delete", "stat"]])
def test_who_says_what_is_denied_passes_whether_he_may_read_or_not(methods, tmp_path):
    for number, check in enumerate(
        (
            fault_checks.a_put_is_denied,
            fault_checks.a_delete_is_denied,
            fault_checks.a_read_is_denied_or_right,
        )
    ):
        (tmp_path / str(number)).mkdir()
        check(subject(refusing("denied", methods), tmp_path / str(number)))


def test_who_says_what_is_unavailable_passes(tmp_path):
    seen = fault_checks.everything_is_unavailable(subject(refusing("unavailable"), tmp_path))
    assert seen == "StorageUnavailable from put, get, open, stat, list, delete"


class SwallowsTheDenial(MemoryBackend):
    def delete(self, key):
        """Say nothing of what the service said."""

    def put(self, key, path, metadata=None):
        """Say nothing of what the service said."""


class DeniedIsMissing(MemoryBackend):
    def stat(self, key):
        raise ObjectNotFound(key)


class ReadsNothing(MemoryBackend):
    def get(self, key, path):
        Path(path).touch()


class LeavesAFile(MemoryBackend):
    def get(self, key, path):
        Path(path).touch()
        raise StorageDenied(key)


@pytest.mark.parametrize(
    ("check", "backend"),
    [
        (fault_checks.a_put_is_denied, MemoryBackend()),
        (fault_checks.a_put_is_denied, SwallowsTheDenial()),
        (fault_checks.a_put_is_denied, refusing("unavailable")),
        (fault_checks.a_put_is_denied, refusing("lost_reply")),
        (fault_checks.a_delete_is_denied, MemoryBackend()),
        (fault_checks.a_delete_is_denied, SwallowsTheDenial()),
        (fault_checks.a_read_is_denied_or_right, DeniedIsMissing()),
        (fault_checks.a_read_is_denied_or_right, ReadsNothing()),
        (fault_checks.a_read_is_denied_or_right, LeavesAFile()),
        (fault_checks.everything_is_unavailable, MemoryBackend()),
        (fault_checks.everything_is_unavailable, refusing("denied")),
        *(
            (
                fault_checks.everything_is_unavailable,
                refusing("unavailable", [it for it in METHODS if it != method]),
            )
            for method in METHODS
        ),
    ],
)
def test_who_says_something_else_is_caught(check, backend, tmp_path):
    with pytest.raises(Failed):
        check(subject(backend, tmp_path))
