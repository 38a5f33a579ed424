"""A signal whose handler raises, at each moment of a call that CPython may look at signals in."""

import errno
import gzip
import itertools
import os
import threading
from contextlib import suppress

import pytest

import shoebox
from shoebox.errors import DurabilityError
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingJSONRollManager, WritingRollManager
from shoebox_plugins.checkers.records import RecordsRollChecker
from shoebox_plugins.storage.local import LocalBackend
from tests.faults import FULL
from tests.faults.reading import TEMPLATE, once_by_identity, records
from tests.interrupting import signalled_at

# What comes into a generator that is being closed is lost, and said to be.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SECONDS = 60
STEP = 1 if FULL else 2
"""One moment of so many is tried."""

CALLS = {
    "write": (9, lambda manager: manager.write({}, "within")),
    "write that rolls": (2, lambda manager: manager.write({}, "within")),
    "write that opens and rolls": (1, lambda manager: manager.write({}, "within")),
    "write_many": (9, lambda manager: manager.write_many([({}, "within")])),
    "flush": (9, WritingRollManager.flush),
    "sync": (9, WritingRollManager.sync),
    "roll": (9, WritingRollManager.roll),
}
"""Each with the records of an archive; there is one before, but where each has its own."""


@pytest.mark.parametrize("durability", ["roll", "record"])
@pytest.mark.parametrize("name", CALLS)
def test_whatever_is_interrupted_the_writer_goes_on_and_each_record_is_there_once(
    tmp_path, capsys, name, durability
):
    """What was interrupted may be there or not; what comes after it is as safe as ever."""
    each, call = CALLS[name]
    before = ["before"] * (each > 1)
    start = list(CALLS).index(name) % STEP
    for number in itertools.count(start, STEP):
        spool = tmp_path / str(number)
        spool.mkdir(0o700)
        checker = RecordsRollChecker(roll_records=each)
        manager = WritingRollManager(TEMPLATE, checker, spool, durability=durability)
        manager.write_many([({}, it) for it in before])
        came = signalled_at(number, lambda: call(manager))  # noqa: B023
        syncs = [manager.sync] * (number % 2)
        go_on(lambda: manager.write({}, "after"), *syncs, manager.close)  # noqa: B023
        # An archive that was only just made may be left to the next start.
        assert records(spool, pattern="*.open") == []
        found = sorted(once_by_identity(records(spool, pattern="*.events")))
        assert found in (sorted([*before, "after"]), sorted([*before, "after", "within"])), number
        if not came:
            break
    tell(capsys, number)


@pytest.mark.parametrize("durability", ["roll", "record"])
def test_a_close_that_is_interrupted_is_done_by_the_next(tmp_path, capsys, durability):
    for number in itertools.count(step=STEP):
        spool, store = tmp_path / f"{number}-spool", tmp_path / f"{number}-store"
        spool.mkdir(0o700)
        store.mkdir()
        backend = LocalBackend(path=store)
        manager = WritingRollManager(
            TEMPLATE, NeverRollChecker(), spool, durability=durability, storage=[backend]
        )
        manager.write({}, "before")
        came = signalled_at(number, manager.close)
        manager.close()
        assert once_by_identity(records(spool, store, pattern="*.events")) == ["before"]
        assert list(spool.glob("*.open")) == []
        if not came:
            break
    tell(capsys, number)


@pytest.mark.parametrize("call", ["write", "flush", "roll"])
def test_a_disk_that_fails_while_a_signal_comes_costs_nothing_that_is_synced(
    tmp_path, monkeypatch, capsys, call
):
    """The half of a block is cut off, or nothing is appended behind it."""
    writev = os.writev

    def half(fd, buffers):
        return writev(fd, [b"".join(buffers)[:20]])

    for number in itertools.count(step=STEP):
        spool = tmp_path / str(number)
        spool.mkdir(0o700)
        manager = WritingRollManager(TEMPLATE, NeverRollChecker(), spool, durability="roll")
        manager.write({}, "before")
        manager.sync()
        manager.write({}, "within" * 100_000 if call == "write" else "within")
        with monkeypatch.context() as patch:
            patch.setattr(os, "writev", half)
            patch.setattr(os, "write", refuse)
            came = signalled_at(number, lambda: failing(manager, call))  # noqa: B023
        with suppress(DurabilityError):
            manager.sync()
        go_on(lambda: manager.write({}, "after"), manager.sync, manager.close)  # noqa: B023
        WritingRollManager(TEMPLATE, NeverRollChecker(), spool).close()
        found = once_by_identity(records(spool, pattern="*.events"))
        assert [it for it in found if it[:6] not in {"within", "wwwwww"}] == ["before", "after"]
        if not came:
            break
    tell(capsys, number)


def refuse(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def failing(manager, call):
    with suppress(OSError):
        if call == "write":
            manager.write({}, "w" * (1 << 20))
        else:
            getattr(manager, call)()


@pytest.mark.parametrize("mb", [1, 1e-6], ids=["", "rolls with each line"])
@pytest.mark.parametrize("name", ["write", "roll"])
def test_whatever_is_interrupted_each_line_is_there_once(tmp_path, capsys, name, mb):
    for number in itertools.count(step=STEP):
        live, done = tmp_path / f"{number}-live", tmp_path / f"{number}-done"
        live.mkdir(0o700)
        done.mkdir(0o700)
        manager = WritingJSONRollManager("[[CRC]].json", live, done, roll_size_mb=mb)
        manager.write({}, "1")
        call = {"write": lambda: manager.write({}, "2"), "roll": manager.roll}[name]  # noqa: B023
        came = signalled_at(number, call)
        go_on(lambda: manager.write({}, "3"), manager.close)  # noqa: B023
        lines = b"".join(gzip.decompress(path.read_bytes()) for path in done.glob("*.gz"))
        lines += b"".join(path.read_bytes() for path in live.iterdir())
        assert sorted(lines.split()) in ([b"1", b"3"], [b"1", b"2", b"3"]), number
        if not came:
            break
    tell(capsys, number)


def tell(capsys, number):
    """Print how many moments there were; in compiled code there are hardly any."""
    assert number > STEP or shoebox.compiled()
    if FULL:
        with capsys.disabled():
            print(f" {number} moments")  # noqa: T201 - what `tox -e faults` is run for


def go_on(*calls):
    """Make the calls in another thread: no lock may be held by who was interrupted."""
    errors = []

    def run():
        try:
            for call in calls:
                call()
        except Exception as error:  # noqa: BLE001 - whatever it is
            errors.append(error)

    other = threading.Thread(target=run, daemon=True)
    other.start()
    other.join(SECONDS)
    assert not other.is_alive(), "a lock is held by who was interrupted"
    assert errors == []
