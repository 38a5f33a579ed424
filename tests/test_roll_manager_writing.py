"""Writing: what was written is what is read, whatever happens in between."""

import dis
import errno
import itertools
import logging
import os
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import shoebox
from shoebox import roll_checker, roll_manager
from shoebox.archive import ArchiveReader
from shoebox.callback import Callback
from shoebox.errors import (
    ArchiveGone,
    BadWorkingDirectory,
    ConfigError,
    DurabilityError,
    InvalidName,
    RecordTypeError,
    RecordValueError,
    SpoolFull,
    WriterClosed,
)
from shoebox.roll_checker import NeverRollChecker, RollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager, writing
from shoebox_plugins.checkers.idle import IdleRollChecker
from shoebox_plugins.checkers.records import RecordsRollChecker
from shoebox_plugins.checkers.time import TimeRollChecker
from shoebox_plugins.storage.local import LocalBackend

TEMPLATE = "%Y%m%d_%f.events"
NOP = dis.opmap["NOP"]
SECONDS = 30
"""After which a wait for an event is a failure."""


def descriptors():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def payloads(directory):
    with ReadingRollManager("*", directory) as manager:
        found = [payload for _, payload in manager]
        assert manager.faults == []
    return found


def sealed(directory):
    return sorted(path for path in Path(directory).iterdir() if path.suffix == ".events")


class Counting:
    """Counts the calls of a function of `os`, and may fail some of them."""

    def __init__(self, monkeypatch, name, fail=lambda number: False, code=errno.EIO):
        self._real = getattr(os, name)
        self._lock = threading.Lock()
        self.count = 0
        self.fail = fail
        self.code = code
        monkeypatch.setattr(os, name, self)

    def __call__(self, *args, **kwargs):
        with self._lock:
            self.count += 1
            number = self.count
        if self.fail(number):
            raise OSError(self.code, os.strerror(self.code))
        return self._real(*args, **kwargs)


class Heard(Callback):
    """Takes down what it hears, and says when."""

    def __init__(self):
        self.opened, self.closed = [], []
        self.one = threading.Event()

    def on_open(self, path):
        self.opened.append(path.name)

    def on_close(self, path):
        self.closed.append(path.name)
        self.one.set()


def test_the_usage_example_gives_back_the_ten_records_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checker = roll_checker.SizeRollChecker(roll_size_mb=100)
    x = roll_manager.WritingRollManager("test_%c.events", checker)
    for index in range(10):
        x.write({"index": str(index)}, "payload_%d" % index)  # noqa: UP031 - the example as it stands
    x.close()

    read = []
    manager = roll_manager.ReadingRollManager("test_*.events")
    while True:
        try:
            metadata, json_payload = manager.read()
        except roll_manager.NoMoreFiles:
            break
        read.append((metadata, json_payload))
    assert read == [({"index": str(index)}, f"payload_{index}") for index in range(10)]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
METADATA = st.dictionaries(TEXT, TEXT, max_size=3)
PAYLOAD = TEXT | st.binary(max_size=20)


class WrittenAndRead(RuleBasedStateMachine):
    """Managers against a plain list."""

    @initialize(
        version=st.sampled_from([1, 2]),
        durability=st.sampled_from(["record", "interval", "roll"]),
        compression=st.sampled_from(["zstd", "gzip", "none"]),
        every=st.integers(1, 7),
    )
    def begin(self, version, durability, compression, every):
        self.folder = tempfile.TemporaryDirectory()
        self.version = version
        self.expected = []
        self.seen = 0
        self.position = None
        self.options = {
            "durability": durability,
            "compression": "none" if version == 1 else compression,
            "format_version": version,
        }
        self.every = every
        self.open()

    def open(self):
        checker = RecordsRollChecker(roll_records=self.every)
        self.manager = WritingRollManager("%Y_%f.events", checker, self.folder.name, **self.options)

    def as_read(self, payload):
        if self.version == 2 or isinstance(payload, str):
            return payload
        try:
            return payload.decode()
        except UnicodeDecodeError:
            return payload

    @rule(metadata=METADATA, payload=PAYLOAD)
    def write(self, metadata, payload):
        self.manager.write(metadata, payload)
        self.expected.append((metadata, self.as_read(payload)))

    @rule(bad=st.sampled_from([({1: "a"}, "x"), ({"a": 1}, "x"), ({"a": "b"}, None), (None, "x")]))
    def bad_write(self, bad):
        with pytest.raises(RecordTypeError):
            self.manager.write(*bad)

    @rule(metadata=st.just({"a": "\ud800"}))
    def lone_surrogate(self, metadata):
        with pytest.raises(RecordValueError):
            self.manager.write(metadata, "x")

    @rule(records=st.lists(st.tuples(METADATA, PAYLOAD), max_size=9))
    def write_many(self, records):
        self.manager.write_many(iter(records))
        self.expected += [(metadata, self.as_read(payload)) for metadata, payload in records]

    @rule(records=st.lists(st.tuples(METADATA, PAYLOAD), max_size=3))
    def write_many_with_a_bad_one(self, records):
        with pytest.raises(RecordTypeError):
            self.manager.write_many([*records, ({}, None), ({}, "never taken")])
        self.expected += [(metadata, self.as_read(payload)) for metadata, payload in records]

    @rule()
    def flush(self):
        self.manager.flush()

    @rule()
    def sync(self):
        self.manager.sync()

    @rule()
    def roll(self):
        self.manager.roll()

    @rule()
    def close_and_reopen(self):
        self.manager.close()
        self.manager.close()
        self.open()

    @rule()
    def read_all(self):
        self.manager.flush()
        with ReadingRollManager("*.events", self.folder.name) as reader:
            assert self.in_order(reader) == self.in_order(self.expected)
            assert reader.faults == []

    @precondition(lambda self: self.version == 2)
    @rule(count=st.integers(0, 12))
    def read_on_from_the_position(self, count):
        self.manager.flush()
        with ReadingRollManager("*.events", self.folder.name, position=self.position) as reader:
            for _, pair in zip(range(count), reader, strict=False):
                assert pair == self.expected[self.seen]
                self.seen += 1
            self.position = reader.position

    def in_order(self, pairs):
        """Version 1 is read by name, which says nothing where the clock stood still."""
        pairs = list(pairs)
        return pairs if self.version == 2 else sorted(map(repr, pairs))

    @invariant()
    def no_archive_has_more_records_than_the_checker_allows(self):
        if hasattr(self, "folder"):
            for path in sealed(self.folder.name):
                with ArchiveReader(path) as reader:
                    assert sum(1 for _ in reader) <= self.every

    def teardown(self):
        if hasattr(self, "folder"):
            self.manager.close()
            with ReadingRollManager("*.events", self.folder.name) as reader:
                assert self.in_order(reader) == self.in_order(self.expected)
            self.folder.cleanup()


