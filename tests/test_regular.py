"""Opening regular files alone: what else has the name is said to be what it is, at once."""

import errno
import os
import socket
from pathlib import Path

import pytest

from shoebox.regular import NO_FILE, open_regular


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Return the folder, with one thing of each kind that is no regular file."""
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "null").symlink_to("/dev/null")
    (tmp_path / "folder").mkdir()
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
    return tmp_path


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_APPEND])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("link", "a symbolic link"),
        ("loop", "a symbolic link"),
        ("dangling", "a symbolic link"),
        ("null", "a symbolic link"),
        ("folder", "a directory"),
        ("fifo", "a FIFO"),
        ("socket", "a socket"),
    ],
)
def test_what_is_no_file_is_refused_and_named(planted, name, kind, flags):
    fd = os.open(planted, os.O_RDONLY)
    with pytest.raises(OSError, match=f"it is {kind}, not a regular file") as caught:
        open_regular(name, flags, dir_fd=fd, folder=planted)
    os.close(fd)
    assert caught.value.errno in NO_FILE
    assert caught.value.filename == str(planted / name)


def test_a_device_is_refused_and_named():
    with pytest.raises(OSError, match="it is a device, not a regular file"):
        open_regular("/dev/null", os.O_RDONLY)


def test_a_link_is_followed_where_it_may_be(planted):
    fd = open_regular(planted / "link", os.O_RDONLY, follow=True)
    assert os.read(fd, 9) == b"content"
    os.close(fd)
    with pytest.raises(OSError, match="symbolic links") as caught:
        open_regular(planted / "loop", os.O_RDONLY, follow=True)
    assert caught.value.errno == errno.ELOOP
    with pytest.raises(FileNotFoundError):
        open_regular(planted / "dangling", os.O_RDONLY, follow=True)


def descriptors():
    return len([*Path("/proc/self/fd").iterdir()])


def test_nothing_stays_open_of_what_is_refused(planted):
    before = descriptors()
    for _ in range(3):
        with pytest.raises(OSError, match="FIFO"):
            open_regular(planted / "fifo", os.O_RDWR)
    assert descriptors() == before
