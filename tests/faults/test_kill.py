"""kill -9, again and again, of three processes that share a spool and ship to two stores."""

import os
import random
import select
import signal
import time

import pytest

from shoebox.roll_manager import WritingRollManager
from shoebox_plugins.checkers.records import RecordsRollChecker
from shoebox_plugins.storage.local import LocalBackend
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

KILLS = 1000 if FULL else 40
WRITERS = 3
LONGEST = 0.06
"""Seconds that a writer lives at most: it is killed while it starts, writes, seals and ships."""

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


class Writer:
    """A process that writes, each record synced, and says which were taken."""

    def __init__(self, name, spool, stores):
        self._pipe, theirs = os.pipe()
        self._said = b""
        self._pid = os.fork()
        if self._pid == 0:
            try:
                _write(name, spool, stores, theirs)
            finally:
                os._exit(1)
        os.close(theirs)

    def read(self):
        """Take in what it has said, so that it never waits for a reader."""
        while select.select([self._pipe], [], [], 0)[0] and (said := os.read(self._pipe, 1 << 16)):
            self._said += said

    def has_spoken(self):
        """Tell whether it was promised a record."""
        self.read()
        return bool(self._said)

    def kill(self):
        """Kill it; return the records that it was promised."""
        os.kill(self._pid, signal.SIGKILL)
        _, status = os.waitpid(self._pid, 0)
        self.read()
        os.close(self._pipe)
        assert os.WIFSIGNALED(status), "it had ended by itself"
        return self._said.decode().split("\n")[:-1]


def _write(name, spool, stores, fd):
    manager = WritingRollManager(
        TEMPLATE,
        RecordsRollChecker(roll_records=7),
        spool,
        durability="record",
        storage=[LocalBackend(path=store) for store in stores],
    )
    index = 0
    while True:
        manager.write({"k": "v"}, f"{name}:{index}")
        os.write(fd, f"{name}:{index}\n".encode())
        index += 1


def test_kill_9_again_and_again_loses_nothing_that_was_acknowledged(tmp_path, capsys):
    """One directory, each process restarted when it was killed; no file needs deleting by hand."""
    spool, *stores = folders = [tmp_path / name for name in ("spool", "one", "two")]
    for folder in folders:
        folder.mkdir()
    rng, acknowledged, begun = random.Random(1), set(), time.monotonic()  # noqa: S311
    writers = [Writer(f"{number}", spool, stores) for number in range(WRITERS)]
    # On a machine that is busy all others may be killed before they come to write.
    assert all(until(writer.has_spoken) for writer in writers)
    for number in range(KILLS):
        select.select([], [], [], rng.random() * LONGEST)
        victim = rng.randrange(WRITERS)
        for writer in writers:
            writer.read()
        acknowledged.update(writers[victim].kill())
        writers[victim] = Writer(f"{WRITERS + number}", spool, stores)
    for writer in writers:
        acknowledged.update(writer.kill())
    start_over(spool, *stores)
    assert left_in(spool) == []
    for store in stores:
        found = records(store)
        payloads = set(once_by_identity(found))
        without_a_hole(found)
        assert acknowledged <= payloads
        # Of each process one may have been synced that it did not come to say.
        assert len(payloads - acknowledged) <= KILLS + WRITERS
    with capsys.disabled():
        print(  # noqa: T201 - what `tox -e faults` is run for
            f"\nkill: {KILLS + WRITERS} kills, {len(acknowledged)} records acknowledged, "
            f"{len(payloads)} in each store, {time.monotonic() - begun:.0f} s"
        )
    assert acknowledged