TestWrittenAndRead = WrittenAndRead.TestCase
TestWrittenAndRead.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_thirty_two_threads_write_every_record_once_and_in_order(tmp_path):
    """Each archive has exactly as many records as its checker says."""
    manager = WritingRollManager(TEMPLATE, RecordsRollChecker(roll_records=100), tmp_path)

    def work(number):
        for index in range(200):
            manager.write({"thread": str(number)}, f"{number}:{index}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    manager.close()
    found = payloads(tmp_path)
    assert len(found) == 6400
    for number in range(32):
        mine = [payload for payload in found if payload.startswith(f"{number}:")]
        assert mine == [f"{number}:{index}" for index in range(200)]
    for path in sealed(tmp_path):
        with ArchiveReader(path) as reader:
            assert sum(1 for _ in reader) == 100


def interrupting(codes, number):
    """Return a trace that raises KeyboardInterrupt before the n-th instruction of the codes."""
    left = itertools.count(number, -1)

    def at_instruction(frame, event, _):
        # Nothing happens in a NOP, and CPython looks at no signal there.
        if event == "opcode" and frame.f_code.co_code[frame.f_lasti] != NOP and next(left) == 0:
            sys.settrace(None)
            raise KeyboardInterrupt
        return at_instruction

    def at_call(frame, *_):
        if frame.f_code not in codes:
            return None
        frame.f_trace_opcodes = True
        return at_instruction

    return at_call


def interrupting_calls(number):
    """Return a trace that raises KeyboardInterrupt as the n-th function of shoebox begins."""
    left = itertools.count(number, -1)

    def at_call(frame, *_):
        if frame.f_globals.get("__name__", "").startswith("shoebox") and next(left) == 0:
            sys.settrace(None)
            raise KeyboardInterrupt

    return at_call


def written_although_interrupted(manager, trace):
    """Write a record under the trace; return whether it was not interrupted."""
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        manager.write({}, "interrupted")
    except KeyboardInterrupt:
        return False
    finally:
        sys.settrace(before)
    return True


def goes_on(manager, directory, taken):
    """Check that another thread can write and close, and that nothing came twice."""

    def go_on():
        manager.write({}, "after")
        manager.close()

    other = threading.Thread(target=go_on, daemon=True)
    other.start()
    other.join(SECONDS)
    assert not other.is_alive(), "the lock is held by who was interrupted"
    assert not list(Path(directory).glob("*.open"))
    found = payloads(directory)
    assert sorted(found) in (sorted([*taken, "after"]), sorted([*taken, "after", "interrupted"]))


@pytest.mark.parametrize("every", [1, 2, 3], ids=["opens and rolls", "rolls", "neither"])
def test_an_interrupt_at_any_instruction_of_write_leaves_no_lock_held(tmp_path, every):
    """Another thread goes on, closing seals, and the record is there at most once.

    Compiled, it has no instruction at which CPython looks at signals; its checker has.
    """
    codes = {RecordsRollChecker.check.__code__}
    if not shoebox.compiled():
        codes.add(WritingRollManager.write.__code__)
    taken = [] if every == 1 else ["before"]
    for number in itertools.count():
        folder = tmp_path / str(number)
        folder.mkdir()
        manager = WritingRollManager(TEMPLATE, RecordsRollChecker(roll_records=every), folder)
        manager.write_many(({}, payload) for payload in taken)
        whole = written_although_interrupted(manager, interrupting(codes, number))
        goes_on(manager, folder, taken)
        if whole:
            break
    assert number > (5 if shoebox.compiled() else 30)


@pytest.mark.parametrize("refused", [({}, None), ({"a": 1}, "x")])
def test_an_interrupt_while_a_record_is_refused_leaves_no_lock_held(tmp_path, refused):
    """Whichever function it comes into: those that deal with the error too."""
    for number in itertools.count():
        folder = tmp_path / str(number)
        folder.mkdir()
        manager = WritingRollManager(TEMPLATE, NeverRollChecker(), folder)
        manager.write({}, "before")
        before = sys.gettrace()
        sys.settrace(interrupting_calls(number))
        try:
            with pytest.raises((KeyboardInterrupt, RecordTypeError)) as caught:
                manager.write(*refused)
        finally:
            sys.settrace(before)
        goes_on(manager, folder, ["before"])
        if caught.type is RecordTypeError:
            break
    assert number > 1


def test_sixteen_threads_share_their_syncs(tmp_path, monkeypatch):
    """Group commit: far fewer syncs than records, and each record synced when write returns."""
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, durability="record")
    manager.write({}, "opens the archive")
    inside, slow = threading.Event(), threading.Event()
    real = os.fdatasync
    syncs = []

    def fdatasync(fd):
        syncs.append(fd)
        if len(syncs) == 1:
            inside.set()
            assert slow.wait(SECONDS)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    first = threading.Thread(target=manager.write, args=({}, "first"))
    first.start()
    assert inside.wait(SECONDS)
    archive = manager._current.archive
    others = [threading.Thread(target=manager.write, args=({}, f"{n}")) for n in range(15)]
    for thread in others:
        thread.start()
    wait_until(lambda: archive.records == 17)
    slow.set()
    for thread in [first, *others]:
        thread.join()
    assert archive.committed == 17
    assert len(syncs) == 2
    manager.close()


