"""The open archive: opened when it is needed, passed on when it is due, left when it must be."""

import errno
import os
import signal
import threading

import pytest

from shoebox.archive import ArchiveReader
from shoebox.callback import CallbackList
from shoebox.complaints import Complaints
from shoebox.errors import DurabilityError, RecordTypeError
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager.asking import Asked
from shoebox.roll_manager.current import Current
from shoebox.roll_manager.room import Own
from shoebox.roll_manager.sealer import Sealer
from shoebox.roll_manager.succession import Succession
from shoebox.spool import Spool
from shoebox_plugins.checkers.records import RecordsRollChecker


class Writer:
    """A Current with what it stands on."""

    def __init__(self, folder, checker=None, *, each_record=False, opening=lambda: None):
        complaints = Complaints()
        asked = Asked(NeverRollChecker() if checker is None else checker, complaints)
        self.sealer = Sealer(CallbackList([]), None, self._salvage)
        self.ready = 0
        """How often it was told that an archive is open."""
        archives = Succession(Spool(folder), "a.events", compression="none", format_version=2)
        self.current = Current(
            archives,
            self.sealer,
            asked,
            complaints,
            opening,
            ready=self._be_ready,
            each_record=each_record,
        )

    def _be_ready(self):
        self.ready += 1

    def _salvage(self, blocks):
        self.current.salvage(blocks)

    def take(self, payload):
        with self.current.lock:
            return self.current.take(({}, payload))

    def end(self):
        with self.current.lock:
            self.current.hand_over("closed")
        assert self.sealer.finish(0.0) == []


@pytest.fixture
def interruptible():
    """Let SIGINT interrupt, also in a process that a shell has put into the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def writer(tmp_path):
    return Writer(tmp_path)


def payloads(folder):
    found = []
    for path in folder.glob("*.events"):
        with ArchiveReader(path) as reader:
            found += reader.records()
    return [record.payload for record in sorted(found, key=lambda it: it.sequence)]


def refuse(code=errno.EIO):
    def refusing(*_):
        raise OSError(code, os.strerror(code))

    return refusing


def test_an_archive_is_opened_for_the_first_record_and_not_before(writer, tmp_path):
    assert writer.current.there() is None
    assert list(tmp_path.iterdir()) == []
    archive, number, _ = writer.take("x")
    assert writer.current.there() is archive
    assert (number, archive.path) == (1, tmp_path / "a.events.open")
    writer.end()


def test_who_may_not_open_takes_no_record(tmp_path):
    def opening():
        raise ValueError("closed")

    writer = Writer(tmp_path, opening=opening)
    with pytest.raises(ValueError, match="closed"):
        writer.take("x")
    assert list(tmp_path.iterdir()) == []


def test_it_rolls_when_the_checker_says_so(tmp_path):
    writer = Writer(tmp_path, RecordsRollChecker(roll_records=2))
    tickets = [writer.take(payload) for payload in "abc"]
    writer.end()
    assert [number for _, number, _ in tickets] == [1, 2, 1]
    assert tickets[0][0] is tickets[1][0] is not tickets[2][0]
    assert payloads(tmp_path) == ["a", "b", "c"]


def test_what_can_not_be_opened_is_told_as_opening_and_not_as_ready(writer, monkeypatch):
    """Who looks after the open archive would else be woken by its own tries, again and again."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", refuse())
        with pytest.raises(OSError, match="Input/output error"):
            writer.take("x")
    assert writer.ready == 0
    writer.take("x")
    assert writer.ready == 1
    writer.end()


def test_a_commit_takes_the_archives_before_with_it(tmp_path):
    """A power cut would else keep a record, and lose others of the same writer before it."""
    writer = Writer(tmp_path, RecordsRollChecker(roll_records=1), each_record=True)
    tickets = [writer.take(payload) for payload in "abc"]
    writer.current.commit(*tickets[1])
    assert [archive.committed for archive, *_ in tickets] == [1, 1, 0]
    writer.end()


def test_an_archive_before_that_can_not_be_synced_fails_its_own_writer(tmp_path, monkeypatch):
    writer = Writer(tmp_path, RecordsRollChecker(roll_records=1), each_record=True)
    first, second = writer.take("a"), writer.take("b")
    broken, real = first[0].path.stat().st_ino, os.fdatasync
    monkeypatch.setattr(
        os, "fdatasync", lambda fd: (refuse() if os.fstat(fd).st_ino == broken else real)(fd)
    )
    writer.current.commit(*second)
    with pytest.raises(DurabilityError):
        writer.current.commit(*first)
    writer.end()
    assert payloads(tmp_path) == ["a", "b"]


def test_an_archive_without_a_record_is_removed(writer, tmp_path):
    with pytest.raises(RecordTypeError):
        writer.take(None)
    assert len(list(tmp_path.iterdir())) == 1
    with writer.current.lock:
        assert writer.current.hand_over("closed") is None
    assert list(tmp_path.iterdir()) == []


def test_a_roll_that_fails_leaves_the_record_taken_and_the_archive_open(
    tmp_path, monkeypatch, caplog
):
    writer = Writer(tmp_path, RecordsRollChecker(roll_records=1))
    real, calls = os.writev, []

    def full_after_the_header(fd, buffers):
        calls.append(fd)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, buffers)

    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", full_after_the_header)
        writer.take("x")
    assert "can't roll now" in caplog.text
    assert writer.current.archive.records == 1
    writer.end()
    assert payloads(tmp_path) == ["x"]


