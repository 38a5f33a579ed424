"""JSON lines: gzipped once, under a name that says what is in them, and lost never."""

import errno
import gzip
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading

import pytest

from shoebox import files
from shoebox.errors import (
    BadWorkingDirectory,
    ConfigError,
    RecordTypeError,
    RecordValueError,
    WriterClosed,
)
from shoebox.roll_manager import WritingJSONRollManager

SECONDS = 30
LIVE = "shoebox-*.jsonl"


@pytest.fixture
def folders(tmp_path):
    live, done = tmp_path / "live", tmp_path / "done"
    live.mkdir()
    done.mkdir()
    return live, done


def lines(done):
    """Return the lines of every file there, by the files' names."""
    return [
        line
        for path in sorted(done.glob("[!.]*"))
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()
    ]


def test_payloads_become_lines_and_metadata_is_left_out(folders):
    live, done = folders
    with WritingJSONRollManager("a_%Y.json", live, done) as manager:
        manager.write({"k": "v"}, '{"a": 1}')
        manager.write({}, b'{"b": 2}')
    assert lines(done) == ['{"a": 1}', '{"b": 2}']
    assert list(live.iterdir()) == []


def test_the_name_has_the_checksum_and_the_time(folders):
    live, done = folders
    with WritingJSONRollManager("a_[[CRC]]_[[TIMESTAMP]].json", live, done) as manager:
        manager.write({}, "{}")
    (path,) = done.iterdir()
    crc, seconds = re.fullmatch(r"a_([0-9a-f]{64})_(\d+\.\d+)\.json\.gz", path.name).groups()
    assert crc == hashlib.sha256(b"{}\n").hexdigest()
    assert abs(float(seconds) - path.stat().st_mtime) < 60


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (5, RecordTypeError),
        ("a\nb", RecordValueError),
        (b"a\0b", RecordValueError),
        ("\ud800", ValueError),
    ],
)
def test_what_is_no_line_is_refused_and_leaves_out_nothing_else(folders, payload, error):
    live, done = folders
    with WritingJSONRollManager("a.json", live, done) as manager:
        manager.write({}, "1")
        with pytest.raises(error):
            manager.write({}, payload)
        manager.write({}, "2")
    assert lines(done) == ["1", "2"]


def test_a_size_roll_and_taken_names_that_are_numbered(folders):
    live, done = folders
    with WritingJSONRollManager("a.json", live, done, roll_size_mb=10 / 2**20) as manager:
        for index in range(3):
            manager.write({}, f"{index}" * 10)
    assert sorted(path.name for path in done.iterdir()) == [
        "a.json-0001.gz",
        "a.json-0002.gz",
        "a.json.gz",
    ]
    assert sorted(lines(done)) == ["0" * 10, "1" * 10, "2" * 10]


@pytest.mark.parametrize("template", ["a.json", "[[CRC]].json"])
def test_two_files_with_the_same_lines_are_two(folders, template):
    """They are not taken for one that was published before."""
    live, done = folders
    with WritingJSONRollManager(template, live, done) as manager:
        for _ in range(3):
            manager.write({}, "same")
            manager.roll()
    assert lines(done) == ["same"] * 3


def test_a_time_roll_happens_although_nothing_is_written(folders, monkeypatch):
    live, done = folders
    shipped = threading.Event()
    real = WritingJSONRollManager._ship

    def ship(self, file):
        real(self, file)
        shipped.set()

    monkeypatch.setattr(WritingJSONRollManager, "_ship", ship)
    with WritingJSONRollManager("a.json", live, done, roll_minutes=0.0005) as manager:
        manager.write({}, "x")
        assert shipped.wait(SECONDS)
        assert lines(done) == ["x"]


def test_a_living_worker_s_file_is_never_touched(folders):
    live, done = folders
    first = WritingJSONRollManager("a_%f.json", live, done)
    first.write({}, "first")
    (mine,) = live.glob(LIVE)
    with WritingJSONRollManager("a_%f.json", live, done) as second:
        assert mine.exists()
        second.write({}, "second")
    assert lines(done) == ["second"]
    first.write({}, "first again")
    first.close()
    assert sorted(lines(done)) == ["first", "first again", "second"]


