"""Publishing: a file has its name when it is whole and durable, or it has none."""

import io
from contextlib import suppress

import pytest

from shoebox.files import Directory
from shoebox.publishing import copy, publishing


@pytest.fixture
def directory(tmp_path):
    with Directory(tmp_path) as directory:
        yield directory


def test_a_file_is_published_when_it_is_whole_and_replaces_nothing(directory, tmp_path):
    with publishing(directory, "a") as file:
        file.write(b"content")
        assert not directory.exists("a")
    assert (tmp_path / "a").read_bytes() == b"content"
    with pytest.raises(FileExistsError), publishing(directory, "a") as file:
        file.write(b"other")
    assert (tmp_path / "a").read_bytes() == b"content"
    assert directory.names() == ["a"]


def test_nothing_is_left_of_a_file_that_was_not_written_whole(directory):
    with suppress(KeyboardInterrupt), publishing(directory, "a") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert directory.names() == []


def test_a_temporary_name_of_ones_own_may_be_left_from_before(directory, tmp_path):
    (tmp_path / "a.tmp").write_bytes(b"left by a killed process")
    with publishing(directory, "a", "a.tmp") as file:
        file.write(b"content")
    assert directory.names() == ["a"]


def test_copying_gives_the_sha_256(tmp_path):
    target = io.BytesIO()
    assert copy(io.BytesIO(b"abc"), target) == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert target.getvalue() == b"abc"
