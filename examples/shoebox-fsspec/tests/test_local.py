"""The duties of every backend, kept in a folder of this machine."""

import stat

import pytest

from shoebox.testing import RaceTests, StorageBackendTests, UnavailableTests
from shoebox_fsspec import FsspecBackend


class InFolder:
    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.root = tmp_path / "store"
        self.root.mkdir()

    @pytest.fixture
    def backend(self, place):
        with FsspecBackend(protocol="local", path=str(self.root)) as backend:
            yield backend

    def raw_put(self, key, data):
        (self.root / key).parent.mkdir(parents=True, exist_ok=True)
        (self.root / key).write_bytes(data)

    def raw_get(self, key):
        path = self.root / key
        return path.read_bytes() if path.is_file() else None


class TestInFolder(InFolder, StorageBackendTests, RaceTests):
    many = 300


class TestWithoutFolder(InFolder, UnavailableTests):
    @pytest.fixture(params=["missing", "a file"])
    def unavailable_backend(self, request, tmp_path):
        if request.param == "a file":
            (tmp_path / "mount").touch()
        return FsspecBackend(protocol="local", path=str(tmp_path / "mount"))


class TestPrivacy(InFolder):
    def test_files_and_folders_are_their_owners_alone(self, backend, tmp_path):
        (tmp_path / "source").write_bytes(b"content")
        backend.put("a/b", tmp_path / "source", {"k": "v"})
        modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in self.root.rglob("*")}
        assert modes == {True: 0o700, False: 0o600}
