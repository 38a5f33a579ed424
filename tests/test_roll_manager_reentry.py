"""A call out of the middle of another, as a signal handler makes it: whole, or a clear error."""

import itertools
import sys
import threading

import pytest

from shoebox import compiled
from shoebox.errors import ReentrantCall
from shoebox.roll_manager import ReadingRollManager, WritingJSONRollManager, WritingRollManager
from shoebox.roll_manager.reentry import holds, reentrant
from shoebox_plugins.checkers.records import RecordsRollChecker
from tests.faults import FULL

STEPS = {"write": 11, "write_many": 11, "flush": 3, "sync": 3, "roll": 29, "close": 29}
"""Of so many lines one is tried where not all are."""

SECONDS = 60
"""After which a thread waits for itself."""


def at_line(number, handler):
    """Return a trace that calls the handler before the n-th line of shoebox."""
    left = itertools.count(number, -1)

    def trace(frame, event, _):
        if not frame.f_globals.get("__name__", "").startswith("shoebox"):
            return None
        if event == "line" and next(left) == 0:
            sys.settrace(None)
            handler()
        return trace

    return trace


def interrupted(work, number, handler):
    """Do the work and the handler in the middle of it; tell whether it got so far."""
    called, errors = [], []

    def handle():
        called.append(number)
        handler()

    def run():
        sys.settrace(at_line(number, handle))
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the test's own thread raises it
            errors.append(error)
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert not thread.is_alive(), "it waits for its own thread"
    for error in errors:
        raise error
    return bool(called)


CALLS = {
    "write": lambda manager: manager.write({}, "outer"),
    "write_many": lambda manager: manager.write_many([({}, "outer")]),
    "flush": lambda manager: manager.flush(),
    "sync": lambda manager: manager.sync(),
    "roll": lambda manager: manager.roll(),
    "close": lambda manager: manager.close(),
}
NESTED = {
    "write": lambda manager: manager.write({}, "nested"),
    "write_many": lambda manager: manager.write_many([({}, "nested")]),
    "sync": lambda manager: manager.sync(),
    "roll": lambda manager: manager.roll(),
    "close": lambda manager: manager.close(),
}


@pytest.mark.parametrize("durability", ["interval", "record"])
@pytest.mark.parametrize("nested", NESTED)
@pytest.mark.parametrize("outer", CALLS)
def test_a_call_before_any_line_of_another_is_whole_or_refused(tmp_path, outer, nested, durability):
    """Nothing is lost or doubled, and no thread waits for itself."""
    refused = 0
    for number in itertools.count(0, 1 if FULL else STEPS[outer]):
        folder = tmp_path / str(number)
        folder.mkdir()
        manager = WritingRollManager(
            "a.events", RecordsRollChecker(roll_records=2), folder, durability=durability
        )
        manager.write({}, "before")
        wanted = ["before", "outer"] if "write" in outer else ["before"]

        def handler(manager=manager, wanted=wanted):
            nonlocal refused
            try:
                NESTED[nested](manager)
                if "write" in nested:
                    wanted.append("nested")
            except (ReentrantCall, ValueError):  # or it is closed already
                refused += 1

        try:
            came = interrupted(lambda: CALLS[outer](manager), number, handler)  # noqa: B023
        except ValueError:  # the handler has closed it
            came = True
            wanted.remove("outer")
        manager.close()
        with ReadingRollManager("*", folder) as reader:
            found = list(reader.records())
            assert reader.faults == []
        assert sorted(it.payload for it in found) == sorted(wanted)
        assert sorted(it.sequence for it in found) == list(range(len(found)))
        if not came:
            break
    # What is compiled has no lines to come between.
    assert refused > 0 or compiled()


@pytest.mark.parametrize("nested", ["write", "roll", "close"])
@pytest.mark.parametrize("outer", ["write", "roll", "close"])
def test_lines_are_whole_or_refused_too(tmp_path, outer, nested):
    refused = 0
    for number in itertools.count(0, 1 if FULL else 5):
        folder = tmp_path / str(number)
        folder.mkdir()
        manager = WritingJSONRollManager("[[CRC]]_%f.json", folder, folder)
        manager.write({}, "before")

        def handler(manager=manager):
            nonlocal refused
            try:
                NESTED[nested](manager)
            except (ReentrantCall, ValueError):
                refused += 1

        try:
            came = interrupted(lambda: CALLS[outer](manager), number, handler)  # noqa: B023
        except ValueError:
            came = True
        manager.close()
        assert [path.suffix for path in folder.iterdir()].count(".jsonl") == 0
        if not came:
            break
    assert refused > 0


def test_who_holds_a_lock_is_told_apart():
    lock = threading.RLock()
    held = holds(lock)
    assert not held()
    with lock:
        assert held()
        others = []
        thread = threading.Thread(target=lambda: others.append(held()))
        thread.start()
        thread.join(SECONDS)
        assert others == [False]
    assert not held()


def test_the_error_says_where_and_what_to_do(tmp_path):
    assert str(reentrant(tmp_path)).startswith(f"{tmp_path}: ")
    assert "set a flag" in str(reentrant(tmp_path))
