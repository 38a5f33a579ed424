"""A file that only grows, and whose bytes are kept whole or not at all."""

import errno
import fcntl
import hashlib
import os

import pytest

from shoebox import appending
from shoebox.appending import AppendFile, write_all
from shoebox.errors import DurabilityError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a"
    file = AppendFile(os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND), path)
    yield file
    file.close()


def test_what_is_appended_is_there_and_counted(file):
    file.append(b"abc", b"", memoryview(b"def"))
    file.append()
    file.append(b"g")
    assert (file.path.read_bytes(), file.size, file.synced) == (b"abcdefg", 7, 0)
    file.sync()
    assert file.synced == 7


def test_short_writes_are_gone_on_with(file, monkeypatch):
    writev, write = os.writev, os.write
    monkeypatch.setattr(os, "writev", lambda fd, buffers: writev(fd, [b"".join(buffers)[:3]]))
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:2]))
    assert write_all(file.fd, [b"abcd", b"efgh"]) == 8
    assert file.path.read_bytes() == b"abcdefgh"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_write_that_fails_is_cut_back_and_the_next_follows(file, monkeypatch, error):
    file.append(b"abc")

    def half(fd, buffers):
        os.write(fd, b"de")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(appending, "write_all", half)
        with pytest.raises(type(error)):
            file.append(b"defgh")
    assert file.path.read_bytes() == b"abc"
    file.append(b"xyz")
    assert file.path.read_bytes() == b"abcxyz"


def fail(*_):
    raise OSError(errno.EIO, "input/output error")


def test_a_file_that_cannot_be_cut_back_is_finished(file, monkeypatch):
    monkeypatch.setattr(appending, "write_all", fail)
    monkeypatch.setattr(os, "ftruncate", fail)
    with pytest.raises(OSError, match="input/output"):
        file.append(b"abc")
    monkeypatch.undo()
    with pytest.raises(DurabilityError, match="roll to go on"):
        file.append(b"abc")
    assert file.path.read_bytes() == b""


def test_a_failed_sync_is_never_tried_again(file, monkeypatch):
    file.append(b"abc")
    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(DurabilityError, match="check the disk"):
        file.sync()
    monkeypatch.undo()
    for again in (file.sync, lambda: file.append(b"x")):
        with pytest.raises(DurabilityError, match="an earlier write or sync failed"):
            again()
    assert file.synced == 0


def test_a_sync_without_news_asks_the_disk_nothing(file, monkeypatch):
    file.append(b"abc")
    file.sync()
    monkeypatch.setattr(os, "fdatasync", fail)
    file.sync()
    assert file.synced == 3


def test_closing_twice_is_fine(file):
    file.close()
    file.close()
    assert file.fd == -1


def test_digests_are_of_what_was_synced_and_there_when_all_of_it_is(tmp_path):
    """Appending does not wait for them."""
    path = tmp_path / "a"
    file = AppendFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), path, kinds=["sha256"])
    file.append(b"one", b"two")
    assert file.checksums() == {}
    file.sync()
    assert file.checksums() == {"sha256": hashlib.sha256(b"onetwo").hexdigest()}
    file.append(bytes(3 << 20))
    assert file.checksums() == {}
    file.sync()
    assert file.checksums() == {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    file.close()


def test_digests_that_could_not_be_made_are_not_there(tmp_path, monkeypatch):
    path = tmp_path / "a"
    file = AppendFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), path, kinds=["sha256"])
    file.append(b"one")
    file.sync()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fail)
        assert file.checksums() == {}
    assert file.checksums() == {"sha256": hashlib.sha256(b"one").hexdigest()}
    file.close()


def test_a_sync_of_little_reads_nothing_back_for_the_digests(tmp_path, monkeypatch):
    """Who syncs every record waits for each."""
    path = tmp_path / "a"
    file = AppendFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), path, kinds=["sha256"])
    real, reads = os.pread, []
    monkeypatch.setattr(os, "pread", lambda fd, *where: reads.append(where) or real(fd, *where))
    for size in (1, 2, 3):
        file.append(bytes(size))
        file.sync()
    assert reads == []
    file.append(bytes(2 << 20))
    file.sync()
    assert sum(size for size, _ in reads) == (2 << 20) + 6
    file.close()


def test_a_lock_that_can_not_be_given_back_goes_with_the_descriptor(tmp_path, monkeypatch):
    path = tmp_path / "a"
    fd = os.open(path, os.O_CREAT | os.O_RDWR)
    file = AppendFile(fd, path)

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="No locks available"):
        file.release()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.ENOSPC, "make room"), (errno.EDQUOT, "quota"), (errno.EFBIG, "ulimit -f")],
)
def test_the_error_says_where_it_was_and_what_to_do(tmp_path, monkeypatch, code, remedy):
    path = tmp_path / "a"
    file = AppendFile(os.open(path, os.O_CREAT | os.O_RDWR), path)

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", refuse)
        with pytest.raises(OSError, match=remedy) as caught:
            file.append(b"x")
    assert caught.value.errno == code
    assert caught.value.filename == str(path)
    file.close()


def test_nothing_is_appended_to_what_could_not_be_cut_back(file, monkeypatch):
    """A signal handler may raise before half of what was appended is cut off again."""
    file.append(b"whole")
    writev = os.writev
    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", lambda fd, buffers: writev(fd, [buffers[0][:2]]))
        patch.setattr(os, "write", refuse)
        patch.setattr(os, "ftruncate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            file.append(b"half")
    file.sync()
    for _ in range(2):
        with pytest.raises(DurabilityError, match="roll to go on"):
            file.append(b"more")
    assert file.finished
    assert file.path.read_bytes() == b"wholeha"


def refuse(*_):
    raise OSError(errno.ENOSPC, "full")


def interrupt(*_):
    raise KeyboardInterrupt
