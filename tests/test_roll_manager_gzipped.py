"""Gzipping whole lines into a directory: verified, under a name that is nobody else's."""

import errno
import gzip
import hashlib
import io
import os

import pytest

from shoebox.files import Directory
from shoebox.roll_manager import gzipped
from shoebox.roll_manager.gzipped import Lines, whole_lines

MIB = 1 << 20


@pytest.fixture
def folder(tmp_path):
    with Directory(tmp_path) as directory:
        yield directory


def lines(content, name="worker-1.jsonl"):
    source = io.BytesIO(content)
    return Lines(source, name, *whole_lines(source))


def held(path):
    return {it.name: gzip.decompress(it.read_bytes()) for it in path.iterdir()}


@pytest.mark.parametrize(
    ("content", "length"),
    [
        (b"", 0),
        (b"no end", 0),
        (b"a\n", 2),
        (b"a\nb\ncut", 4),
        (b"a\n\0\0\nb\n", 2),
        (b"a\nb" + bytes(3 * MIB) + b"\nc\n", 2),
        (b"a\n" + b"x" * MIB + b"\0\nb\n", 2),
        (b"\n" + b"x" * (3 * MIB), 1),
        (b"x" * MIB + b"\n" + b"y" * MIB + b"\n" + b"z" * MIB, 2 * MIB + 2),
        (b"x" * (MIB - 1) + b"\n", MIB),
    ],
)
def test_whole_lines_end_with_the_last_line_break(content, length):
    """Wherever it lies to the pieces that are read."""
    digest = hashlib.sha256(content[:length]).hexdigest()
    assert whole_lines(io.BytesIO(content)) == (length, digest)


def test_what_is_published_is_the_whole_lines_and_nothing_after_them(folder, tmp_path):
    lines(b"a\nb\ncut").publish(folder, "out.gz")
    assert held(tmp_path) == {"out.gz": b"a\nb\n"}


def test_the_same_try_again_leaves_one_file_and_another_file_gets_a_number(folder, tmp_path):
    """Also where the lines are the same: two workers may have written the same."""
    for _ in range(2):
        lines(b"a\n", "worker-1").publish(folder, "out.gz")
    for _ in range(2):
        lines(b"a\n", "worker-2").publish(folder, "out.gz")
    assert held(tmp_path) == {"out.gz": b"a\n", "out-0001.gz": b"a\n"}


@pytest.mark.parametrize(
    "there", [b"", b"\x1f\x8b", b"no gzip at all", gzip.compress(b"a\n", mtime=0)]
)
def test_what_another_has_put_there_is_never_replaced(folder, tmp_path, there):
    (tmp_path / "out.gz").write_bytes(there)
    lines(b"a\n").publish(folder, "out.gz")
    assert (tmp_path / "out.gz").read_bytes() == there
    assert gzip.decompress((tmp_path / "out-0001.gz").read_bytes()) == b"a\n"


def test_an_earlier_try_that_was_damaged_is_not_taken_for_done(folder, tmp_path):
    lines(b"a\n").publish(folder, "out.gz")
    content = bytearray((tmp_path / "out.gz").read_bytes())
    content[-1] ^= 1
    (tmp_path / "out.gz").write_bytes(content)
    lines(b"a\n").publish(folder, "out.gz")
    assert gzip.decompress((tmp_path / "out-0001.gz").read_bytes()) == b"a\n"


@pytest.mark.parametrize(
    ("call", "number"), [("fsync", errno.EIO), ("open", errno.EMFILE), ("open", errno.EIO)]
)
def test_an_earlier_try_that_can_not_be_looked_at_now_is_not_done_over(
    folder, tmp_path, monkeypatch, call, number
):
    """Lines have no identity: those that arrive twice stay twice."""
    lines(b"a\n").publish(folder, "out.gz")
    real = getattr(os, call)

    def failing(what, *arguments, **options):
        if what in {"out.gz", folder.fd}:
            raise OSError(number, os.strerror(number))
        return real(what, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(OSError, match=os.strerror(number)):
            lines(b"a\n").publish(folder, "out.gz")
    lines(b"a\n").publish(folder, "out.gz")
    assert held(tmp_path) == {"out.gz": b"a\n"}


def test_an_earlier_try_whose_name_can_not_be_made_durable_is_made_anew(
    folder, tmp_path, monkeypatch
):
    """A sync that succeeds after one that failed promises nothing."""
    lines(b"a\n").publish(folder, "out.gz")
    real = os.fsync

    def failing(fd):
        if fd == folder.fd:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            lines(b"a\n").publish(folder, "out.gz")
    assert held(tmp_path) == {}
    lines(b"a\n").publish(folder, "out.gz")
    assert held(tmp_path) == {"out.gz": b"a\n"}


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT])
def test_another_users_file_has_its_name_and_holds_nobody_up(folder, tmp_path, monkeypatch, number):
    """Or one that is gone again."""
    lines(b"b\n").publish(folder, "out.gz")
    real = os.open

    def refusing(name, *arguments, **options):
        if name == "out.gz":
            raise OSError(number, os.strerror(number))
        return real(name, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refusing)
        lines(b"a\n").publish(folder, "out.gz")
    assert held(tmp_path) == {"out.gz": b"b\n", "out-0001.gz": b"a\n"}


def test_what_reads_back_other_than_it_was_leaves_no_file(folder, tmp_path):
    """The source has changed since it was looked at."""
    source = io.BytesIO(b"a\n")
    length, digest = whole_lines(source)
    source.getbuffer()[0:1] = b"b"
    with pytest.raises(OSError, match="reads back other"):
        Lines(source, "worker-1", length, digest).publish(folder, "out.gz")
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_the_same_whenever_it_is_made(folder, tmp_path, monkeypatch):
    """No time stands in it."""
    lines(b"a\n").publish(folder, "one.gz")
    monkeypatch.setattr(gzipped.gzip.time, "time", lambda: 2**31)
    lines(b"a\n").publish(folder, "two.gz")
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