def wait_until(condition):
    """Wait for what another thread does and no event tells of."""
    pause = threading.Event()
    for _ in range(SECONDS * 100):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen")


def test_write_many_is_one_commit(tmp_path, monkeypatch):
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, durability="record")
    manager.write({}, "opens the archive")
    syncs = Counting(monkeypatch, "fdatasync")
    manager.write_many(({}, f"{index}") for index in range(2500))
    assert syncs.count == 1
    assert manager._current.archive.committed == 2501
    manager.close()


def test_what_stands_before_a_refused_record_of_write_many_is_synced(tmp_path):
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, durability="record")
    with pytest.raises(RecordTypeError):
        manager.write_many([({}, "kept"), ({}, None)])
    assert manager._current.archive.committed == 1
    manager.close()
    assert payloads(tmp_path) == ["kept"]


def test_the_interval_syncs_although_nothing_is_written_afterwards(tmp_path):
    manager = WritingRollManager(
        TEMPLATE, NeverRollChecker(), tmp_path, durability="interval", sync_interval=0.02
    )
    manager.write({}, "x")
    archive = manager._current.archive
    wait_until(lambda: archive.committed == 1)
    assert not archive.sealed
    manager.close()


def test_durability_roll_syncs_when_an_archive_is_sealed(tmp_path, monkeypatch):
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, durability="roll")
    manager.write({}, "x")
    archive = manager._current.archive
    manager._background.tick()
    manager.flush()
    assert archive.committed == 0
    manager.roll()
    assert archive.committed == 1
    manager.close()


def test_a_failed_sync_says_how_many_records_are_in_doubt(tmp_path, monkeypatch):
    """They are written again in the next archive: a duplicate is one by its identity."""
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, durability="roll")
    for index in range(5):
        manager.write({}, f"{index}")
    Counting(monkeypatch, "fdatasync", fail=lambda number: number == 1)
    with pytest.raises(DurabilityError) as caught:
        manager.sync()
    assert caught.value.in_doubt == 5
    manager.write({}, "5")
    manager.close()
    WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path).close()
    with ReadingRollManager("*.events", tmp_path) as reader:
        records = list(reader.records())
    identities = {(it.writer, it.sequence): it.payload for it in records}
    assert sorted(identities.values()) == ["0", "1", "2", "3", "4", "5"]
    assert len({it.sequence for it in records}) == 6
    assert len({it.archive for it in records}) == 2
    with ArchiveReader(sealed(tmp_path)[-1]) as reader:
        assert [payload for _, payload in reader] == ["0", "1", "2", "3", "4", "5"]


def test_what_a_failed_sync_left_in_doubt_is_written_again_without_another_write(
    tmp_path, monkeypatch
):
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, sync_interval=3600)
    monkeypatch.setattr(manager._background, "soon", lambda: None)
    manager.write({}, "x")
    failing = Counting(monkeypatch, "fdatasync", fail=lambda number: number == 1)
    manager._background.tick()
    assert failing.count == 1
    manager._background.tick()
    assert manager._current.archive.committed == 1
    manager.close()
    assert payloads(tmp_path)[-1] == "x"


