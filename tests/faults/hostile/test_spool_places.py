"""What is planted under the names of a spool: writing, recovery and shipping go on around it."""

import logging
import os
import shutil
from collections import defaultdict
from threading import Event

import pytest

from shoebox.archive import ArchiveWriter, recover
from shoebox.archive.recovery import recover_all
from shoebox.cli.sources import found
from shoebox.errors import BadWorkingDirectory
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager
from shoebox.spool import Spool
from shoebox_plugins.storage.local import LocalBackend
from tests.faults.hostile.planting import KINDS, LIMIT, NO_FILES, TREASURE, kind_at

pytestmark = pytest.mark.usefixtures("limited")

NAME = "a.events"
STATES = ["", ".open", ".torn", ".corrupt", ".delivery"]
ANYTHING = pytest.mark.parametrize("kind", KINDS)
NO_FILE = pytest.mark.parametrize("kind", NO_FILES)


class Hearing(LocalBackend):
    """Says of each archive when it is stored."""

    def __init__(self, *, path):
        super().__init__(path=path)
        self.heard = defaultdict(Event)

    def put(self, key, path, metadata=None):
        super().put(key, path, metadata)
        self.heard[path.name].set()


def writer(spool, template=NAME, **options):
    return WritingRollManager(template, NeverRollChecker(), directory=spool, **options)


def payloads(spool, pattern="*.events"):
    """Return what a reader finds in a spool, and the reasons of its faults."""
    return payloads_of(pattern, directory=spool)


def payloads_of(sources, **options):
    """Return the same of what a reader is given."""
    with ReadingRollManager(sources, **options) as reader:
        return [payload for _, payload in reader], [it.reason for it in reader.faults]


def seal(folder, name, *items):
    with ArchiveWriter(folder / name) as archive:
        for item in items:
            archive.write({}, item)


def abandon(folder, name, *items):
    """Leave an archive open, with a tail that was cut."""
    archive = ArchiveWriter(folder / name)
    for item in items:
        archive.write({}, item)
    archive.sync()
    archive.release()
    with (folder / f"{name}.open").open("ab") as file:
        file.write(b"torn")


@pytest.mark.parametrize("state", STATES)
@ANYTHING
def test_a_writer_takes_another_name_and_leaves_what_is_there(spool, outside, kind, state):
    planted = spool / (NAME + state)
    KINDS[kind](planted, outside)
    before = kind_at(planted)
    with writer(spool) as manager:
        manager.write({}, "kept")
        manager.roll()
        manager.write({}, "kept too")
    assert outside.is_untouched
    if (kind, state) != ("hard link", ".open"):  # that is an archive, which nobody writes to
        assert kind_at(planted) == before
    read, _ = payloads(spool, NAME)
    assert [it for it in read if it != TREASURE] == ["kept", "kept too"]
    assert TREASURE not in read or kind == "hard link"


@pytest.mark.parametrize("name", ["", ".torn", ".corrupt", ".delivery", ".torn.tmp", ".tmp"])
@ANYTHING
def test_recovery_keeps_every_record_whatever_lies_beside(spool, outside, kind, name):
    abandon(spool, NAME, "1", "2")
    abandon(spool, "b.events", "3")
    KINDS[kind](spool / (NAME + name), outside)
    done = {it.path.name: it.outcome for it in recover_all(Spool(spool))}
    assert done["b.events"] == "sealed"
    if (kind, name) == ("folder", ".torn.tmp"):
        assert done["a.events.open"] == "left"
        (spool / "a.events.torn.tmp").rmdir()
        list(recover_all(Spool(spool)))
    assert outside.is_untouched
    read, _ = payloads(spool)
    assert sorted(it for it in read if it != TREASURE) == ["1", "2", "3"]
    torn = [
        it.read_bytes() for it in spool.glob("*.torn") if it.is_file() and os.access(it, os.R_OK)
    ]
    assert torn.count(b"torn") == 2


