"""The sealer: in order, once, outside the writers' lock, and again where it failed."""

import errno
import threading
from collections import deque

import pytest

from shoebox.callback import Callback, CallbackList
from shoebox.errors import DurabilityError
from shoebox.metrics import ROLLS
from shoebox.roll_manager.sealer import Sealer
from shoebox.roll_manager.succession import Succession
from shoebox.spool import Spool

SECONDS = 30


class Hears(Callback):
    def __init__(self):
        self.heard = []

    def on_open(self, path):
        self.heard.append(("open", path.name.removesuffix(".open")))

    def on_close(self, path):
        self.heard.append(("close", path.name))


@pytest.fixture
def archives(tmp_path):
    return Succession(Spool(tmp_path), "a.events", compression="none", format_version=2)


def archive(archives, payload="x"):
    found = archives.next()
    found.write({}, payload)
    found.flush()
    archives.ended(found)
    return found


def test_what_was_sealed_is_noted_with_the_label_of_its_reason(archives):
    noted = deque()
    found = Sealer(CallbackList([]), None, [].append, noted)
    for reason in ("size: 1 MB reached", "size: 1 MB reached", "closed"):
        found.hand_over(archive(archives), reason)
    found.run(SECONDS)
    assert list(noted) == [(ROLLS, 1, "size"), (ROLLS, 1, "size"), (ROLLS, 1, "closed")]


def sealer(*callbacks, salvage=None):
    return Sealer(CallbackList(callbacks), None, [].append if salvage is None else salvage)


def test_callbacks_hear_of_everything_in_order(archives):
    hears = Hears()
    found = sealer(hears)
    for _ in range(3):
        it = archive(archives)
        found.opened(it.path)
        found.hand_over(it, "a reason")
    found.run(SECONDS)
    expected = ["a.events", "a-0001.events", "a-0002.events"]
    assert hears.heard == [(what, name) for name in expected for what in ("open", "close")]
    assert found.files() == []


def test_what_is_handed_over_while_another_thread_is_at_it_is_sealed_by_that_one(archives):
    inside, go_on = threading.Event(), threading.Event()

    class Blocks(Callback):
        def on_close(self, path):
            inside.set()
            assert go_on.wait(SECONDS)

    found = sealer(Blocks())
    found.start()
    found.hand_over(archive(archives), "first")
    assert inside.wait(SECONDS)
    second = archive(archives)
    found.hand_over(second, "second")
    assert not found.run(0.0)
    assert second.sealed
    assert len(found.files()) == 2
    go_on.set()
    assert found.run(SECONDS)
    assert found.files() == []
    assert found.finish(SECONDS) == []


def test_a_callback_is_waited_for_no_longer_than_said_and_told_nevertheless(archives, caplog):
    """It is called on its own thread, be nobody else in one."""
    threads, inside, go_on = [], threading.Event(), threading.Event()

    class Blocks(Callback):
        def on_close(self, path):
            threads.append(threading.current_thread().name)
            inside.set()
            assert go_on.wait(SECONDS)

    found = sealer(Blocks())
    found.start()
    for _ in range(2):
        found.hand_over(archive(archives), "a reason")
    assert found.finish(0.01) == []
    assert found.behind
    assert "a callback has not returned for 0.0 s" in caplog.text
    assert inside.wait(SECONDS)
    go_on.set()
    found._tells.join(SECONDS)
    assert threads == ["shoebox-callbacks"] * 2
    assert found.files() == []


def test_once_all_was_told_nobody_is_waited_for_again(archives, caplog, monkeypatch):
    """A close that was interrupted goes on while the thread that tells is about to end."""
    found = sealer(Callback())
    found.start()
    found.hand_over(archive(archives), "a reason")
    assert found.finish(SECONDS) == []
    monkeypatch.setattr(found._tells, "is_alive", lambda: True)
    assert found.finish(0.01) == []
    assert not found.behind
    assert caplog.text == ""


def test_a_callback_that_seals_does_not_wait_for_itself(archives):
    class Seals(Callback):
        left = 2

        def on_close(self, path):
            if self.left:
                self.left -= 1
                found.hand_over(archive(archives), "a reason")
                assert found.run(SECONDS)

    found = sealer(Seals())
    found.start()
    found.hand_over(archive(archives), "a reason")
    assert found.finish(SECONDS) == []
    assert not found.behind
    assert found.files() == []


