"""A put shows nothing until all of it is there, and right."""

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

from shoebox.errors import KeyCollision, StorageUnavailable
from shoebox_fsspec import FsspecBackend, sidecars

CONTENT = b"content" * 100_000


class Changing(MemoryFileSystem):
    """A store that keeps something else than it was sent."""

    protocol = "changing"
    store = {}  # noqa: RUF012 - as its parent has it
    pseudo_dirs = [""]  # noqa: RUF012 - the same
    change = staticmethod(bytes)

    def _open(self, path, mode="rb", **options):
        if mode != "wb":
            return super()._open(path, mode, **options)
        file = Changed(self, path)
        file.commit()
        return file


class Changed(MemoryFile):
    def write(self, data):
        return super().write(self.fs.change(data))


fsspec.register_implementation("changing", Changing, clobber=True)


@pytest.fixture
def backend():
    Changing.store.clear()
    return FsspecBackend(protocol="changing", path="/root")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: b"X" + data[1:], lambda data: data + b"X"]
)
def test_what_is_not_what_was_sent_gets_no_name_and_is_removed(
    backend, source, monkeypatch, change
):
    with monkeypatch.context() as patch:
        patch.setattr(Changing, "change", staticmethod(change))
        with pytest.raises(StorageUnavailable, match="is not what was sent"):
            backend.put("a", source, {"k": "v"})
        assert Changing.store == {}
    backend.put("a", source, {"k": "v"})
    assert backend.stat("a").size == len(CONTENT)


def test_the_loser_of_a_race_leaves_nothing(backend, source, monkeypatch):
    """Somebody else is faster when everything is there but the name."""
    write = sidecars.write

    def write_late(*arguments):
        write(*arguments)
        fsspec.filesystem("changing").pipe_file("/root/a", b"other")

    monkeypatch.setattr(sidecars, "write", write_late)
    with pytest.raises(KeyCollision, match="other content"):
        backend.put("a", source, {"k": "v"})
    assert list(Changing.store) == ["/root/a"]
    assert backend.stat("a").metadata == {}


def test_the_metadata_is_there_before_the_name_is(backend, source, monkeypatch):
    """Whoever is killed before the last step leaves no object; who tries again, a whole one."""

    class Killed(BaseException):
        pass

    move = Changing.mv

    def killed(system, draft, path):
        if path == "/root/a":
            raise Killed
        move(system, draft, path)

    with monkeypatch.context() as patch:
        patch.setattr(Changing, "mv", killed)
        with pytest.raises(Killed):
            backend.put("a", source, {"k": "v"})
    assert list(backend.list()) == []
    backend.put("a", source, {"k": "v"})
    assert backend.stat("a").metadata == {"k": "v"}
    backend.delete("a")
    assert Changing.store == {}