def test_an_archive_whose_sync_failed_is_left_and_the_next_begins_with_what_is_in_doubt(
    writer, tmp_path, monkeypatch
):
    for payload in "ab":
        first, *_ = writer.take(payload)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse())
        with pytest.raises(DurabilityError) as caught:
            writer.current.sync()
    assert caught.value.in_doubt == 2
    assert writer.current.archive is None
    writer.sealer.run(1.0)
    writer.current.sync()
    second = writer.current.archive
    assert (second is first, second.committed) == (False, 2)
    writer.take("c")
    writer.end()
    with ArchiveReader(second.path) as reader:
        assert [(it.payload, it.sequence) for it in reader.records()] == [
            ("a", 0),
            ("b", 1),
            ("c", 2),
        ]


@pytest.mark.parametrize(("each_record", "kept"), [(True, ["a", "c"]), (False, ["a", "b", "c"])])
def test_what_can_not_be_flushed_is_left_out_only_where_its_writer_waits(
    tmp_path, monkeypatch, each_record, kept
):
    """Who did not wait was told that it is taken, so it has to stay."""
    writer = Writer(tmp_path, each_record=each_record)
    writer.current.commit(*writer.take("a"))
    ticket = writer.take("b")
    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", refuse(errno.ENOSPC))
        with pytest.raises(OSError, match="No space left"):
            writer.current.commit(*ticket)
    writer.current.commit(*writer.take("c"))
    writer.end()
    assert payloads(tmp_path) == kept


def test_one_sync_is_for_every_record_before_it(writer, monkeypatch):
    tickets = [writer.take(payload) for payload in "abc"]
    real, syncs = os.fdatasync, []
    monkeypatch.setattr(os, "fdatasync", lambda fd: syncs.append(fd) or real(fd))
    for ticket in reversed(tickets):
        writer.current.commit(*ticket)
    assert len(syncs) == 1
    writer.end()


class SlowSync:
    """An fdatasync that waits until it may go on."""

    def __init__(self, monkeypatch):
        self.begun, self.go_on = threading.Event(), threading.Event()
        self._real = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self)

    def __call__(self, fd):
        self.begun.set()
        assert self.go_on.wait(30)
        self._real(fd)


def committing(writer, ticket):
    thread = threading.Thread(target=writer.current.commit, args=ticket)
    thread.start()
    return thread


def test_who_is_synced_does_not_wait_for_the_sync_of_a_later_batch(writer, monkeypatch):
    one, other = writer.take("a"), writer.take("b")
    writer.current.commit(*one)
    slow = SlowSync(monkeypatch)
    later = committing(writer, writer.take("c"))
    assert slow.begun.wait(30)
    synced = committing(writer, other)
    synced.join(30)
    assert (synced.is_alive(), later.is_alive()) == (False, True)
    slow.go_on.set()
    later.join(30)
    writer.end()


@pytest.mark.usefixtures("interruptible")
def test_who_waits_for_a_sync_can_be_interrupted_and_holds_nobody_up(writer, tmp_path, monkeypatch):
    def interrupted():
        main = threading.main_thread().ident
        threading.Thread(target=signal.pthread_kill, args=(main, signal.SIGINT)).start()
        writer.current.commit(*other)

    one, other = writer.take("a"), writer.take("b")
    slow = SlowSync(monkeypatch)
    syncing = committing(writer, one)
    assert slow.begun.wait(30)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    slow.go_on.set()
    syncing.join(30)
    writer.current.commit(*other)
    writer.current.commit(*writer.take("c"))
    writer.end()
    assert payloads(tmp_path) == ["a", "b", "c"]


def test_only_an_error_of_the_disk_makes_it_leave_the_archive(writer):
    archive, *_ = writer.take("x")
    archive._file.finished = True
    with writer.current.lock:
        writer.current.leave_after(KeyboardInterrupt())
        assert writer.current.archive is archive
        writer.current.leave_after(OSError())
        assert writer.current.archive is None
    writer.end()


def test_what_a_writer_adds_to_the_spool_is_known_without_the_lock(writer, tmp_path):
    assert writer.current.own() == Own(0, 0, 0)
    writer.take("x" * 100)
    found = []
    with writer.current.lock:
        thread = threading.Thread(target=lambda: found.append(writer.current.own()))
        thread.start()
        thread.join(30)
    (own,) = found
    assert own.filed == (tmp_path / "a.events.open").stat().st_size
    assert own.taken >= own.filed + 100
    with writer.current.lock:
        writer.current.hand_over("asked for")
    own = writer.current.own()
    assert (own.filed, own.taken) == (0, 0)
    assert own.passed_on > 100
    writer.end()


def test_blocks_in_doubt_of_an_archive_that_was_passed_on_get_one_of_their_own(writer, tmp_path):
    archive, *_ = writer.take("a")
    archive.flush()
    blocks = list(archive.carried())
    writer.end()
    writer.current.salvage([])
    writer.current.salvage(blocks)
    writer.end()
    assert payloads(tmp_path) == ["a", "a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-0001.events", "a.events"]