def test_writing_waits_neither_for_sealing_nor_for_callbacks(tmp_path, monkeypatch):
    go_on, real = threading.Event(), os.link

    def slow(*args, **kwargs):
        assert go_on.wait(SECONDS)
        real(*args, **kwargs)

    class Slow(Callback):
        def on_close(self, path):
            assert go_on.wait(SECONDS)

    monkeypatch.setattr(os, "link", slow)
    checker = RecordsRollChecker(roll_records=2)
    manager = WritingRollManager(TEMPLATE, checker, tmp_path, Slow(), durability="roll")
    for index in range(10):
        manager.write({}, f"{index}")
    assert sealed(tmp_path) == []
    go_on.set()
    manager.close()
    assert len(sealed(tmp_path)) == 5
    assert payloads(tmp_path) == [f"{index}" for index in range(10)]


def test_what_waits_to_be_sealed_is_synced_too(tmp_path, monkeypatch):
    """Sealing may lag behind; sync() and the interval promise all that was taken."""
    manager = WritingRollManager(
        TEMPLATE, RecordsRollChecker(roll_records=1), tmp_path, durability="interval"
    )
    monkeypatch.setattr(manager._sealer, "start", lambda: None)
    manager._background.stop()
    for index in range(3):
        manager.write({}, f"{index}")
    waiting = list(manager._sealer.unsealed())
    assert [archive.committed for archive in waiting] == [0, 0, 0]
    manager._background.tick()
    assert [archive.committed for archive in waiting] == [1, 1, 1]
    manager.close()


def test_a_sync_says_so_while_what_a_failed_seal_left_in_doubt_is_in_no_file(tmp_path, monkeypatch):
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, durability="roll")
    manager.write({}, "x")
    with monkeypatch.context() as patch:
        Counting(patch, "fdatasync", fail=lambda number: True)
        with pytest.raises(DurabilityError):
            manager.roll()
        with pytest.raises(DurabilityError):
            manager.sync()
    manager.close()
    WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path).close()
    assert set(payloads(tmp_path)) == {"x"}


def test_in_doubt_records_never_share_a_number_with_later_ones(tmp_path, monkeypatch):
    """An archive whose seal fails behind one that was sealed gets an archive of its own."""
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, durability="roll")
    run = manager._sealer.run
    monkeypatch.setattr(manager._sealer, "start", lambda: None)
    monkeypatch.setattr(manager._sealer, "run", lambda seconds: None)
    for index in range(6):
        manager.write({}, f"{index}")
        if index in (1, 3):
            manager.roll()
    monkeypatch.setattr(manager._sealer, "run", run)
    Counting(monkeypatch, "fdatasync", fail=lambda number: number == 1)
    manager.write({}, "6")
    manager.close()
    WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path).close()
    with ReadingRollManager("*.events", tmp_path) as reader:
        found = {(it.sequence, it.payload) for it in reader.records()}
    assert found == {(index, f"{index}") for index in range(7)}


@pytest.mark.parametrize("durability", ["record", "interval", "roll"])
def test_a_full_disk_leaves_out_that_record_only(tmp_path, monkeypatch, durability):
    """The writer learns of it at once, and writing works again when there is room."""
    manager = WritingRollManager(
        TEMPLATE, NeverRollChecker(), tmp_path, durability=durability, sync_interval=3600
    )
    big = os.urandom(400_000).hex()
    manager.write({}, "0" + big)
    full = Counting(monkeypatch, "writev", fail=lambda number: True, code=errno.ENOSPC)
    for _ in range(3):
        with pytest.raises(OSError, match="No space") as caught:
            manager.write({}, "never" + big)
        assert caught.value.errno == errno.ENOSPC
    full.fail = lambda number: False
    manager.write({}, "1" + big)
    manager.close()
    assert [payload[0] for payload in payloads(tmp_path)] == ["0", "1"]


def test_every_writer_of_a_batch_that_could_not_be_written_learns_of_it(tmp_path, monkeypatch):
    """And no writer is told that a record is safe which was left out."""
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, durability="record")
    manager.write({}, "opens the archive")
    current, outcomes = manager._current, {}
    archive = current.archive

    def work(name):
        try:
            manager.write({}, name)
        except OSError as error:
            outcomes[name] = error.errno
        else:
            outcomes[name] = 0

    full = Counting(monkeypatch, "writev", fail=lambda number: True, code=errno.ENOSPC)
    with archive.commit_lock:
        threads = [threading.Thread(target=work, args=(f"{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        wait_until(lambda: archive.records == 9)
    for thread in threads:
        thread.join()
    assert outcomes == {f"{n}": errno.ENOSPC for n in range(8)}
    full.fail = lambda number: False
    manager.write({}, "after")
    manager.close()
    assert payloads(tmp_path) == ["opens the archive", "after"]


def test_a_seal_that_has_no_room_is_tried_again(tmp_path, monkeypatch):
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path)
    manager.write({}, "x")
    manager.flush()
    full = Counting(monkeypatch, "writev", fail=lambda number: True, code=errno.ENOSPC)
    with pytest.raises(OSError, match="No space"):
        manager.roll()
    assert sealed(tmp_path) == []
    full.fail = lambda number: False
    manager._sealer._seal_due()
    assert len(sealed(tmp_path)) == 1
    manager.close()
    assert payloads(tmp_path) == ["x"]


def test_a_close_that_can_not_seal_leaves_the_rest_to_the_next_start(tmp_path, monkeypatch):
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path)
    manager.write({}, "x")
    manager.flush()
    with monkeypatch.context() as patch:
        Counting(patch, "writev", fail=lambda number: True, code=errno.ENOSPC)
        with pytest.raises(OSError, match="No space"):
            manager.close()
    manager.close()
    WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path).close()
    assert payloads(tmp_path) == ["x"]