def leave(live, content, token="0" * 16):
    """Leave what a dead worker leaves."""
    path = live / f"shoebox-1700000000000000000-{token}.jsonl"
    path.write_bytes(content)
    return path


def test_what_a_dead_worker_left_is_picked_up(folders):
    live, done = folders
    leave(live, b"1\n2\n")
    WritingJSONRollManager("a_%Y.json", live, done).close()
    assert lines(done) == ["1", "2"]
    assert [path.name for path in done.iterdir()] == ["a_2023.json.gz"]
    assert list(live.iterdir()) == []


def test_a_line_that_was_cut_off_is_saved(folders):
    live, done = folders
    path = leave(live, b"1\n2\n3")
    WritingJSONRollManager("a.json", live, done).close()
    assert lines(done) == ["1", "2"]
    assert (live / f"{path.name}.torn").read_bytes() == b"3"


def test_what_follows_zeros_that_a_power_cut_left_is_no_line(folders):
    live, done = folders
    path = leave(live, b"1\n2" + bytes(600) + b"3\n4\n")
    WritingJSONRollManager("a.json", live, done).close()
    assert lines(done) == ["1"]
    assert (live / f"{path.name}.torn").read_bytes() == b"2" + bytes(600) + b"3\n4\n"


def test_lines_are_durable_here_before_they_arrive(folders, monkeypatch):
    """Else a power cut could leave fewer of them here, which would arrive once more."""
    live, done = folders
    synced, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_ino), real(fd)))
    manager = WritingJSONRollManager("a.json", live, done)
    manager.write({}, "1")
    (path,) = live.iterdir()
    here = path.stat().st_ino
    manager.close()
    (arrived,) = done.iterdir()
    assert synced.index(here) < synced.index(arrived.stat().st_ino)


def test_what_a_dead_worker_left_half_saved_is_removed(folders):
    live, done = folders
    (live / files.temporary_name()).write_bytes(b"3")
    WritingJSONRollManager("a.json", live, done).close()
    assert list(live.iterdir()) == []


def test_foreign_files_are_left_alone(folders):
    live, done = folders
    names = ["shoebox-x.jsonl", "shoebox-12-zz.jsonl", "other.jsonl", "a.events"]
    for name in names:
        (live / name).write_text("x\n")
    WritingJSONRollManager("a.json", live, done).close()
    assert sorted(path.name for path in live.iterdir()) == sorted(names)