@ANYTHING
def test_what_looks_like_a_dead_writer_s_draft_is_swept_away_only_if_it_is_a_file(
    spool, outside, kind
):
    planted = spool / f".{'0' * 32}.tmp"
    KINDS[kind](planted, outside)
    Spool(spool).sweep()
    assert outside.is_untouched
    assert os.path.lexists(planted) or kind not in NO_FILES


@NO_FILE
def test_recovery_says_what_it_has_met_and_what_to_do(spool, outside, kind):
    planted = spool / f"{NAME}.open"
    KINDS[kind](planted, outside)
    before = kind_at(planted)
    [left] = recover_all(Spool(spool))
    assert (left.outcome, left.again) == ("left", False)
    assert "not a regular file; see whose it is, and take it away" in left.reason
    with pytest.raises(OSError, match="not a regular file"):
        recover(planted)
    assert kind_at(planted) == before
    assert outside.is_untouched


@NO_FILE
def test_a_writer_tells_of_it_once(spool, outside, kind, caplog):
    KINDS[kind](spool / f"{NAME}.open", outside)
    KINDS[kind](spool / "other.events", outside)
    store = LocalBackend(path=outside.path.parent)
    with writer(spool, "b.events", storage=[store]) as manager:
        manager._sealer.gather()
        manager._sealer.gather()
    told = [it for it in caplog.messages if "not a regular file" in it]
    assert len([it for it in told if "a.events.open" in it]) == 1
    assert len([it for it in told if "other.events" in it]) == (kind != "folder")


@pytest.mark.parametrize("state", ["", ".delivery", ".delivery.tmp"])
def test_what_can_not_be_shipped_stays_and_the_others_go(spool, outside, tmp_path, state):
    store = tmp_path / "store"
    store.mkdir()
    # By its hard link what is outside is a file of the spool.
    planted = KINDS if state else [it for it in KINDS if it != "hard link"]
    kinds = {f"a{number}.events": kind for number, kind in enumerate(planted)}
    names = [*kinds, "b.events", "c.events"]
    for name in names:
        seal(spool, name, name)
    for name, kind in kinds.items():
        if not state:
            (spool / name).unlink()
            (spool / f"{name}.delivery").write_text("{}")
        KINDS[kind](spool / (name + state), outside)
    before = {name: kind_at(spool / name) for name in kinds}
    backend = Hearing(path=store)
    with writer(spool, "d.events", storage=[backend], close_timeout=0.1):
        assert backend.heard["b.events"].wait(LIMIT / 2)
        assert backend.heard["c.events"].wait(LIMIT / 2)
    assert outside.is_untouched
    kept = payloads(store, "*")[0] + payloads(spool)[0]
    if state:
        assert {*names} <= {*kept}
        stuck = {name for name, kind in kinds.items() if kind in {"folder", "file without rights"}}
        assert {*names} - stuck <= {*payloads(store, "*")[0]}
    else:
        left = {name for name in kinds if os.path.lexists(spool / name)}
        assert {name for name, kind in kinds.items() if kind in NO_FILES} <= left
        assert all(kind_at(spool / name) == before[name] for name in left)
        assert TREASURE not in kept


def test_what_keeps_an_archive_from_being_shipped_is_told(spool, tmp_path, caplog):
    (tmp_path / "store").mkdir()
    os.mkfifo(spool / NAME)
    (spool / f"{NAME}.delivery").write_text("{}")
    caplog.set_level(logging.INFO)
    store = LocalBackend(path=tmp_path / "store")
    with writer(spool, "b.events", storage=[store], close_timeout=0.2) as manager:
        manager._shipper.drain(0.2)
    assert [it.name for it in manager.unshipped] == [NAME]
    assert "it is a FIFO, not a regular file" in manager.unshipped[0].reason
    assert any("it is a FIFO" in it and NAME in it for it in caplog.messages)


@ANYTHING
def test_readers_tell_of_what_lies_in_a_spool_and_read_the_others(spool, outside, kind):
    seal(spool, "b.events", "sound")
    KINDS[kind](spool / NAME, outside)
    read, reasons = payloads(spool)
    assert outside.is_untouched
    if kind == "hard link":
        assert sorted(read) == ["sound", TREASURE]
    else:
        assert read == ["sound"]
        # A folder, and what leads to one, is no archive.
        assert len(reasons) == (not kind.endswith("folder"))
    if kind in NO_FILES and reasons:
        assert "not a regular file" in reasons[0]