def test_a_close_that_can_not_flush_can_be_called_again(tmp_path, monkeypatch):
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path)
    manager.write({}, "x")
    with monkeypatch.context() as patch:
        Counting(patch, "writev", fail=lambda number: True, code=errno.ENOSPC)
        with pytest.raises(OSError, match="No space"):
            manager.close()
    manager.close()
    assert payloads(tmp_path) == ["x"]


@pytest.mark.parametrize("started", [False, True], ids=["before", "after"])
def test_an_interrupt_while_the_threads_are_started_leaves_none_out(tmp_path, monkeypatch, started):
    """The next record starts those that are missing, and none twice."""
    real = writing.apart

    def interrupted(work):
        monkeypatch.setattr(writing, "apart", real)
        if started:
            real(work)
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "apart", interrupted)
    with WritingRollManager(TEMPLATE, RecordsRollChecker(roll_records=2), tmp_path) as manager:
        with pytest.raises(KeyboardInterrupt):
            manager.write({}, "interrupted")
        manager.write({}, "a")
        wait_until(lambda: manager._current.archive.committed == 1)
        manager.write({}, "b")
        wait_until(lambda: sealed(tmp_path))
    assert payloads(tmp_path) == ["a", "b"]


def test_a_time_roll_happens_although_nothing_is_written(tmp_path, caplog):
    heard, now = Heard(), [0.0]
    checker = TimeRollChecker(roll_minutes=1, clock=lambda: now[0])
    manager = WritingRollManager(TEMPLATE, checker, tmp_path, heard, sync_interval=0.02)
    manager.write({}, "x")
    now[0] = 60.0
    with caplog.at_level(logging.INFO):
        assert heard.one.wait(SECONDS)
    assert len(sealed(tmp_path)) == 1
    assert "time: 1 minutes passed" in caplog.text
    manager.close()


def test_an_idle_roll_happens_although_nothing_is_written(tmp_path):
    heard, now = Heard(), [0.0]
    checker = IdleRollChecker(idle_seconds=10, clock=lambda: now[0])
    manager = WritingRollManager(TEMPLATE, checker, tmp_path, heard, sync_interval=0.02)
    manager.write({}, "x")
    now[0] = 10.0
    assert heard.one.wait(SECONDS)
    manager.close()


def test_an_archive_without_a_record_is_never_rolled(tmp_path):
    now = [0.0]
    manager = WritingRollManager(TEMPLATE, TimeRollChecker(clock=lambda: now[0]), tmp_path)
    with pytest.raises(RecordTypeError):
        manager.write({}, None)
    now[0] = 1e9
    manager._background.tick()
    manager.roll()
    manager.close()
    assert list(tmp_path.iterdir()) == []


def test_the_reason_of_each_roll_is_logged(tmp_path, caplog):
    manager = WritingRollManager(TEMPLATE, RecordsRollChecker(roll_records=2), tmp_path)
    with caplog.at_level(logging.INFO):
        manager.write_many([({}, "a")] * 3)
        manager.roll()
        manager.write({}, "b")
        manager.close()
    for reason in ("records: 2 reached", "asked for", "closed"):
        assert reason in caplog.text


class Nonsense(RollChecker):
    """A checker with errors of every kind."""

    def __init__(self, **errors):
        self._errors = errors

    def _do(self, name):
        value = self._errors.get(name)
        if isinstance(value, Exception):
            raise value
        return value

    def start(self, archive):
        self._do("start")

    def check(self, archive):
        return self._do("check")

    def deadline(self):
        return self._do("deadline")

    @property
    def reason(self):
        return self._do("reason")


class NoTruth:
    def __bool__(self):
        raise ValueError("neither")


@pytest.mark.parametrize(
    "errors",
    [
        {"start": ValueError("s")},
        {"check": ValueError("c")},
        {"check": OSError("c")},
        {"check": "yes", "reason": ValueError("r")},
        {"check": True, "reason": None},
        {"check": NoTruth()},
        {"deadline": ValueError("d")},
        {"deadline": "soon"},
        {"deadline": float("nan")},
        {"deadline": -1, "check": NoTruth()},
    ],
)
def test_a_checker_that_raises_or_returns_nonsense_stops_nothing(tmp_path, caplog, errors):
    manager = WritingRollManager(TEMPLATE, Nonsense(**errors), tmp_path, sync_interval=0.02)
    manager.write({}, "a")
    manager.write_many([({}, "b")])
    archive = manager._current.archive
    if archive is not None:
        wait_until(lambda: archive.committed == archive.records)
    assert 0 <= manager._background.tick() <= 1
    manager.close()
    assert payloads(tmp_path) == ["a", "b"]


