"""The file of an open archive: durable with its name, published, removed, given back."""

import errno
import os
from contextlib import closing
from pathlib import Path

import pytest

from shoebox.archive.openfile import OpenFile
from shoebox.errors import ArchiveGone, DurabilityError
from shoebox.spool import Spool


@pytest.fixture
def file(tmp_path):
    file = OpenFile(tmp_path / "a.events", None, ())
    yield file
    file.release()


def refuse(*_, **__):
    raise OSError(errno.EIO, "broken")


def test_it_is_found_under_its_open_name_and_then_under_its_name(file, tmp_path):
    file.append(b"x")
    assert [it.name for it in tmp_path.iterdir()] == ["a.events.open"]
    file.sync()
    file.publish()
    assert file.path == tmp_path / "a.events"
    assert file.path.read_bytes() == b"x"
    assert [it.name for it in tmp_path.iterdir()] == ["a.events"]


def test_what_was_interrupted_while_it_was_published_is_published_again(
    file, tmp_path, monkeypatch
):
    def interrupt(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            file.publish()
    file.publish()
    assert [it.name for it in tmp_path.iterdir()] == ["a.events"]
    assert file.path == tmp_path / "a.events"


def test_its_name_is_durable_before_the_other_goes_and_that_is_gone_for_good(file, monkeypatch):
    """A power cut would else take both, or bring the open one back when all is shipped."""
    calls = []

    def noting(name, real):
        def call(*args, **kwargs):
            calls.append(name)
            return real(*args, **kwargs)

        return call

    for name in ("link", "fsync", "unlink"):
        monkeypatch.setattr(os, name, noting(name, getattr(os, name)))
    file.publish()
    assert calls == ["link", "fsync", "unlink", "fsync"]


@pytest.mark.parametrize("call", ["link", "fsync", "unlink"])
@pytest.mark.parametrize("done", [False, True])
def test_what_was_interrupted_at_any_call_is_published_again(tmp_path, monkeypatch, call, done):
    real = getattr(os, call)

    def interrupt(*args, **kwargs):
        if done:
            real(*args, **kwargs)
        raise KeyboardInterrupt

    for wanted, name in (("a.events", "a.events"), ("b.events", "b-0001.events")):
        file = OpenFile(tmp_path / wanted, None, ())
        if name != wanted:
            (tmp_path / wanted).write_bytes(b"another's")
        file.append(b"x")
        with monkeypatch.context() as patch:
            patch.setattr(os, call, interrupt)
            with pytest.raises(KeyboardInterrupt):
                file.publish()
        for _ in range(2):
            file.publish()
            assert file.path == tmp_path / name
            assert file.path.read_bytes() == b"x"
            assert not (tmp_path / f"{wanted}.open").exists()
        file.release()


@pytest.mark.parametrize("state", ["", ".delivery"])
def test_a_name_that_was_taken_meanwhile_is_left_to_whoever_has_it(file, tmp_path, state):
    """A callback may have given it to another archive."""
    file.append(b"x")
    (tmp_path / f"a.events{state}").write_bytes(b"another's")
    (tmp_path / "a-0001.events.open").write_bytes(b"reserved")
    file.publish()
    assert file.path == tmp_path / "a-0002.events"
    assert {it.name: it.read_bytes() for it in tmp_path.iterdir()} == {
        f"a.events{state}": b"another's",
        "a-0001.events.open": b"reserved",
        "a-0002.events": b"x",
    }


def test_a_name_that_is_taken_while_it_is_given_is_left_to_whoever_has_it(
    file, tmp_path, monkeypatch
):
    real = os.link

    def taken_first(source, target, **options):
        if target == "a.events":
            (tmp_path / target).write_bytes(b"another's")
        real(source, target, **options)

    monkeypatch.setattr(os, "link", taken_first)
    file.publish()
    assert file.path == tmp_path / "a-0001.events"
    assert (tmp_path / "a.events").read_bytes() == b"another's"


def test_a_name_that_is_taken_gets_a_number(tmp_path):
    (tmp_path / "a.events").touch()
    with closing(Spool(tmp_path)) as spool:
        file = OpenFile(tmp_path / "a.events", spool, ())
        assert file.name == "a-0001.events"
        file.discard()
    assert [it.name for it in tmp_path.iterdir()] == ["a.events"]


def test_the_first_sync_makes_the_name_durable_and_a_later_one_need_not(file, monkeypatch):
    calls, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append(fd), real(fd)))
    file.append(b"x")
    assert calls == []
    file.sync()
    file.append(b"y")
    file.sync()
    assert len(calls) == 1


def test_a_name_that_can_not_be_made_durable_finishes_it(file, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(DurabilityError, match=r"directory could not be synced \(broken\)"):
            file.sync()
    with pytest.raises(DurabilityError):
        file.sync()
    with pytest.raises(DurabilityError):
        file.append(b"more")


def test_a_name_that_is_not_given_leaves_it_as_it_was(file, tmp_path, monkeypatch):
    file.append(b"x")
    file.sync()
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuse)
        with pytest.raises(OSError, match="broken"):
            file.publish()
    assert file.path == tmp_path / "a.events.open"
    assert file.path.read_bytes() == b"x"


def test_what_is_given_back_is_locked_by_nobody(tmp_path):
    with closing(Spool(tmp_path)) as spool:
        file = OpenFile(tmp_path / "a.events", spool, ())
        assert spool.hold("a.events.open") is None
        file.release()
        fd = spool.hold("a.events.open")
        assert fd is not None
        os.close(fd)


def test_a_folder_that_can_not_be_written_to_leaves_no_descriptor_open(tmp_path, monkeypatch):
    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(os, "open", failing_for("a.events.open", os.open))
    with pytest.raises(OSError, match="broken"):
        OpenFile(tmp_path / "a.events", None, ())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def failing_for(name, real):
    def open_(path, *args, **kwargs):
        if path == name:
            refuse()
        return real(path, *args, **kwargs)

    return open_


def test_one_that_somebody_else_took_away_is_told_of_when_it_is_published(file, tmp_path):
    file.append(b"x")
    (tmp_path / "a.events.open").rename(tmp_path / "elsewhere")
    with pytest.raises(ArchiveGone, match=r"a\.events\.open: somebody else has removed or renamed"):
        file.publish()
    assert [it.name for it in tmp_path.iterdir()] == ["elsewhere"]


def test_what_another_writer_has_made_under_its_open_name_is_left_to_that(file, tmp_path):
    file.append(b"x")
    path = tmp_path / "a.events.open"
    path.unlink()
    path.write_bytes(b"another's")
    with pytest.raises(ArchiveGone):
        file.publish()
    file.discard()
    assert [it.name for it in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"another's"


def test_one_that_can_not_be_removed_is_given_back(file, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(OSError, match="broken"):
        file.discard()
    with closing(Spool(tmp_path)) as spool:
        fd = spool.hold("a.events.open")
        assert fd is not None
        os.close(fd)
