"""The background: a tick does what is due, and says when the next one is."""

import errno
import os

import pytest

from shoebox.archive import ArchiveReader
from shoebox.callback import CallbackList
from shoebox.complaints import Complaints
from shoebox.errors import DurabilityError
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager.asking import Asked
from shoebox.roll_manager.background import TICK, Background
from shoebox.roll_manager.current import Current
from shoebox.roll_manager.sealer import Sealer
from shoebox.roll_manager.succession import Succession
from shoebox.spool import Spool
from shoebox_plugins.checkers.time import TimeRollChecker
from tests.checkers import Clock


class Writer:
    """What a manager has, without its thread: ticks come from the test."""

    def __init__(self, folder, checker=None, sync_interval=None, template="a.events"):
        complaints = Complaints()
        asked = Asked(NeverRollChecker() if checker is None else checker, complaints)
        self.sealer = Sealer(CallbackList([]), None, self._salvage)
        archives = Succession(Spool(folder), template, compression="none", format_version=2)
        self.current = Current(
            archives,
            self.sealer,
            asked,
            complaints,
            opening=lambda: None,
            ready=lambda: None,
            each_record=False,
        )
        self.background = Background(self.current, asked, complaints, sync_interval)

    def _salvage(self, blocks):
        self.current.salvage(blocks)

    def write(self, payload):
        with self.current.lock:
            self.current.take(({}, payload))
            return self.current.archive

    def tick(self):
        return self.background.tick()

    def end(self):
        with self.current.lock:
            self.current.hand_over("closed")
        assert self.sealer.finish(0.0) == []


def payloads(path):
    with ArchiveReader(path) as reader:
        return [record.payload for record in reader.records()]


def failing(monkeypatch, name, code=errno.EIO):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, name, refuse)


def test_with_nothing_open_there_is_nothing_to_do(tmp_path):
    writer = Writer(tmp_path, sync_interval=0.25)
    assert writer.tick() == 0.25
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("interval", "seconds"), [(None, TICK), (0.25, 0.25), (60.0, TICK)])
def test_deadlines_are_looked_at_again_soon(tmp_path, interval, seconds):
    """A write may have changed them."""
    writer = Writer(tmp_path, sync_interval=interval)
    writer.write("x")
    assert writer.tick() == seconds
    writer.end()


def test_an_archive_whose_deadline_has_passed_is_rolled_and_sealed(tmp_path):
    clock = Clock()
    writer = Writer(tmp_path, TimeRollChecker(roll_minutes=1, clock=clock))
    writer.write("x")
    clock.now += 59.5
    assert writer.tick() == 0.5
    assert not writer.current.archive.sealed
    clock.now += 0.5
    assert writer.tick() == TICK
    assert writer.current.archive is None
    writer.end()
    assert payloads(tmp_path / "a.events") == ["x"]


def test_what_was_written_is_synced_once_a_tick_with_an_interval_and_not_without(tmp_path):
    for interval, committed in ((0.25, 2), (None, 0)):
        writer = Writer(tmp_path, sync_interval=interval)
        writer.write("x")
        archive = writer.write("y")
        writer.tick()
        assert archive.committed == committed
        writer.end()


def test_a_sync_that_fails_is_logged_and_the_records_are_written_again(
    tmp_path, monkeypatch, caplog
):
    writer = Writer(tmp_path, sync_interval=0.25)
    first = writer.write("x")
    with monkeypatch.context() as patch:
        failing(patch, "fdatasync")
        writer.tick()
    assert f"{first.path}: could not be synced" in caplog.text
    assert writer.current.archive is None
    writer.tick()
    second = writer.current.archive
    assert second is not first
    assert second.committed == 1
    writer.end()
    assert payloads(second.path) == ["x"]


def test_with_no_archive_for_what_is_in_doubt_it_goes_on_and_says_so_once(
    tmp_path, monkeypatch, caplog
):
    """Each try has a file with a name of its own, and that is no other trouble."""
    writer = Writer(tmp_path, sync_interval=0.001, template="a_%f.events")
    for times in (1, 2):
        writer.write("x")
        with monkeypatch.context() as patch:
            failing(patch, "fdatasync")
            writer.tick()
            assert [writer.tick() for _ in range(3)] == [TICK] * 3
        assert caplog.text.count("no archive can be opened for records in doubt") == times
        assert writer.tick() == 0.001
        assert writer.current.archive.committed == 1
    writer.end()


def test_what_could_not_be_flushed_in_the_background_is_told_to_the_next_writer(
    tmp_path, monkeypatch
):
    """Its own record is left out; what was taken before it is kept."""
    writer = Writer(tmp_path, sync_interval=0.25)
    archive = writer.write("kept")
    with monkeypatch.context() as patch:
        failing(patch, "writev", errno.ENOSPC)
        writer.tick()
        with pytest.raises(OSError, match="No space left") as caught:
            writer.write("left out")
        assert not isinstance(caught.value, DurabilityError)
    writer.write("after")
    writer.end()
    assert payloads(archive.path) == ["kept", "after"]


def test_a_roll_that_fails_is_not_tried_again_at_once(tmp_path, monkeypatch, caplog):
    clock = Clock()
    writer = Writer(tmp_path, TimeRollChecker(roll_minutes=1, clock=clock))
    writer.write("x")
    clock.now += 60
    with monkeypatch.context() as patch:
        failing(patch, "writev", errno.ENOSPC)
        assert [writer.tick() for _ in range(3)] == [TICK] * 3
    assert caplog.text.count("can't roll now") == 1
    writer.tick()
    writer.end()
    assert payloads(tmp_path / "a.events") == ["x"]


def test_the_thread_starts_and_ends(tmp_path):
    writer = Writer(tmp_path, sync_interval=0.001)
    archive = writer.write("x")
    writer.background.start()
    thread = writer.background._ticker
    assert thread.is_alive()
    writer.background.stop()
    thread.join(30)
    assert not thread.is_alive()
    writer.end()
    assert archive.sealed
