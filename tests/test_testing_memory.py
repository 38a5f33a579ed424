"""The backend in memory: it passes what every backend must."""

import pytest

from shoebox.archive import ArchiveReader
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingRollManager
from shoebox.testing import MemoryBackend, RaceTests, StorageBackendTests


class TestDuties(StorageBackendTests, RaceTests):
    @pytest.fixture
    def backend(self):
        self.backend_of_test = MemoryBackend()
        return self.backend_of_test

    def raw_put(self, key, data):
        self.backend_of_test.raw_put(key, data)

    def raw_get(self, key):
        return self.backend_of_test.raw_get(key)


def test_it_serves_as_a_store(tmp_path):
    """Archives are shipped to it, verified there, and removed here."""
    store = MemoryBackend()
    with WritingRollManager("a.events", NeverRollChecker(), tmp_path, storage=[store]) as writer:
        writer.write({"key": "value"}, "payload")
    (info,) = store.list()
    store.get(info.key, tmp_path / "got")
    with ArchiveReader(tmp_path / "got") as reader:
        assert list(reader) == [({"key": "value"}, "payload")]


def test_two_of_them_share_nothing():
    one, other = MemoryBackend.from_url("bucket"), MemoryBackend.from_url("bucket", option=1)
    one.raw_put("key", b"content")
    assert other.raw_get("key") is None
