"""The tests that an author subclasses: they run what they say, and never pass for want of it."""

import pytest

from shoebox.testing import storage_checks

pytest_plugins = ["pytester"]

MEMORY = """
import pytest
from shoebox.testing import *

class Memory:
    @pytest.fixture
    def backend(self):
        self.memory = MemoryBackend()
        return self.memory
    def raw_put(self, key, data):
        self.memory.raw_put(key, data)
    def raw_get(self, key):
        return self.memory.raw_get(key)
"""


@pytest.fixture
def outcomes(pytester):
    """Return a function that runs a test file, and returns how many of its tests did what."""
    pytester.makeini("[pytest]\naddopts = -p no:xdist -p no:cacheprovider\n")

    def run(text):
        pytester.makepyfile(MEMORY + text)
        return pytester.runpytest_inprocess().parseoutcomes()

    return run


def test_an_author_needs_few_lines(outcomes):
    found = outcomes("class TestMine(Memory, StorageBackendTests): pass")
    assert found == {"passed": len(storage_checks.DUTIES)}


def test_who_puts_in_parts_says_from_where_on(outcomes):
    text = "class TestMine(Memory, PartsTests):\n    limit = 50_000\n"
    found = outcomes(text + "    def raw_leftovers(self): return []")
    assert found == {"passed": 3 * len(storage_checks.PARTS)}


@pytest.mark.parametrize(
    "text",
    [
        "class TestMine(StorageBackendTests): pass",
        "class TestMine(StorageBackendTests):\n    def raw_put(self, key, data): pass",
        "class TestMine(Memory, PartsTests): pass",
        "class TestMine(Memory, PartsTests):\n    limit = 50_000",
        "class TestMine(Memory, DeniedTests): pass",
        "class TestMine(Memory, UnavailableTests): pass",
    ],
)
def test_who_leaves_something_out_passes_nothing(outcomes, text):
    assert set(outcomes(text)) <= {"failed", "errors"} != set()


def test_a_backend_that_is_not_denied_fails(outcomes):
    text = "class TestMine(Memory, DeniedTests):\n"
    text += "    @pytest.fixture\n    def denied_backend(self, backend): return backend"
    assert outcomes(text) == {"failed": 2, "passed": 1}


def test_a_backend_that_is_there_fails(outcomes):
    text = "class TestMine(Memory, UnavailableTests):\n"
    text += "    @pytest.fixture\n    def unavailable_backend(self, backend): return backend"
    assert outcomes(text) == {"failed": 1}
