"""Faults: fork, several processes, a file that may not grow, an end without close."""

import errno
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading

import pytest

from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingRollManager
from shoebox_plugins.checkers.records import RecordsRollChecker
from shoebox_plugins.storage.local import LocalBackend
from tests.faults.reading import TEMPLATE, once_by_identity, records, start_over

SECONDS = 60
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def worker(*arguments, source, **options):
    return subprocess.Popen(
        [sys.executable, "-c", source, *map(str, arguments)], stdout=subprocess.PIPE, **options
    )


@pytest.fixture
def folders(tmp_path):
    spool, store = tmp_path / "spool", tmp_path / "store"
    spool.mkdir()
    store.mkdir()
    return spool, store


FOUR = """
import sys
from shoebox.roll_manager import WritingRollManager
from shoebox_plugins.checkers.records import RecordsRollChecker
from shoebox_plugins.storage.local import LocalBackend

spool, store, name = sys.argv[1:4]
with WritingRollManager(
    "%Y.events", RecordsRollChecker(roll_records=9), spool,
    storage=[LocalBackend(path=store)], close_timeout=60,
) as manager:
    for index in range(300):
        manager.write({}, f"{name}:{index}")
"""


def test_four_processes_share_one_spool_and_ship_every_record_once(folders):
    spool, store = folders
    processes = [worker(spool, store, number, source=FOUR) for number in range(4)]
    for process in processes:
        process.communicate(timeout=SECONDS)
        assert process.returncode == 0
    assert list(spool.iterdir()) == []
    found = [record.payload for record in records(store)]
    assert sorted(found) == sorted(f"{n}:{index}" for n in range(4) for index in range(300))
    for number in range(4):
        mine = [it.payload for it in records(store) if it.payload.startswith(f"{number}:")]
        assert mine == [f"{number}:{index}" for index in range(300)]


def in_child(work):
    """Run something in a forked child; return whether it came to its end."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return status == 0


def test_a_forked_child_opens_an_archive_of_its_own(tmp_path):
    """Nothing that was buffered is written twice, and the parent's lock is not lost."""
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path)
    manager.write({}, "before")

    def work():
        manager.write({}, "child")
        manager.close()

    assert in_child(work)
    (mine,) = tmp_path.glob("*.open")
    assert mine == manager._current.archive.path
    WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path).close()
    assert mine.exists()
    manager.write({}, "after")
    manager.close()
    found = records(tmp_path)
    assert sorted(it.payload for it in found) == ["after", "before", "child"]
    assert len({it.writer for it in found}) == 2


def test_a_child_that_never_writes_changes_nothing(tmp_path):
    manager = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path)
    manager.write({}, "x")
    assert in_child(manager.close)
    manager.close()
    assert [it.payload for it in records(tmp_path)] == ["x"]


def test_a_fork_while_other_threads_write_loses_and_doubles_nothing(folders):
    """No child keeps a lock: everything can be shipped while they live."""
    spool, store = folders
    manager = WritingRollManager(
        TEMPLATE,
        RecordsRollChecker(roll_records=3),
        spool,
        storage=[LocalBackend(path=store)],
        close_timeout=SECONDS,
    )
    stop, counts = threading.Event(), [0] * 4

    def write(number):
        while not stop.is_set():
            manager.write({}, f"parent:{number}:{counts[number]}")
            counts[number] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    children, hold = [], os.pipe()
    for number in range(15):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                for index in range(5):
                    manager.write({}, f"child:{number}:{index}")
                manager.roll()
                os.close(hold[1])
                os.read(hold[0], 1)  # lives on until the parent has shipped
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    stop.set()
    for thread in threads:
        thread.join()
    manager.close()
    mine = {f"parent:{number}:{index}" for number in range(4) for index in range(counts[number])}
    assert mine <= set(once_by_identity(records(store)))
    os.close(hold[1])
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    os.close(hold[0])
    start_over(spool, store)
    found = [it.payload for it in records(store)]
    theirs = {f"child:{number}:{index}" for number in range(15) for index in range(5)}
    assert sorted(found) == sorted(mine | theirs)


