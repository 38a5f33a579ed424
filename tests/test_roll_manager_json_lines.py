"""JSON lines: gzipped once, under a name that says what is in them, and lost never."""

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
from shoebox.roll_manager.outbox import Outbox

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
    real = Outbox.ship

    def ship(self):
        errors = real(self)
        if lines(done):
            shipped.set()
        return errors

    monkeypatch.setattr(Outbox, "ship", ship)
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


def test_what_a_dead_worker_left_half_saved_is_removed(folders):
    live, done = folders
    (live / files.temporary_name()).write_bytes(b"3")
    WritingJSONRollManager("a.json", live, done).close()
    assert list(live.iterdir()) == []


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


def test_drafts_of_dead_workers_are_removed_from_both_folders(folders):
    for folder in folders:
        (folder / f".{'0' * 32}.tmp").touch()
    WritingJSONRollManager("[[CRC]].json", *folders).close()
    assert [list(folder.iterdir()) for folder in folders] == [[], []]