def test_a_checker_that_fails_is_logged_once_for_as_long_as_it_stays_the_same(tmp_path, caplog):
    manager = WritingRollManager(TEMPLATE, Nonsense(check=ValueError("no")), tmp_path)
    for _ in range(10):
        manager.write({}, "a")
    manager.close()
    assert caplog.text.count("Nonsense failed") == 1


def test_a_callback_never_runs_under_the_writers_lock(tmp_path):
    """One that blocks holds up no other writer; archives are sealed all the same."""
    inside, go_on = threading.Event(), threading.Event()

    class Blocks(Callback):
        def on_close(self, path):
            inside.set()
            assert go_on.wait(SECONDS)

    manager = WritingRollManager(
        TEMPLATE, RecordsRollChecker(roll_records=1), tmp_path, Blocks(), close_timeout=1.0
    )
    blocked = threading.Thread(target=manager.write, args=({}, "0"))
    blocked.start()
    assert inside.wait(SECONDS)
    for index in range(1, 5):
        manager.write({}, f"{index}")
    manager.roll()
    assert len(sealed(tmp_path)) == 5
    go_on.set()
    blocked.join()
    manager.close()
    assert payloads(tmp_path) == ["0", "1", "2", "3", "4"]


def test_close_does_not_wait_for_ever_for_a_callback(tmp_path):
    inside, go_on = threading.Event(), threading.Event()

    class Blocks(Callback):
        def on_close(self, path):
            inside.set()
            assert go_on.wait(SECONDS)

    manager = WritingRollManager(
        TEMPLATE, RecordsRollChecker(roll_records=1), tmp_path, Blocks(), close_timeout=0.05
    )
    blocked = threading.Thread(target=manager.write, args=({}, "0"))
    blocked.start()
    assert inside.wait(SECONDS)
    manager.close()
    go_on.set()
    blocked.join()


def test_roll_and_close_leave_a_callback_that_takes_long_to_its_thread(tmp_path):
    """What it has not been told of yet it is told of, and that is offered then."""
    spool, store, go_on, heard = tmp_path / "s", tmp_path / "o", threading.Event(), []
    spool.mkdir()
    store.mkdir()

    class Blocks(Callback):
        def on_close(self, path):
            assert threading.current_thread() is not threading.main_thread()
            assert go_on.wait(SECONDS)
            heard.append(path.name)

    options = {"storage": [LocalBackend(path=store)], "close_timeout": 0.01}
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), spool, Blocks(), **options)
    manager.write({}, "0")
    manager.roll()
    manager.write({}, "1")
    manager.close()
    assert heard == []
    assert [it.reason for it in manager.unshipped] == ["its callbacks have not returned"] * 2
    assert payloads(spool) == ["0", "1"]
    go_on.set()
    wait_until(lambda: len(list(spool.glob("*.delivery"))) == 2)
    WritingRollManager(
        TEMPLATE, NeverRollChecker(), spool, Blocks(), storage=[LocalBackend(path=store)]
    ).close()
    assert payloads(store) == ["0", "1"]
    assert len(heard) == 2
    manager._spool.close()


def test_who_does_not_wait_at_all_hears_what_waits(tmp_path):
    """Where there is no callback, what is sealed is offered before it returns."""
    spool = tmp_path / "spool"
    spool.mkdir()
    backend = LocalBackend(path=tmp_path / "missing")
    for index in range(5):
        options = {"storage": [backend], "close_timeout": 0.0}
        manager = WritingRollManager(TEMPLATE, NeverRollChecker(), spool, **options)
        manager.write({}, f"{index}")
        manager.close()
        assert len(manager.unshipped) == index + 1


def test_a_callback_may_write_to_the_same_manager_and_roll(tmp_path):
    class Writes(Callback):
        left = 3

        def on_close(self, path):
            if self.left:
                self.left -= 1
                manager.write({}, f"after {self.left}")
                manager.roll()

    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, Writes())
    manager.write({}, "first")
    manager.roll()
    manager.close()
    assert payloads(tmp_path) == ["first", "after 2", "after 1", "after 0"]


def test_a_callback_that_raises_makes_no_later_write_fail(tmp_path, caplog):
    class Raises(Callback):
        def on_open(self, path):
            raise RuntimeError("open")

        def on_close(self, path):
            raise RuntimeError("close")

    manager = WritingRollManager(TEMPLATE, RecordsRollChecker(roll_records=1), tmp_path, Raises())
    for index in range(3):
        manager.write({}, f"{index}")
    manager.close()
    assert payloads(tmp_path) == ["0", "1", "2"]
    assert sealed(tmp_path)[0].name in caplog.text


def test_recovered_archives_get_their_callbacks(tmp_path):
    lost = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path)
    lost.write({}, "x")
    lost.flush()
    lost._current.archive.release()  # as a process does that dies
    heard = Heard()
    WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, heard).close()
    assert heard.closed == [path.name for path in sealed(tmp_path)]
    lost._current.archive = None
    lost.close()


def test_callbacks_hear_of_each_archive_in_order(tmp_path):
    heard = Heard()
    manager = WritingRollManager(TEMPLATE, RecordsRollChecker(roll_records=2), tmp_path, heard)
    manager.write_many([({}, "a")] * 5)
    manager.close()
    assert [name.removesuffix(".open") for name in heard.opened] == heard.closed
    assert sorted(heard.closed) == [path.name for path in sealed(tmp_path)]


