"""Files of lines on their way: each line arrives once, and only then is it gone here."""

import errno
import fcntl
import gzip
import os
from datetime import UTC, datetime

import pytest

from shoebox import files
from shoebox.files import AppendFile
from shoebox.roll_manager.gzipped import Lines
from shoebox.roll_manager.outbox import Outbox, arriving_name, live_name
from shoebox.spool import Spool


@pytest.fixture
def live(tmp_path):
    (tmp_path / "live").mkdir()
    return tmp_path / "live"


@pytest.fixture
def done(tmp_path):
    (tmp_path / "done").mkdir()
    return tmp_path / "done"


@pytest.fixture
def new_outbox(live, done):
    """Return what makes an outbox, as another worker's start does."""
    spools = []

    def make(template="a.json"):
        spools.extend(map(Spool, (live, done)))
        return Outbox(*spools[-2:], template)

    yield make
    for spool in spools:
        spool.close()


@pytest.fixture
def outbox(new_outbox):
    outbox = new_outbox()
    yield outbox
    outbox.close()


def rolled(outbox, live, content):
    """Put a file into the outbox that has these bytes; return its path."""
    path = live / live_name()
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND)
    fcntl.flock(fd, fcntl.LOCK_EX)
    file = AppendFile(fd, path)
    file.append(content)
    outbox.files.append(file)
    return path


def leave(live, content):
    """Leave what a dead worker leaves; return its path."""
    path = live / f"shoebox-1700000000000000000-{'0' * 16}.jsonl"
    path.write_bytes(content)
    return path


def arrived(done):
    """Return what each file there holds, by its name."""
    return {it.name: gzip.decompress(it.read_bytes()) for it in sorted(done.glob("[!.]*"))}


def test_what_was_rolled_arrives_and_is_gone_here(outbox, live, done):
    rolled(outbox, live, b"1\n2\n")
    assert outbox.ship() == []
    assert arrived(done) == {"a.json.gz": b"1\n2\n"}
    assert list(live.iterdir()) == []
    assert not outbox.files


def test_a_file_without_a_line_arrives_nowhere(outbox, live, done):
    rolled(outbox, live, b"")
    assert outbox.ship() == []
    assert arrived(done) == {}
    assert list(live.iterdir()) == []


def test_what_a_dead_worker_left_is_picked_up(new_outbox, live, done):
    """Its name says when it was opened."""
    leave(live, b"1\n2\n")
    outbox = new_outbox("a_%Y.json")
    outbox.take_over()
    assert outbox.ship() == []
    assert arrived(done) == {"a_2023.json.gz": b"1\n2\n"}
    assert list(live.iterdir()) == []


def test_what_another_worker_holds_is_left_to_it(outbox, new_outbox, live):
    rolled(outbox, live, b"1\n")
    other = new_outbox()
    other.take_over()
    assert not other.files
    assert not other.incomplete


def test_what_was_closed_is_taken_over_by_the_next(outbox, new_outbox, live, done):
    rolled(outbox, live, b"1\n")
    outbox.close()
    other = new_outbox()
    other.take_over()
    assert other.ship() == []
    assert arrived(done) == {"a.json.gz": b"1\n"}


def test_what_cannot_be_taken_over_now_is_said_once_and_leaves_it_incomplete(
    outbox, live, monkeypatch, caplog
):
    leave(live, b"1\n")

    def refused(*args):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refused)
        for _ in range(2):
            outbox.take_over()
            assert outbox.incomplete
            assert not outbox.files
    (said,) = [it.getMessage() for it in caplog.records if "can't be taken over" in it.getMessage()]
    assert os.strerror(errno.EMFILE) in said
    outbox.take_over()
    assert not outbox.incomplete
    assert len(outbox.files) == 1


def test_a_folder_that_cannot_be_looked_at_now_leaves_it_incomplete(outbox, live, monkeypatch):
    leave(live, b"1\n")

    def refused(self):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(files.Directory, "names", refused)
        with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
            outbox.take_over()
    assert outbox.incomplete
    outbox.take_over()
    assert not outbox.incomplete
    assert len(outbox.files) == 1


@pytest.mark.parametrize(
    "name", ["shoebox-x.jsonl", "shoebox-12-zz.jsonl", "other.jsonl", "a.events"]
)
def test_foreign_files_are_left_alone(outbox, live, name):
    (live / name).write_text("x\n")
    outbox.take_over()
    assert not outbox.files
    assert (live / name).exists()


def test_a_line_that_was_cut_off_is_saved(outbox, live, done):
    path = rolled(outbox, live, b"1\n2\n3")
    outbox.ship()
    assert arrived(done) == {"a.json.gz": b"1\n2\n"}
    assert (live / f"{path.name}.torn").read_bytes() == b"3"


def test_what_follows_zeros_that_a_power_cut_left_is_no_line(outbox, live, done):
    path = rolled(outbox, live, b"1\n2" + bytes(600) + b"3\n4\n")
    outbox.ship()
    assert arrived(done) == {"a.json.gz": b"1\n"}
    assert (live / f"{path.name}.torn").read_bytes() == b"2" + bytes(600) + b"3\n4\n"