def test_a_crash_between_publishing_and_removing_gives_one_file(folders, monkeypatch):
    live, done = folders
    content = b"1\n2\n"
    leave(live, content)
    real = files.Directory.remove

    def remove(self, name):
        if name.endswith(".jsonl"):
            raise OSError(5, "killed here")
        real(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(files.Directory, "remove", remove)
        with pytest.raises(OSError, match="killed"):
            WritingJSONRollManager("a.json", live, done).roll()
    assert lines(done) == ["1", "2"]
    assert len(list(live.iterdir())) == 1
    # In this process the lock is held still: a dead one's is not.
    (left,) = live.iterdir()
    left.unlink()
    leave(live, content)
    os.utime(leave(live, content))
    WritingJSONRollManager("a.json", live, done).close()
    assert lines(done) == ["1", "2"]
    assert len(list(done.iterdir())) == 1


def test_a_destination_that_fails_keeps_the_lines_and_writing_goes_on(folders, monkeypatch):
    live, done = folders
    now = [1000.0]
    manager = WritingJSONRollManager(
        "a_%f.json", live, done, roll_size_mb=1 / 2**20, clock=lambda: now[0]
    )
    tries = []

    def link(*args, **kwargs):
        tries.append(args)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", link)
        for index in range(5):
            manager.write({}, f"{index}")
        assert 0 < manager._tick() <= 60
        with pytest.raises(OSError, match="No space"):
            manager.roll()
        assert len(tries) >= 5
    manager.write({}, "5")
    manager.close()
    assert sorted(lines(done)) == ["0", "1", "2", "3", "4", "5"]
    assert list(live.iterdir()) == []


def test_writing_does_not_wait_for_what_was_rolled(folders, monkeypatch):
    live, done = folders
    go_on, real = threading.Event(), os.link

    def slow(*args, **kwargs):
        assert go_on.wait(30)
        real(*args, **kwargs)

    monkeypatch.setattr(os, "link", slow)
    manager = WritingJSONRollManager("a_%f.json", live, done, roll_size_mb=1 / 2**20)
    for index in range(5):
        manager.write({}, f"{index}")
    assert lines(done) == []
    go_on.set()
    manager.close()
    assert sorted(lines(done)) == ["0", "1", "2", "3", "4"]


def test_nothing_is_removed_that_does_not_read_back(folders, monkeypatch):
    live, done = folders
    manager = WritingJSONRollManager("a.json", live, done)
    manager.write({}, "x")
    monkeypatch.setattr("shoebox.roll_manager.gzipped._sha256", lambda file: "0")
    with pytest.raises(OSError, match="reads back other"):
        manager.roll()
    # The manager's own thread may be at the next try, under a name that no reader looks at.
    assert list(done.glob("*.gz")) == []
    assert len(list(live.glob(LIVE))) == 1
    monkeypatch.undo()
    manager.close()
    assert lines(done) == ["x"]


def test_a_forked_child_has_a_file_of_its_own(folders):
    live, done = folders
    manager = WritingJSONRollManager("a_%f.json", live, done)
    manager.write({}, "parent")
    pid = os.fork()
    if pid == 0:
        try:
            manager.write({}, "child")
            manager.close()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    manager.close()
    assert sorted(lines(done)) == ["child", "parent"]


KILLED = """
import sys
from shoebox.roll_manager import WritingJSONRollManager
manager = WritingJSONRollManager("a_%f_[[CRC]].json", sys.argv[1], sys.argv[2], 100 / 2**20)
index = 0
while True:
    manager.write({}, f"{sys.argv[3]}:{index}")
    print(f"{sys.argv[3]}:{index}", flush=True)
    index += 1
"""


def test_kill_9_loses_no_line(folders):
    live, done = folders
    acknowledged = []
    for number in range(5):
        command = [sys.executable, "-c", KILLED, str(live), str(done), f"{number}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        acknowledged += [process.stdout.readline() for _ in range(40)]
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        acknowledged += rest.splitlines(keepends=True)
    # Under the same names: what arrived and was not removed yet arrives once.
    WritingJSONRollManager("a_%f_[[CRC]].json", live, done).close()
    found = lines(done)
    assert len(found) == len(set(found))
    assert {it.decode().strip() for it in acknowledged if it.endswith(b"\n")} <= set(found)
    assert list(live.glob(LIVE)) == []


def test_write_after_close_is_refused_and_closing_twice_is_fine(folders):
    live, done = folders
    manager = WritingJSONRollManager("a.json", live, done)
    manager.close()
    manager.close()
    with pytest.raises(WriterClosed):
        manager.write({}, "x")
    assert list(done.iterdir()) == []


def test_what_does_not_fit_is_refused_at_construction(folders, tmp_path):
    live, done = folders
    with pytest.raises(ConfigError):
        WritingJSONRollManager("a.json", live, done, roll_minutes=0)
    with pytest.raises(ValueError, match="template"):
        WritingJSONRollManager("%Q", live, done)
    with pytest.raises(BadWorkingDirectory):
        WritingJSONRollManager("a.json", tmp_path / "missing", done)


def test_a_removal_that_could_not_be_synced_is_not_tried_for_ever(folders, monkeypatch):
    live, done = folders
    real, names = os.fsync, []

    def once_removed(fd):
        real(fd)
        if not names and not list(live.iterdir()):
            names.append(fd)
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    manager = WritingJSONRollManager("[[CRC]].json", live, done)
    manager.write({}, "1")
    monkeypatch.setattr(os, "fsync", once_removed)
    with pytest.raises(OSError, match="Input/output error"):
        manager.roll()
    manager.roll()
    manager.close()
    assert lines(done) == ["1"]
    assert len(list(done.iterdir())) == 1


def test_drafts_of_dead_workers_are_removed_from_both_folders(folders):
    for folder in folders:
        (folder / f".{'0' * 32}.tmp").touch()
    WritingJSONRollManager("[[CRC]].json", *folders).close()
    assert [list(folder.iterdir()) for folder in folders] == [[], []]
