"""The storage backend: the duties of every one."""

import pytest

from shoebox.errors import InvalidName
from shoebox.testing import StorageBackendTests
from shoebox_acme.storage import ShareBackend


class TestShareBackend(StorageBackendTests):
    """What every storage backend does; objects are put and got as the files that they are."""

    @pytest.fixture
    def backend(self, tmp_path):
        self.folder = tmp_path / "audit"
        self.folder.mkdir()
        with ShareBackend(share=tmp_path, department="audit") as backend:
            yield backend

    def raw_put(self, key, data):
        (self.folder / key).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / key).write_bytes(data)

    def raw_get(self, key):
        path = self.folder / key
        return path.read_bytes() if path.is_file() else None


@pytest.mark.parametrize("department", ["", "..", "a/b"])
def test_a_department_can_not_lead_out_of_the_share(department):
    with pytest.raises(InvalidName):
        ShareBackend(department=department)