def test_a_name_that_is_taken_gets_a_number_and_is_read_in_order(tmp_path):
    """Also where the template has nothing that varies, or varies before what stays."""
    for template in ("same.events", "%Y_same.events"):
        folder = tmp_path / template.replace("%", "")
        folder.mkdir()
        with WritingRollManager(template, RecordsRollChecker(roll_records=1), folder) as manager:
            for index in range(12):
                manager.write({}, f"{index}")
        with ReadingRollManager(template, folder) as reader:
            assert [payload for _, payload in reader] == [f"{index}" for index in range(12)]


def test_a_clock_that_steps_back_turns_no_order_round(tmp_path):
    times = iter(range(10**18, 0, -(10**15)))
    manager = WritingRollManager("same.events", RecordsRollChecker(roll_records=1), tmp_path)
    manager._current._archives._options["clock"] = lambda: next(times)
    for index in range(5):
        manager.write({}, f"{index}")
    manager.close()
    assert payloads(tmp_path) == ["0", "1", "2", "3", "4"]


def test_write_after_close_is_refused(tmp_path):
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, spool_limit_mb=1)
    manager.write({}, "x")
    manager.close()
    with pytest.raises(WriterClosed):
        manager.write({}, "y")
    with pytest.raises(WriterClosed):
        manager.write_many([({}, "y")])
    manager.flush()
    manager.sync()
    manager.roll()
    manager.close()
    assert payloads(tmp_path) == ["x"]


def test_a_write_during_close_is_kept_or_refused(tmp_path):
    """None that returned is lost."""
    manager = WritingRollManager(TEMPLATE, RecordsRollChecker(roll_records=7), tmp_path)
    taken, started = [], threading.Barrier(5)

    def work(number):
        started.wait()
        try:
            for index in range(100_000):
                manager.write({}, f"{number}:{index}")
                taken.append(f"{number}:{index}")
        except WriterClosed:
            pass

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    wait_until(lambda: len(taken) > 100)
    manager.close()
    for thread in threads:
        thread.join()
    assert sorted(payloads(tmp_path)) == sorted(taken)
    assert not list(tmp_path.glob("*.open"))


def test_a_manager_that_is_dropped_loses_nothing(tmp_path):
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path)
    manager.write({}, "x")
    kept = manager
    del manager
    kept.close()
    assert payloads(tmp_path) == ["x"]


