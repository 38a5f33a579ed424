"""The file of an object's metadata: bound to name and content, private, whole or none."""

import hashlib

import pytest

from shoebox.errors import StorageRejected
from shoebox.files import Directory
from shoebox_plugins.storage.local import sidecar

SHA256 = hashlib.sha256(b"content").hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()


@pytest.fixture
def folder(tmp_path):
    with Directory(tmp_path) as folder:
        yield folder


def test_what_was_written_is_read(folder):
    sidecar.write(folder, ".side", {"k": "v", "é": "\n"})
    assert sidecar.read(folder, ".side") == {"k": "v", "é": "\n"}


def test_the_last_one_counts_and_no_draft_is_left(folder, tmp_path):
    sidecar.write(folder, ".side", {"k": "stale"})
    sidecar.write(folder, ".side", {"k": "new"})
    assert sidecar.read(folder, ".side") == {"k": "new"}
    assert [path.name for path in tmp_path.iterdir()] == [".side"]


def test_what_has_none_has_no_metadata(folder):
    assert sidecar.read(folder, ".side") == {}


def test_its_name_tells_objects_and_contents_apart_and_is_hidden():
    names = {sidecar.name_of(name, sha256) for name in "ab" for sha256 in (SHA256, OTHER)}
    assert len(names) == 4
    assert all(name.startswith(".") for name in names)


def test_its_name_is_never_too_long():
    assert len(sidecar.name_of("n" * 255, SHA256)) <= 255


@pytest.mark.parametrize("damage", [b"", b"[]", b"\xff", b'{"k": 1}', b"{" * 5000])
def test_damaged_metadata_is_named(folder, tmp_path, damage):
    (tmp_path / ".side").write_bytes(damage)
    with pytest.raises(StorageRejected, match=r"\.side: is not an object's metadata"):
        sidecar.read(folder, ".side")


def test_a_link_in_its_place_is_not_followed(folder, tmp_path):
    (tmp_path / "secret").write_bytes(b'{"k": "v"}')
    (tmp_path / ".side").symlink_to(tmp_path / "secret")
    with pytest.raises(StorageRejected, match="metadata"):
        sidecar.read(folder, ".side")
