"""What was left in a spool: brought to its end, by whoever runs."""

import errno
import logging
import os

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.callback import Callback
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager, sealer
from shoebox.roll_manager.leftovers import NONE, Leftovers
from shoebox.spool import Spool
from shoebox_plugins.storage.local import LocalBackend
from tests.faults.children import until


def leave(folder, payload, more=()):
    """Leave an archive as a writer that died does."""
    with ArchiveWriter(folder / f"{payload}.events") as writer:
        for it in (payload, *more):
            writer.write({}, it)
            writer.sync()
        writer.release()


def refuse(*_, **__):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def payloads(folder):
    with ReadingRollManager("*.events*", folder) as reader:
        return sorted(payload for _, payload in reader)


def test_what_was_left_open_is_recovered_and_told_of(tmp_path):
    leave(tmp_path, "a")
    told = []
    assert Leftovers(Spool(tmp_path), None).gather(told.append)
    assert told == [tmp_path / "a.events"]
    assert payloads(tmp_path) == ["a"]


def test_what_is_damaged_is_an_error_and_what_a_crash_left_is_not(tmp_path, caplog):
    leave(tmp_path, "bad", more=["what says that it was synced"])
    leave(tmp_path, "torn")
    with (tmp_path / "bad.events.open").open("r+b") as file:
        file.seek(file.read().index(b"bad"))
        file.write(b"mad")
    with (tmp_path / "torn.events.open").open("ab") as file:
        file.write(b"a beginning")
    Leftovers(Spool(tmp_path), None).gather(lambda _: None)
    said = [it for it in caplog.records if it.name.endswith("leftovers")]
    assert [it.levelname for it in said] == ["ERROR", "WARNING"]


def test_what_the_disk_refuses_is_to_be_tried_again_and_told_once(tmp_path, monkeypatch, caplog):
    leave(tmp_path, "a")
    leftovers, told = Leftovers(Spool(tmp_path), None), []
    caplog.set_level(logging.WARNING, "shoebox.roll_manager.leftovers")
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuse)
        assert [leftovers.gather(told.append) for _ in range(2)] == [False, False]
    said = [it for it in caplog.records if it.name.endswith("leftovers")]
    assert [it.levelname for it in said] == ["ERROR"]
    assert leftovers.gather(told.append)
    assert told == [tmp_path / "a.events"]


def test_what_is_no_archive_is_left_and_not_tried_again(tmp_path):
    (tmp_path / "a.events.open").write_text("something else altogether")
    assert Leftovers(Spool(tmp_path), None).gather(refuse)
    assert (tmp_path / "a.events.open").exists()
    assert NONE.gather(refuse)


@pytest.mark.parametrize("call", ["link", "fsync", "unlink"])
def test_a_writer_that_goes_on_recovers_and_ships_what_it_could_not_at_its_start(
    tmp_path, monkeypatch, call
):
    """Its callbacks hear of it once."""
    spool, store = tmp_path / "spool", tmp_path / "store"
    spool.mkdir()
    store.mkdir()
    leave(spool, "a")
    monkeypatch.setattr(sealer, "LOOK_AGAIN", 0.02)
    monkeypatch.setattr(sealer, "AGAIN", 0.02)
    heard = []

    class Heard(Callback):
        def on_close(self, path):
            heard.append(path.name)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        manager = WritingRollManager(
            "b.events", NeverRollChecker(), spool, Heard(), storage=[LocalBackend(path=store)]
        )
    manager.write({}, "b")
    assert until(lambda: [it.name for it in spool.iterdir()] == ["b.events.open"])
    assert heard.count("a.events") == 1
    manager.close()
    with ReadingRollManager("*.events", store) as reader:
        assert sorted(payload for _, payload in reader) == ["a", "b"]


def test_an_archive_that_was_given_up_is_recovered_by_its_writer(tmp_path, monkeypatch):
    monkeypatch.setattr(sealer, "LOOK_AGAIN", 0.02)
    monkeypatch.setattr(sealer, "AGAIN", 0.02)
    manager = WritingRollManager("%f.events", NeverRollChecker(), tmp_path)
    manager.write({}, "safe")
    manager.sync()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        manager.write({}, "in doubt")
        with pytest.raises(OSError, match="could not be synced"):
            manager.sync()
    manager.write({}, "after")
    assert until(lambda: len(list(tmp_path.glob("*.events"))) == 1)
    manager.close()
    assert set(payloads(tmp_path)) == {"safe", "in doubt", "after"}
