"""Archives to be read: files here, also while they are sealed, and objects in a store."""

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.sources import File, Object, Stamp
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


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_that_is_pinned_is_no_other_of_its_name(tmp_path, version):
    def write(payload):
        with ArchiveWriter(tmp_path / "a", format_version=version) as writer:
            writer.write({}, payload)

    write("x")
    pinned = File(tmp_path / "a").pinned()
    pinned.open().close()
    (tmp_path / "a").unlink()
    write("another")
    File(tmp_path / "a").open().close()
    for opened in (pinned.open, pinned.header, lambda: pinned.reader(growing=False)):
        with pytest.raises(FileNotFoundError, match="another archive"):
            opened()


def test_a_file_that_is_pinned_while_it_is_open_may_grow_and_be_sealed(tmp_path):
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.write({}, "x")
        writer.flush()
        pinned = File(writer.path).pinned()
        assert pinned.stamp is not None
        assert pinned.stamp.size is None
        writer.write({}, "y" * 10_000)
        writer.flush()
        pinned.open().close()
    with pinned.reader(growing=True) as reader:
        assert len(list(reader)) == 2


def test_a_stamp_of_what_can_not_be_told_apart_fits_all(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    with (tmp_path / "a").open("rb") as file:
        assert Stamp(None, None).fits(file)
        assert Stamp(None, 1).fits(file)
        assert not Stamp(None, 2).fits(file)
        assert not Stamp("00", 1).fits(file)