def _in_pool(number):
    _shared.write({}, f"{number}")
    _shared.sync()


def test_multiprocessing_writes_every_record_once(tmp_path):
    global _shared  # noqa: PLW0603
    _shared = WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path)
    _shared.write({}, "parent")
    with multiprocessing.get_context("fork").Pool(3) as pool:
        pool.map(_in_pool, range(20))
    _shared.close()
    WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path).close()
    assert sorted(it.payload for it in records(tmp_path)) == sorted(
        ["parent", *map(str, range(20))]
    )


ENDS = """
import os, signal, sys, threading
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingRollManager

manager = WritingRollManager("%f.events", NeverRollChecker(), sys.argv[1])
for index in range(10):
    manager.write({}, f"{index}")
"""


@pytest.mark.parametrize(
    "end",
    ["", "del manager", "sys.exit(3)", "raise SystemExit", "1 / 0", "os.kill(os.getpid(), 2)"],
)
def test_an_interpreter_that_ends_without_close_flushes_and_syncs(tmp_path, end):
    process = worker(tmp_path, source=ENDS + end, stderr=subprocess.DEVNULL)
    process.communicate(timeout=SECONDS)
    WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path).close()
    assert [it.payload for it in records(tmp_path)] == [f"{index}" for index in range(10)]


def test_sigterm_loses_nothing_that_was_synced(tmp_path):
    source = ENDS + "manager.sync()\nprint('synced', flush=True)\nthreading.Event().wait()"
    process = worker(tmp_path, source=source)
    assert process.stdout.readline() == b"synced\n"
    process.terminate()
    process.communicate(timeout=SECONDS)
    assert process.returncode == -signal.SIGTERM
    WritingRollManager(TEMPLATE, NeverRollChecker(), tmp_path).close()
    assert [it.payload for it in records(tmp_path)] == [f"{index}" for index in range(10)]


CTRL_C = """
import os, sys
from shoebox.roll_manager import WritingRollManager
from shoebox_plugins.checkers.records import RecordsRollChecker

manager = WritingRollManager("%f.events", RecordsRollChecker(roll_records=5), sys.argv[1])
taken = 0
try:
    print("started", flush=True)
    while True:
        manager.write({"k": str(taken)}, "x" * 50)
        taken += 1
except KeyboardInterrupt:
    manager.close()
print(taken)
"""


def test_ctrl_c_in_the_middle_of_a_write_leaves_a_manager_that_can_be_closed(tmp_path):
    rng = random.Random(2)  # noqa: S311
    for number in range(6):
        spool = tmp_path / f"{number}"
        spool.mkdir()
        process = worker(spool, source=CTRL_C)
        assert process.stdout.readline() == b"started\n"
        threading.Event().wait(rng.random() * 0.05)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 0
        WritingRollManager(TEMPLATE, NeverRollChecker(), spool).close()
        found = {it.sequence: it.metadata["k"] for it in records(spool)}
        assert int(output) <= len(found) <= int(output) + 1
        assert found == {index: str(index) for index in range(len(found))}


FULL = """
import resource, signal, sys
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingRollManager

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
manager = WritingRollManager(
    "%f.events", NeverRollChecker(), sys.argv[1], compression="none", durability="record"
)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
taken = []
for index in range(10):
    try:
        manager.write({}, str(index) * (9_000 if index % 2 else 100))
        taken.append(index)
    except OSError as error:
        print(index, error.errno)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
manager.write({}, "x")
manager.close()
print(taken)
"""


def test_a_file_that_may_not_grow_is_an_error_to_the_caller_at_once(tmp_path):
    """A short write comes first: it is cut back, and the others go on."""
    output, _ = worker(tmp_path, source=FULL).communicate(timeout=SECONDS)
    *refused, taken = output.decode().splitlines()
    assert refused
    assert all(line.endswith(f" {errno.EFBIG}") for line in refused)
    found = [it.payload for it in records(tmp_path)]
    assert [payload[0] for payload in found[:-1]] == [str(index) for index in json.loads(taken)]
    assert found[-1] == "x"
