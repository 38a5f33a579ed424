"""The duties of every backend, kept in fsspec's memory."""

from uuid import uuid4

import fsspec
import pytest

from shoebox.testing import RaceTests, StorageBackendTests
from shoebox_fsspec import FsspecBackend


class TestInMemory(StorageBackendTests, RaceTests):
    many = 300

    @pytest.fixture(autouse=True)
    def place(self):
        self.fs = fsspec.filesystem("memory")
        self.root = f"/{uuid4().hex}"
        yield
        if self.fs.exists(self.root):
            self.fs.rm(self.root, recursive=True)

    @pytest.fixture
    def backend(self, place):
        with FsspecBackend(protocol="memory", path=self.root) as backend:
            yield backend

    def raw_put(self, key, data):
        self.fs.pipe_file(f"{self.root}/{key}", data)

    def raw_get(self, key):
        path = f"{self.root}/{key}"
        return self.fs.cat_file(path) if self.fs.isfile(path) else None