def test_lines_are_durable_here_before_they_arrive(outbox, live, done, monkeypatch):
    """Else a power cut could leave fewer of them here, which would arrive once more."""
    synced, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_ino), real(fd)))
    here = rolled(outbox, live, b"1\n").stat().st_ino
    outbox.ship()
    (path,) = done.iterdir()
    assert synced.index(here) < synced.index(path.stat().st_ino)


def test_a_crash_between_publishing_and_removing_gives_one_file(
    outbox, new_outbox, live, done, monkeypatch
):
    rolled(outbox, live, b"1\n2\n")
    real = files.Directory.remove

    def remove(self, name):
        if name.endswith(".jsonl"):
            raise OSError(errno.EIO, "killed here")
        real(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(files.Directory, "remove", remove)
        (error,) = outbox.ship()
    assert error.strerror == "killed here"
    assert len(list(live.iterdir())) == 1
    outbox.close()
    other = new_outbox()
    other.take_over()
    assert other.ship() == []
    assert arrived(done) == {"a.json.gz": b"1\n2\n"}
    assert list(live.iterdir()) == []


def test_nothing_is_removed_that_does_not_read_back(outbox, live, done, monkeypatch):
    rolled(outbox, live, b"1\n")
    with monkeypatch.context() as patch:
        patch.setattr("shoebox.roll_manager.gzipped._sha256", lambda file: "0")
        (error,) = outbox.ship()
    assert "reads back other" in str(error)
    assert arrived(done) == {}
    assert len(list(live.iterdir())) == 1
    assert outbox.ship() == []
    assert arrived(done) == {"a.json.gz": b"1\n"}


def test_a_removal_that_could_not_be_synced_is_not_tried_for_ever(outbox, live, done, monkeypatch):
    real, failed = os.fsync, []

    def once_removed(fd):
        real(fd)
        if not failed and not list(live.iterdir()):
            failed.append(fd)
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    rolled(outbox, live, b"1\n")
    monkeypatch.setattr(os, "fsync", once_removed)
    (error,) = outbox.ship()
    assert error.errno == errno.EIO
    assert outbox.ship() == []
    assert not outbox.files
    assert arrived(done) == {"a.json.gz": b"1\n"}


@pytest.mark.parametrize("taken", ["removed", "renamed", "exchanged"])
def test_what_somebody_took_away_arrives_all_the_same(outbox, live, done, caplog, taken):
    """Its lines are read through its descriptor; what has its name now is not its own."""
    path = rolled(outbox, live, b"1\n2\n")
    path.unlink() if taken == "removed" else path.rename(live / "elsewhere")
    if taken == "exchanged":
        path.write_bytes(b"not ours\n")
    before = sorted(live.iterdir())
    assert outbox.ship() == []
    assert arrived(done) == {"a.json.gz": b"1\n2\n"}
    assert sorted(live.iterdir()) == before
    assert f"{path}: somebody else has removed or renamed it" in caplog.text


def test_what_somebody_took_away_is_tried_again_and_said_once(
    outbox, live, done, monkeypatch, caplog
):
    def refused(self, *arguments):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    rolled(outbox, live, b"1\n").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(Lines, "publish", refused)
        for _ in range(2):
            (error,) = outbox.ship()
            assert error.errno == errno.EIO
    assert len([it for it in caplog.messages if "they are lost if this process ends" in it]) == 1
    assert outbox.ship() == []
    assert arrived(done) == {"a.json.gz": b"1\n"}


def test_what_has_arrived_is_not_sent_again_though_it_could_not_be_removed(
    outbox, live, done, monkeypatch
):
    """Whoever waits for it there may have taken it away by now."""

    def refused(self, name):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = rolled(outbox, live, b"1\n")
    with monkeypatch.context() as patch:
        patch.setattr(files.Directory, "remove", refused)
        patch.setattr(Lines, "publish", lambda *_: None)
        (error,) = outbox.ship()
    assert error.errno == errno.EIO
    assert outbox.ship() == []
    assert arrived(done) == {}
    assert not path.exists()


def test_one_that_fails_holds_up_no_other_and_is_said_once(outbox, live, done, monkeypatch, caplog):
    first, second = rolled(outbox, live, b"1\n"), rolled(outbox, live, b"2\n")
    publish = Lines.publish

    def refusing(self, *arguments):
        if self.name == first.name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        publish(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Lines, "publish", refusing)
        assert [error.errno for error in outbox.ship()] == [errno.EIO]
        assert [error.errno for error in outbox.ship()] == [errno.EIO]
    assert list(arrived(done).values()) == [b"2\n"]
    assert not second.exists()
    said = [it for it in caplog.messages if it.startswith(f"{first}: can't be shipped now")]
    assert len(said) == 1
    assert outbox.ship() == []
    assert sorted(arrived(done).values()) == [b"1\n", b"2\n"]


def test_an_arriving_name_has_checksum_times_and_the_suffix():
    opened = datetime(2026, 11, 30, 1, 2, 3, tzinfo=UTC)
    name = arriving_name("a_%Y%m%dT%H_[[CRC]]_[[TIMESTAMP]].json", "ab12", 1.5, opened)
    assert name == "a_20261130T01_ab12_1.500000.json.gz"


def test_live_names_are_never_the_same():
    assert len({live_name() for _ in range(1000)}) == 1000
