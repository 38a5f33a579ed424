"""Publishing: a file has its name when it is whole and durable, or it has none."""

import errno
import io
import itertools
import os
from contextlib import suppress

import pytest

from shoebox.files import Directory, try_lock
from shoebox.publishing import copy, drafting, publishing


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


@pytest.mark.parametrize("failing", [1, 2])
def test_a_name_that_can_not_be_made_durable_is_taken_back(
    directory, tmp_path, monkeypatch, failing
):
    """Whether the file or its name can't be synced: a second sync would promise nothing."""
    real, calls = os.fsync, itertools.count(1)

    def refusing(fd):
        if next(calls) == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(fd)

    monkeypatch.setattr(os, "fsync", refusing)
    with pytest.raises(OSError, match="Input/output error"), publishing(directory, "a") as file:
        file.write(b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_draft_is_locked_as_long_as_it_is_written_and_then_gone(directory):
    with drafting(directory, "draft") as file:
        file.write(b"content")
        other = directory.open("draft")
        assert not try_lock(other)
        os.close(other)
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
