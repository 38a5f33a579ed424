"""The states of a disk after a power cut: what may be missing, and what may not."""

import sys

from tests.faults.power_cut.disk import ROOT, Image, Named, Unnamed, Written
from tests.faults.power_cut.exploring import scratch
from tests.faults.power_cut.replay import History, Said, Synced, replay
from tests.faults.power_cut.states import SECTOR, states
from tests.faults.power_cut.tracing import calls, record


def contents(*events, start=None):
    """Return all that the disk can have kept, at the end or before, by path."""
    history = History(start or Image(), list(events))
    return [
        {path: state.image.files.get(inode, b"") for path, inode in state.image.paths()}
        for state in states(history, seed=1)
    ]


def test_what_was_not_synced_may_be_missing_torn_or_zeros():
    data = b"x" * (2 * SECTOR)
    found = contents(Named(ROOT, "a", 1), Written(1, 0, data))
    half = b"x" * SECTOR
    kept = [data, b"", bytes(2 * SECTOR), half, half + bytes(SECTOR), bytes(SECTOR) + half]
    assert {} in found
    assert sorted(it["a"] for it in found if it) == sorted(kept)


def test_what_was_synced_is_there():
    events = [Named(ROOT, "a", 1), Written(1, 0, b"data")]
    assert {} in contents(*events, Synced(frozenset({1})), Said("promised"))
    history = History(Image(), [*events, Synced(frozenset({0, 1})), Said("promised")])
    promised = [state for state in states(history, 1) if state.said]
    assert [state.image.files for state in promised] == [{1: b"data"}]


def test_of_writes_to_a_file_a_later_one_may_be_there_alone():
    start = Image({ROOT: {"a": 1}}, {1: b""})
    found = contents(Written(1, 0, b"one"), Written(1, 3, b"two"), start=start)
    assert {"a": b"\0\0\0two"} in found
    assert {"a": b"one"} in found


def test_a_rename_is_there_whole_or_not_at_all():
    start = Image({ROOT: {"old": 1}}, {1: b"x"})
    found = contents(Named(ROOT, "new", 1, before="old"), start=start)
    assert sorted(map(sorted, found)) == [["new"], ["old"]]


def test_a_name_that_is_used_again_shows_that_what_was_there_is_gone():
    start = Image({ROOT: {"a": 1}}, {1: b"x"})
    found = contents(Unnamed(ROOT, "a"), Named(ROOT, "b", 2), Named(ROOT, "a", 3), start=start)
    assert {"a": b"x", "b": b""} in found
    assert {"a": b""} in found
    moved = contents(Named(ROOT, "b", 1, before="a"), Named(ROOT, "a", 2), start=start)
    assert sorted(map(sorted, moved)) == [["a"], ["a", "b"], ["b"]]


PROGRAM = """
import os, sys, threading
os.chdir("/")
folder = os.open(sys.argv[1], os.O_RDONLY)
fd = os.open("a.tmp", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600, dir_fd=folder)
os.writev(fd, [b"one", b"two"])
thread = threading.Thread(target=os.fdatasync, args=(fd,))
thread.start()
thread.join()
os.ftruncate(fd, 3)
os.write(fd, b"!")
os.rename("a.tmp", "a", src_dir_fd=folder, dst_dir_fd=folder)
os.mkdir(sys.argv[1] + "/in")
os.link("a", "in/b", src_dir_fd=folder, dst_dir_fd=folder)
os.fsync(folder)
os.write(1, b"promised\\n")
os.unlink(sys.argv[1] + "/a")
"""


def test_the_calls_of_a_program_are_what_it_has_done():
    with scratch() as folder:
        root = folder / "root"
        root.mkdir()
        record([sys.executable, "-c", PROGRAM, root], folder / "trace")
        history = replay(root, Image(), calls(folder / "trace"))
        last = Image()
        for event in history.events:
            if not isinstance(event, Said | Synced):
                last.apply(event)
        assert last.digest() == Image.of(root).digest()
    synced = [sorted(it.changes) for it in history.events if isinstance(it, Synced)]
    assert synced == [[1], [0, 5, 6]]
    assert history.events[9] == Said("promised")
    assert history.events[8] == Synced(frozenset({0, 5, 6}))
