"""The objects of a folder in the order of their keys, and nothing else that lies there."""

import os

import pytest

from shoebox.files import Directory
from shoebox_plugins.storage.local import listing


def keys(root, prefix=""):
    with Directory(root) as folder:
        return [found.key for found in listing.walk(folder, prefix)]


def put(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("content")


def test_keys_come_sorted_as_text_whatever_is_a_folder(tmp_path):
    put(tmp_path, "a/x", "a-b", "a.b", "a/y/z", "b")
    assert keys(tmp_path) == sorted(["a/x", "a-b", "a.b", "a/y/z", "b"])


@pytest.mark.parametrize(
    ("prefix", "found"), [("a", ["a/x", "ab"]), ("a/", ["a/x"]), ("a/x", ["a/x"]), ("c", [])]
)
def test_a_prefix_may_end_anywhere(tmp_path, prefix, found):
    put(tmp_path, "a/x", "ab", "b")
    assert keys(tmp_path, prefix) == found


@pytest.mark.parametrize("prefix", ["../", "/", ".", "a/../", "\0"])
def test_a_list_of_what_can_be_no_prefix_is_empty(tmp_path, prefix):
    put(tmp_path, "a/b")
    assert keys(tmp_path, prefix) == []


def test_it_leaves_out_what_is_no_object(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    put(root, "a", ".hidden", "not a name")
    put(outside, "x")
    (root / "linked").symlink_to(outside)
    (root / "link").symlink_to(outside / "x")
    os.mkfifo(root / "fifo")
    assert keys(root) == ["a"]


def test_it_opens_no_folder_outside_the_prefix(tmp_path, monkeypatch):
    put(tmp_path, "a/x", "b/x")
    opened = []
    folder = Directory.folder
    monkeypatch.setattr(
        Directory, "folder", lambda self, name: opened.append(name) or folder(self, name)
    )
    assert keys(tmp_path, "b/") == ["b/x"]
    assert opened == ["b"]


def test_what_goes_meanwhile_is_left_out(tmp_path):
    put(tmp_path, "a", "b/x", "c")
    with Directory(tmp_path) as folder:
        found = listing.walk(folder, "")
        assert next(found).key == "a"
        (tmp_path / "b" / "x").unlink()
        (tmp_path / "b").rmdir()
        (tmp_path / "c").unlink()
        assert list(found) == []