def test_close_gives_back_every_descriptor_and_ends_every_thread(tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    before = descriptors()
    spool = tmp_path / "spool"
    spool.mkdir()
    manager = WritingRollManager(
        TEMPLATE, RecordsRollChecker(roll_records=1), spool, storage=[LocalBackend(path=store)]
    )
    for index in range(5):
        manager.write({}, f"{index}")
    manager.close()
    wait_until(lambda: not manager._shipper.alive)
    wait_until(lambda: not manager._background._ticker.is_alive())
    assert descriptors() == before
    assert manager.unshipped == []
    assert list(spool.iterdir()) == []


def test_a_backend_that_hangs_blocks_no_write_and_bounds_close(tmp_path):
    asked, go_on = threading.Event(), threading.Event()

    class Hangs(LocalBackend):
        def put(self, key, path, metadata=None):
            asked.set()
            assert go_on.wait(SECONDS)
            super().put(key, path, metadata)

    store, spool = tmp_path / "store", tmp_path / "spool"
    store.mkdir()
    spool.mkdir()
    manager = WritingRollManager(
        TEMPLATE,
        RecordsRollChecker(roll_records=1),
        spool,
        storage=[Hangs(path=store)],
        close_timeout=0.05,
    )
    for index in range(3):
        manager.write({}, f"{index}")
        assert asked.wait(SECONDS)
    manager.close()
    assert len(manager.unshipped) == 3
    go_on.set()
    wait_until(lambda: not manager._shipper.alive)
    manager._spool.close()


class TestTheSpoolLimit:
    def test_at_the_limit_a_write_is_refused_and_nothing_is_dropped(self, tmp_path):
        manager = WritingRollManager(
            TEMPLATE, NeverRollChecker(), tmp_path, spool_limit_mb=0.05, compression="none"
        )
        written = []

        def write_on():
            for index in range(100):
                manager.write({}, f"{index}" * 1000)
                written.append(f"{index}" * 1000)

        with pytest.raises(SpoolFull, match="limit"):
            write_on()
        assert 20 < len(written) < 60
        manager.close()
        assert payloads(tmp_path) == written

    def test_archives_that_were_sealed_since_the_last_look_count(self, tmp_path):
        manager = WritingRollManager(
            TEMPLATE,
            RecordsRollChecker(roll_records=2),
            tmp_path,
            spool_limit_mb=0.05,
            compression="none",
        )
        with pytest.raises(SpoolFull):
            manager.write_many(({}, "x" * 1000) for _ in range(1000))
        manager.close()
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 80_000

    def test_a_write_waits_for_room(self, tmp_path):
        other = tmp_path / "other.events"
        other.write_bytes(bytes(100_000))
        manager = WritingRollManager(
            TEMPLATE, NeverRollChecker(), tmp_path, spool_limit_mb=0.05, on_full="block"
        )
        writer = threading.Thread(target=manager.write, args=({}, "x"))
        writer.start()
        other.unlink()
        writer.join(SECONDS)
        assert not writer.is_alive()
        manager.close()

    @pytest.mark.parametrize("on_full", ["raise", "block"])
    def test_a_limit_below_the_size_of_an_archive_stops_nobody(self, tmp_path, caplog, on_full):
        """What is open is not shipped, and would take up the room for good."""
        spool, store = tmp_path / "spool", tmp_path / "store"
        spool.mkdir()
        store.mkdir()
        caplog.set_level("INFO")
        manager = WritingRollManager(
            TEMPLATE,
            NeverRollChecker(),
            spool,
            storage=[LocalBackend(path=store)],
            spool_limit_mb=0.05,
            on_full=on_full,
            compression="none",
        )

        def write():
            try:
                manager.write({}, "x" * 1000)
            except SpoolFull:
                return False
            return True

        for _ in range(100):
            assert write() if on_full == "block" else wait_until(write) is None
        manager.close()
        assert len(payloads(store)) == 100
        assert "records (limit: the spool is full)" in caplog.text

    def test_an_archive_without_a_record_is_not_rolled_at_the_limit(self, tmp_path):
        manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, spool_limit_mb=0.05)
        (tmp_path / "other.events").write_bytes(bytes(52_000))
        with pytest.raises(RecordTypeError):
            manager.write(None, "")
        with pytest.raises(SpoolFull):
            manager.write({}, "x" * 1000)
        assert len(list(tmp_path.glob("*.open"))) == 1
        manager.close()

    def test_it_waits_no_longer_than_it_may(self, tmp_path):
        (tmp_path / "other.events").write_bytes(bytes(100_000))
        manager = WritingRollManager(
            TEMPLATE,
            NeverRollChecker(),
            tmp_path,
            spool_limit_mb=0.05,
            on_full="block",
            on_full_timeout=0.01,
        )
        with pytest.raises(SpoolFull):
            manager.write({}, "x")
        manager.close()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"durability": "sometimes"}, ConfigError),
        ({"compression": "lzma"}, ConfigError),
        ({"format_version": 3}, ConfigError),
        ({"on_full": "drop"}, ConfigError),
        ({"filename_template": "%Q"}, InvalidName),
        ({"filename_template": ".."}, InvalidName),
        ({"filename_template": ""}, InvalidName),
        ({"directory": "missing"}, BadWorkingDirectory),
    ],
)
def test_what_does_not_fit_is_refused_at_construction(tmp_path, options, error):
    arguments = {"filename_template": TEMPLATE, "directory": tmp_path, **options}
    if arguments["directory"] == "missing":
        arguments["directory"] = tmp_path / "missing"
    with pytest.raises(error):
        WritingRollManager(roll_checker=NeverRollChecker(), **arguments)


def test_a_callback_that_moves_archives_is_refused_together_with_storage(tmp_path):
    class Moves(Callback):
        keeps_file = False

    with pytest.raises(ConfigError, match="leave one of the two out"):
        WritingRollManager(
            TEMPLATE, NeverRollChecker(), tmp_path, Moves(), storage=[LocalBackend(path=tmp_path)]
        )


def test_timestamps_are_nanoseconds_or_aware(tmp_path):
    with WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path) as manager:
        manager.write({}, "a", 5)
        manager.write({}, "b", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
        with pytest.raises(RecordValueError):
            manager.write({}, "c", datetime(1970, 1, 1))  # noqa: DTZ001
    with ReadingRollManager("*", tmp_path) as reader:
        assert [it.timestamp for it in reader.records()] == [5, 10**9]


@pytest.mark.parametrize("durability", ["record", "roll"])
def test_an_archive_that_somebody_takes_away_is_an_error_of_close(tmp_path, durability):
    """What was synced is nowhere else: that must not pass for success."""
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path, durability=durability)
    manager.write({}, "x")
    manager.sync()
    [path] = tmp_path.glob("*.open")
    path.unlink()
    with pytest.raises(ArchiveGone, match="look for it, its records are nowhere else"):
        manager.roll()
    manager.write({}, "y")
    with pytest.raises(ArchiveGone, match="look for it, its records are nowhere else"):
        manager.close()
    assert payloads(tmp_path) == ["y"]


def test_what_is_in_a_spool_that_is_renamed_waits_until_it_is_back(tmp_path):
    spool, store = tmp_path / "spool", tmp_path / "store"
    spool.mkdir()
    store.mkdir()
    backend = LocalBackend(path=store)
    manager = WritingRollManager(
        TEMPLATE, NeverRollChecker(), spool, storage=[backend], close_timeout=0.1
    )
    manager.write({}, "x")
    spool.rename(tmp_path / "moved")
    manager.close()
    assert [it.destination for it in manager.unshipped] == ["local"]
    (tmp_path / "moved").rename(spool)
    WritingRollManager(
        TEMPLATE, NeverRollChecker(), spool, storage=[LocalBackend(path=store)]
    ).close()
    assert payloads(store) == ["x"]
    assert list(spool.iterdir()) == []
