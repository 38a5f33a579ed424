"""A file that is cut while it is read, however it is read."""

import hashlib
import os
import shutil
import sys
import threading

import pytest

from shoebox.testing.cutting import cut_while_read

SIZE = 3 << 20


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * SIZE)
    return path


def by_os_read(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        return sum(len(piece) for piece in iter(lambda: os.read(fd, 1 << 16), b""))
    finally:
        os.close(fd)


def by_a_loop(path):
    with path.open("rb") as file:
        return sum(len(piece) for piece in iter(lambda: file.read(1 << 16), b""))


def by_a_raw_file(path):
    with path.open("rb", buffering=0) as file:
        return sum(len(piece) for piece in iter(lambda: file.read(1 << 16), b""))


def by_a_copy(path):
    target = path.with_name("copy")
    with path.open("rb") as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
    return target.stat().st_size


def by_a_digest(path):
    """Return nothing when the digest is that of the cut file."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").digest()
    return SIZE if found == hashlib.sha256(b"x" * SIZE).digest() else SIZE // 2


def by_a_thread(path):
    found = []
    thread = threading.Thread(target=lambda: found.append(by_a_loop(path)))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize(
    "read", [by_os_read, by_a_loop, by_a_raw_file, by_a_copy, by_a_digest, by_a_thread]
)
def test_what_is_read_after_the_first_piece_is_cut(path, read):
    with cut_while_read(path):
        assert read(path) == SIZE // 2
    assert path.stat().st_size == SIZE // 2


def test_other_files_are_left_alone(path, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"y" * 100)
    with cut_while_read(path):
        assert other.read_bytes() == b"y" * 100
    assert path.stat().st_size == SIZE


def test_who_was_told_of_calls_before_is_told_again(path):
    before = sys.getprofile(), threading.getprofile()
    with pytest.raises(OSError, match="early"), cut_while_read(path):
        raise OSError("early")
    assert (sys.getprofile(), threading.getprofile()) == before
    assert path.stat().st_size == SIZE
