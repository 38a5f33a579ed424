"""Whatever the operating system says of an object is one of the errors that are declared."""

import errno
import os
from pathlib import Path

import pytest

from shoebox.errors import (
    ObjectNotFound,
    StorageDenied,
    StorageError,
    StorageRejected,
    StorageUnavailable,
)
from shoebox_plugins.storage.local import LocalBackend
from shoebox_plugins.storage.local.errors import FINDING, PUTTING, translated


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, StorageUnavailable),
        (errno.EDQUOT, StorageUnavailable),
        (errno.EIO, StorageUnavailable),
        (errno.ESTALE, StorageUnavailable),
        (errno.EMFILE, StorageUnavailable),
        (errno.EACCES, StorageDenied),
        (errno.EPERM, StorageDenied),
        (errno.EROFS, StorageDenied),
        (errno.ENAMETOOLONG, StorageRejected),
        (errno.EFBIG, StorageRejected),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "link", "open", "mkdir"])
def test_a_put_may_be_refused_at_each_of_its_calls(tmp_path, monkeypatch, number, expected, call):
    """Whichever call it is; afterwards there is no object, and a next try succeeds."""
    source, root = tmp_path / "source", tmp_path / "store"
    source.write_text("content")
    root.mkdir()
    backend = LocalBackend(path=root)
    original = getattr(os, call)

    def refusing(path, *arguments, **options):
        if path in {source.parent, source.name}:
            return original(path, *arguments, **options)
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refusing)
        with pytest.raises(expected, match=r"'x/a'.*; "):
            backend.put("x/a", source, {"k": "v"})
    assert list(backend.list()) == []
    assert not list(root.rglob(".*.tmp"))
    backend.put("x/a", source, {"k": "v"})
    assert backend.stat("x/a").metadata == {"k": "v"}


@pytest.mark.parametrize(
    ("number", "putting", "finding"),
    [
        (errno.ENOENT, StorageUnavailable, ObjectNotFound),
        (errno.ENOTDIR, StorageRejected, ObjectNotFound),
        (errno.ELOOP, StorageRejected, ObjectNotFound),
        (errno.EINVAL, StorageUnavailable, ObjectNotFound),
        (errno.EISDIR, StorageUnavailable, ObjectNotFound),
        (errno.EACCES, StorageDenied, StorageDenied),
    ],
)
def test_what_is_in_the_way_of_a_put_is_no_object_to_find(tmp_path, number, putting, finding):
    for errors, expected in ((PUTTING, putting), (FINDING, finding)):
        with pytest.raises(expected) as caught, translated(tmp_path, "a\nb", errors):
            raise OSError(number, os.strerror(number))
        assert str(caught.value).startswith(rf"{tmp_path}: 'a\nb': {os.strerror(number)}; ")


def test_what_is_declared_already_stays_as_it_is(tmp_path):
    with pytest.raises(StorageRejected, match="^mine$"), translated(tmp_path, "a", PUTTING):
        raise StorageRejected("mine")


def test_a_read_error_of_an_open_object_is_unavailable():
    """The memory of this process is a file whose first bytes can't be read."""
    backend = LocalBackend(path="/proc/self")
    for read in (lambda file: file.read(1), lambda file: file.read()):
        with backend.open("mem") as file, pytest.raises(StorageUnavailable, match="'mem'.*error"):
            read(file)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EMFILE, errno.EIO])
def test_an_object_that_cannot_be_looked_at_is_not_taken_for_another(tmp_path, monkeypatch, number):
    """A put of what is there fails, and leaves the object's metadata."""
    source, root = tmp_path / "source", tmp_path / "store"
    source.write_text("content")
    root.mkdir()
    backend = LocalBackend(path=root)
    backend.put("a", source, {"k": "v"})
    original = os.open

    def refusing(path, *arguments, **options):
        if path == "a":
            raise OSError(number, os.strerror(number))
        return original(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refusing)
        with pytest.raises((StorageDenied, StorageUnavailable), match="'a'"):
            backend.put("a", source, {"k": "v"})
    assert backend.stat("a").metadata == {"k": "v"}


@pytest.mark.parametrize("there", [False, True])
def test_a_source_that_can_not_be_read_is_no_fault_of_the_store(tmp_path, there):
    """The memory of this process is a file whose first bytes can't be read."""
    root = tmp_path / "store"
    root.mkdir()
    if there:
        (root / "a").write_text("content")
    backend = LocalBackend(path=root)
    with pytest.raises(OSError, match="Input/output error") as caught:
        backend.put("a", Path("/proc/self/mem"), {"k": "v"})
    assert not isinstance(caught.value, StorageError)
    assert [path.name for path in root.iterdir()] == ["a"] * there
