"""SIGTERM and SIGINT at random moments: programs that embed the writer, `write`, `ship --watch`."""

import random
import re
import select
import signal
import subprocess
import sys

import pytest

from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingRollManager
from shoebox_plugins.checkers.records import RecordsRollChecker
from tests.faults import FULL
from tests.faults.children import until
from tests.faults.reading import (
    TEMPLATE,
    left_in,
    once_by_identity,
    records,
    start_over,
    without_a_hole,
)
from tests.program import environment, start

TIMES = 100 if FULL else 2
SECONDS = 60

EMBEDDED = """
import signal, sys
from shoebox.errors import ReentrantCall
from shoebox.roll_manager import WritingRollManager
from shoebox_plugins.checkers.records import RecordsRollChecker
from shoebox_plugins.storage.local import LocalBackend

spool, store, durability = sys.argv[1:]
manager = WritingRollManager(
    "%f.events", RecordsRollChecker(roll_records=5), spool,
    durability=durability, storage=[LocalBackend(path=store)],
)

def end(number, frame):
    try:
        manager.write({}, "handler")
        print("handler", flush=True)
    except ReentrantCall:
        pass
    sys.exit(7)

signal.signal(signal.SIGINT, end)
signal.signal(signal.SIGTERM, end)
index = 0
try:
    while True:
        manager.write({}, f"{index}")
        index += 1
        if index == 1:
            print("begun", flush=True)
finally:
    manager.close()
    print(index, flush=True)
"""

INI = """
[shoebox]
directory = {spool}
storage = local
roll_checkers = records
[shoebox_roll_checker_records]
roll_records = 50
[shoebox_storage_local]
path = {store}
"""


@pytest.fixture
def folders(tmp_path):
    spool, store = tmp_path / "spool", tmp_path / "store"
    spool.mkdir(0o700)
    store.mkdir()
    return spool, store


def signals(seed):
    """Yield a signal, and after how many seconds it comes."""
    rng = random.Random(seed)  # noqa: S311
    for number in range(TIMES):
        yield (signal.SIGTERM, signal.SIGINT)[number % 2], rng.random() * 0.1


def ini(tmp_path, folders):
    path = tmp_path / "shoebox.conf"
    path.write_text(INI.format(spool=folders[0], store=folders[1]))
    return path


def pause(seconds):
    select.select([], [], [], seconds)


@pytest.mark.parametrize("durability", ["record", "interval"])
def test_a_program_that_closes_its_writer_loses_nothing(folders, durability):
    """What it had written is there, also what its handler wrote in between, and no more than that.

    A record that the signal came into the middle of may be there or not.
    """
    spool, store = folders
    for number, after in signals(1):
        process = subprocess.Popen(
            [sys.executable, "-c", EMBEDDED, spool, store, durability],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        assert process.stdout.readline() == b"begun\n"
        pause(after)
        process.send_signal(number)
        output, errors = process.communicate(timeout=SECONDS)
        assert (process.returncode, errors) == (7, b"")
        *handler, written = output.decode().split()
        start_over(spool, store)
        assert left_in(spool) == []
        found = records(store)
        payloads = set(once_by_identity(found))
        without_a_hole(found)
        promised = {*handler, *map(str, range(int(written)))}
        assert promised <= payloads <= promised | {written}
        for path in store.iterdir():
            path.unlink()


def test_shoebox_write_seals_what_it_has_read(tmp_path, folders):
    spool, store = folders
    conf = ini(tmp_path, folders)
    lines = b"".join(b'{"line": %d}\n' % index for index in range(20_000))
    for number, after in signals(2):
        process = start("--config-file", conf, "write")
        begun = until(lambda: _feed(process, lines) and left_in(spool))  # noqa: B023
        assert begun
        pause(after)
        process.send_signal(number)
        output, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == 130, errors
        assert b"Traceback" not in errors
        said = re.search(rb"(\d+) records? \(", output + errors)
        assert said, output + errors
        start_over(spool, store)
        found = records(store)
        without_a_hole(found)
        assert len(once_by_identity(found)) == int(said[1])
        for path in store.iterdir():
            path.unlink()


def _feed(process, lines):
    """Write what the program takes of the lines; the same line never twice."""
    if not hasattr(process, "fed"):
        process.fed = 0
    part = lines[process.fed : process.fed + (1 << 12)]
    part = part[: part.rfind(b"\n") + 1]
    process.stdin.write(part)
    process.stdin.flush()
    process.fed += len(part)
    return True


def test_shoebox_ship_goes_on_where_it_was_stopped(tmp_path, folders):
    spool, store = folders
    conf = ini(tmp_path, folders)
    wanted = set()
    for index, (number, after) in enumerate(signals(3)):
        with WritingRollManager(TEMPLATE, RecordsRollChecker(roll_records=2), spool) as writer:
            for each in range(20):
                writer.write({}, f"{index}:{each}")
                wanted.add(f"{index}:{each}")
        stored = len(list(store.iterdir()))
        process = start("--config-file", conf, "ship", "--watch")
        assert until(lambda: len(list(store.iterdir())) > stored)  # noqa: B023
        pause(after)
        process.send_signal(number)
        _, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == 130, errors
        assert b"Traceback" not in errors
        assert set(once_by_identity(records(spool, store))) == wanted
    start_over(spool, store)
    assert left_in(spool) == []
    found = records(store)
    assert len(found) == len(wanted), "an archive was stored twice"
    assert set(once_by_identity(found)) == wanted


def test_a_handler_that_writes_all_the_time_never_waits_for_its_own_thread(folders):
    """Each record of it is there once, or was refused."""
    spool, _ = folders
    source = """
import itertools, signal, sys
from shoebox.errors import ReentrantCall
from shoebox.roll_manager import WritingRollManager
from shoebox_plugins.checkers.records import RecordsRollChecker

manager = WritingRollManager(
    "%f.events", RecordsRollChecker(roll_records=9), sys.argv[1], durability="record"
)
numbers, taken, refused = itertools.count(), [], 0

def handler(number, frame):
    global refused
    try:
        payload = f"handler:{next(numbers)}"
        manager.write({}, payload)
        taken.append(payload)
    except ReentrantCall:
        refused += 1

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
for index in range(300):
    manager.write({}, f"{index}")
signal.setitimer(signal.ITIMER_REAL, 0)
manager.close()
print(refused, *taken)
"""
    done = subprocess.run(
        [sys.executable, "-c", source, spool],
        capture_output=True,
        env=environment(),
        check=True,
        timeout=SECONDS,
    )
    refused, *taken = done.stdout.decode().split()
    assert done.stderr == b""
    assert taken or int(refused)
    found = once_by_identity(records(spool))
    assert sorted(found) == sorted([*map(str, range(300)), *taken])
    WritingRollManager(TEMPLATE, NeverRollChecker(), spool).close()
    assert {path.suffix for path in spool.iterdir()} == {".events"}
