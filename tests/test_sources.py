"""Archives to be read: files here, also while they are sealed, and objects in a store."""

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.sources import File, Object
from shoebox.testing import MemoryBackend


@pytest.fixture
def writer(tmp_path):
    with ArchiveWriter(tmp_path / "a.events") as writer:
        writer.write({}, "x")
        writer.flush()
        yield writer


def test_a_file_that_is_being_written_grows(writer):
    archive = File(writer.path)
    assert archive.growing
    assert archive.size == writer.path.stat().st_size
    with archive.reader(growing=True) as reader:
        assert [payload for _, payload in reader] == ["x"]
        assert reader.faults == []


def test_a_file_that_was_sealed_in_the_meantime_is_found_and_grows_no_more(writer):
    archive = File(writer.path)
    writer.write({}, "y")
    sealed = writer.seal()
    assert not archive.growing
    assert archive.size == 0
    with archive.open() as file:
        assert file.read() == sealed.read_bytes()
    sealed.write_bytes(sealed.read_bytes()[:-1])
    with archive.reader(growing=True) as reader:
        assert [payload for _, payload in reader] == ["x", "y"]
        assert [fault.kind for fault in reader.faults] == ["torn"]


def test_a_file_that_is_gone_is_no_other(tmp_path):
    with pytest.raises(FileNotFoundError):
        File(tmp_path / "gone.events").open()


def test_an_object_is_read_from_its_store(tmp_path):
    with ArchiveWriter(tmp_path / "a.events") as writer:
        writer.write({}, "x")
    backend = MemoryBackend()
    backend.put("k", writer.path)
    archive = Object("s3://b/k", "k", backend.stat("k").size, backend)
    with archive.reader(growing=archive.growing) as reader:
        assert [payload for _, payload in reader] == ["x"]
        assert reader.name == "s3://b/k"
