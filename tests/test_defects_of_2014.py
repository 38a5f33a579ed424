"""What the library of 2014 got wrong: one test for each."""

import gzip
import os
import threading

import pytest

from shoebox.archive import ArchiveReader, ArchiveWriter
from shoebox.callback import Callback, CallbackList
from shoebox.errors import NoMoreFiles
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingJSONRollManager, WritingRollManager
from shoebox_plugins.callbacks.files import ChangeExtensionCallback, CompressFileCallback
from shoebox_plugins.checkers.records import RecordsRollChecker
from shoebox_plugins.checkers.size import SizeRollChecker
from shoebox_plugins.checkers.time import TimeRollChecker

SECONDS = 30


def write(directory, template, count, checker=None, callback=None):
    checker = NeverRollChecker() if checker is None else checker
    with WritingRollManager(template, checker, directory, callback) as manager:
        for index in range(count):
            manager.write({}, f"{index}")


def read(template, directory):
    with ReadingRollManager(template, directory) as manager:
        return [payload for _, payload in manager]


def test_the_reader_s_glob_is_matched_against_names_and_not_the_joined_path(tmp_path):
    folder = tmp_path / "te[s]t_x"
    folder.mkdir()
    write(folder, "test_%f.events", 2)
    (folder / "other.events").write_bytes(b"x")
    assert read("test_*.events", folder) == ["0", "1"]


def test_archives_of_the_same_second_do_not_truncate_each_other(tmp_path):
    write(tmp_path, "%Y.events", 20, RecordsRollChecker(roll_records=1))
    assert len(list(tmp_path.iterdir())) == 20
    assert read("%Y.events", tmp_path) == [f"{index}" for index in range(20)]


def test_archives_are_not_read_in_the_order_of_their_names(tmp_path):
    for name, payload in (("z", "first"), ("a", "second")):
        with ArchiveWriter(tmp_path / f"{name}.events") as writer:
            writer.write({}, payload)
    assert read("*.events", tmp_path) == ["first", "second"]


def test_a_torn_tail_is_not_taken_for_the_end(tmp_path):
    write(tmp_path, "a_%f.events", 2)
    (path,) = tmp_path.iterdir()
    os.truncate(path, path.stat().st_size - 1)
    write(tmp_path, "b_%f.events", 1)
    with ReadingRollManager("*.events", tmp_path) as manager:
        assert [payload for _, payload in manager] == ["0", "1", "0"]
        assert [fault.kind for fault in manager.faults] == ["torn"]


def test_three_empty_archives_are_no_reason_to_raise_no_valid_file(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.events").touch()
    write(tmp_path, "d_%f.events", 1)
    assert read("*.events", tmp_path) == ["0"]
    for path in tmp_path.glob("d_*"):
        path.unlink()
    with pytest.raises(NoMoreFiles):
        ReadingRollManager("*.events", tmp_path).read()


def test_a_callback_list_hands_on_the_name_after_a_move(tmp_path):
    heard = []

    class Hears(Callback):
        def on_close(self, path):
            heard.append((path.name, path.exists()))

    callbacks = CallbackList([ChangeExtensionCallback(), CompressFileCallback(), Hears()])
    write(tmp_path, "a.events", 1, callback=callbacks)
    assert heard == [("a.done.zst", True)]


def test_an_extension_with_its_dot_makes_no_two_dots(tmp_path):
    write(tmp_path, "x.events", 1, callback=ChangeExtensionCallback(new_extension=".done"))
    assert [path.name for path in tmp_path.iterdir()] == ["x.done"]


def test_an_on_close_that_raises_makes_no_later_write_fail(tmp_path):
    class Raises(Callback):
        def on_close(self, path):
            raise RuntimeError

    write(tmp_path, "%f.events", 5, RecordsRollChecker(roll_records=1), Raises())
    assert read("*.events", tmp_path) == [f"{index}" for index in range(5)]


def test_a_time_roll_does_not_wait_for_a_write(tmp_path):
    closed, now = threading.Event(), [0.0]

    class Hears(Callback):
        def on_close(self, path):
            closed.set()

    checker = TimeRollChecker(roll_minutes=1, clock=lambda: now[0])
    manager = WritingRollManager("%f.events", checker, tmp_path, Hears(), sync_interval=0.02)
    manager.write({}, "x")
    now[0] = 60.0
    assert closed.wait(SECONDS)
    manager.close()


def test_starting_up_does_not_sweep_another_worker_s_live_file(tmp_path):
    (tmp_path / "done").mkdir()
    first = WritingJSONRollManager("%f.json", tmp_path, tmp_path / "done")
    first.write({}, "1")
    WritingJSONRollManager("%f.json", tmp_path, tmp_path / "done").close()
    assert list((tmp_path / "done").iterdir()) == []
    first.close()


def test_nothing_is_gzipped_under_its_final_name(tmp_path, monkeypatch):
    (tmp_path / "done").mkdir()
    seen = []
    real = gzip.GzipFile.write

    def look(self, data):
        seen.extend(path.name for path in (tmp_path / "done").iterdir())
        return real(self, data)

    monkeypatch.setattr(gzip.GzipFile, "write", look)
    with WritingJSONRollManager("a.json", tmp_path, tmp_path / "done") as manager:
        manager.write({}, "1")
    assert seen
    assert all(name.startswith(".") and name.endswith(".tmp") for name in seen)


def test_a_size_roll_is_not_rounded_to_whole_mebibytes(tmp_path):
    with WritingRollManager(
        "%f.events", SizeRollChecker(roll_size_mb=0.5), tmp_path, compression="none"
    ) as manager:
        for _ in range(40):
            manager.write({}, os.urandom(100_000))
            manager.flush()
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) > 3
    assert max(sizes) < 750_000
    for path in tmp_path.iterdir():
        with ArchiveReader(path) as reader:
            assert list(reader)
            assert reader.faults == []