def test_what_a_seal_does_not_expect_keeps_the_archive_for_another_try(archives, monkeypatch):
    it = archive(archives)
    found = sealer()
    with monkeypatch.context() as patch:
        patch.setattr(it._file, "append", lambda *_: fail(MemoryError()))
        sealing = found.hand_over(it, "a reason")
        found.run(SECONDS)
    assert isinstance(sealing.error, MemoryError)
    assert not it.sealed
    assert found.finish(SECONDS) == []
    assert it.sealed


def test_what_a_salvage_does_not_expect_is_tried_again_and_told_once(archives, monkeypatch, caplog):
    tries = []

    def salvage(blocks):
        tries.append(blocks)
        if len(tries) < 4:
            raise MemoryError

    found = sealer(salvage=salvage)
    with monkeypatch.context() as patch:
        patch.setattr("os.fdatasync", lambda fd: fail(OSError(errno.EIO, "broken")))
        found.hand_over(archive(archives), "a reason")
        for _ in range(3):
            found._seal_due()
    assert len(tries) == 3
    assert caplog.text.count("what is due for archives is tried again: MemoryError") == 1
    assert len(found.files()) == 1
    found._seal_due()
    assert found.files() == []


def test_who_could_not_be_told_is_told_with_the_next_try(archives, monkeypatch):
    hears = Hears()
    found = sealer(hears)
    with monkeypatch.context() as patch:
        patch.setattr(found, "_release", lambda _: fail(MemoryError()))
        it = archive(archives)
        found.hand_over(it, "a reason")
        found.run(SECONDS)
    assert found.files() == [it]
    assert found.finish(SECONDS) == []
    assert found.files() == []
    assert hears.heard == [("close", "a.events")] * 2


def test_no_room_for_the_index_keeps_the_archive_for_another_try(archives, monkeypatch):
    it = archive(archives)
    found = sealer()
    real = it._file.append
    monkeypatch.setattr(it._file, "append", lambda *_: fail(OSError(errno.ENOSPC, "full")))
    sealing = found.hand_over(it, "a reason")
    found.run(SECONDS)
    assert sealing.error.errno == errno.ENOSPC
    assert it.committed == 1
    monkeypatch.setattr(it._file, "append", real)
    found.run(SECONDS)
    assert not it.sealed
    assert found.finish(SECONDS) == []
    assert it.sealed
    assert sealing.error is None


def fail(error):
    raise error


def test_what_a_failed_sync_puts_in_doubt_is_handed_to_be_written_again(archives, monkeypatch):
    salvaged = []
    found = sealer(salvage=salvaged.append)
    it = archive(archives)
    monkeypatch.setattr("os.fdatasync", lambda fd: fail(OSError(errno.EIO, "broken")))
    sealing = found.hand_over(it, "a reason")
    found.run(SECONDS)
    assert isinstance(sealing.error, DurabilityError)
    assert [block.records for block in salvaged[0]] == [1]
    assert found.files() == []


def test_a_salvage_that_fails_is_tried_again(archives, monkeypatch):
    tries = []

    def salvage(blocks):
        tries.append(blocks)
        if len(tries) == 1:
            raise OSError(errno.ENOSPC, "full")

    found = sealer(salvage=salvage)
    it = archive(archives)
    monkeypatch.setattr("os.fdatasync", lambda fd: fail(OSError(errno.EIO, "broken")))
    found.hand_over(it, "a reason")
    found.run(SECONDS)
    assert [error.errno for error in found.finish(0.0)] == []
    assert len(tries) == 2
    assert tries[0] == tries[1]


def test_finishing_returns_what_failed_and_closes_every_file(archives, monkeypatch):
    found = sealer()
    it = archive(archives)
    monkeypatch.setattr(it._file, "append", lambda *_: fail(OSError(errno.ENOSPC, "full")))
    found.hand_over(it, "a reason")
    (error,) = found.finish(0.0)
    assert error.errno == errno.ENOSPC
    assert found.files() == []
    assert it.path.exists()


def test_an_interrupted_seal_is_done_by_whoever_comes_next(archives, monkeypatch):
    found = sealer()
    it = archive(archives)
    with monkeypatch.context() as patch:
        patch.setattr(it._file, "append", lambda *_: fail(KeyboardInterrupt()))
        found.hand_over(it, "a reason")
        with pytest.raises(KeyboardInterrupt):
            found.run(SECONDS)
    found.run(SECONDS)
    assert it.sealed