def test_a_link_that_is_named_is_followed(spool, outside):
    (spool / NAME).symlink_to(outside.path / "archive")
    assert payloads_of([spool / NAME]) == ([TREASURE], [])


def test_a_link_to_an_archive_that_is_being_written_is_no_fault(spool, outside):
    with writer(outside.path) as manager:
        manager.write({}, "1")
        manager.flush()
        (spool / "now.open").symlink_to(outside.path / f"{NAME}.open")
        with found([f"{spool}/now.open"], []) as matched:
            assert matched.archives[0].growing
            assert payloads_of(matched.archives) == (["1"], [])


@pytest.mark.parametrize("glob", ["spool/*/archive", "spool/**", "spool/**/arch*", "spo*/*/arch*"])
def test_a_glob_goes_through_no_link(spool, outside, monkeypatch, glob):
    monkeypatch.chdir(spool.parent)
    seal(spool, "archive", "sound")
    (spool / "folder").mkdir()
    seal(spool / "folder", "archive", "sound")
    (spool / "link").symlink_to(outside.path)
    for source in (glob, f"./{glob}", spool.parent / glob):
        with found([str(source)], []) as matched:
            read, reasons = payloads_of(matched.archives)
        assert {*read} == {"sound"}
        assert len(reasons) == 1
        assert "it is a symbolic link" in reasons[0]
    with found([f"{spool}/link/arch*"], []) as matched:
        assert payloads_of(matched.archives) == ([TREASURE], [])


@pytest.mark.parametrize("kind", [it for it in NO_FILES if it != "folder"])
def test_a_spool_that_is_none_is_refused(tmp_path, outside, kind):
    KINDS[kind](tmp_path / "spool", outside)
    with pytest.raises(BadWorkingDirectory, match="spool: is a"):
        writer(tmp_path / "spool")
    assert outside.is_untouched


@pytest.mark.parametrize("mode", [0o777, 0o707, 0o702])
def test_a_spool_that_others_may_write_in_is_refused_unless_it_is_trusted(spool, mode):
    spool.chmod(mode)
    with pytest.raises(BadWorkingDirectory, match="chmod"):
        writer(spool)
    writer(spool, trust_directory=True).close()
    spool.chmod(mode | 0o1000)
    writer(spool).close()


def test_a_spool_that_is_replaced_between_two_rolls_is_still_the_one_that_is_written(
    spool, outside, tmp_path
):
    with writer(spool, "%f.events") as manager:
        manager.write({}, "1")
        manager.roll()
        spool.rename(tmp_path / "moved")
        spool.symlink_to(outside.path)
        manager.write({}, "2")
        manager.roll()
        manager.write({}, "3")
    assert outside.is_untouched
    assert payloads(tmp_path / "moved")[0] == ["1", "2", "3"]


def test_nothing_of_another_directory_is_shipped_from_a_spool_that_was_replaced(
    spool, outside, tmp_path
):
    store = tmp_path / "store"
    store.mkdir()
    with writer(spool, storage=[LocalBackend(path=store)], close_timeout=0.5) as manager:
        spool.rename(tmp_path / "moved")
        spool.symlink_to(outside.path / "folder")
        (outside.path / "folder" / NAME).write_bytes((outside.path / "archive").read_bytes())
        before = outside.seen()
        manager.write({}, "mine")
    assert outside.seen() == before
    assert payloads(tmp_path / "moved")[0] + payloads(store, "*")[0] == ["mine"]


def test_a_spool_that_is_removed_fails_the_next_record_and_says_where(spool, tmp_path):
    with writer(spool, "%f.events") as manager:
        shutil.rmtree(spool)
        with pytest.raises(OSError, match=str(spool)):
            manager.write({}, "1")
        spool.mkdir()
    assert not [*spool.iterdir()]
