"""Runs that are recorded: small programs that say what they have been promised.

`python -m tests.faults.power_cut.runs NAME FOLDER...` does one, in folders that it finds prepared.
"""

from __future__ import annotations

import base64
import os
import random
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from shoebox.destination import Destination
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingJSONRollManager, WritingRollManager
from shoebox_plugins.checkers.records import RecordsRollChecker
from shoebox_plugins.storage.local import LocalBackend
from tests.faults import FULL

TEMPLATE = "%Y.events"
JSON_TEMPLATE = "%Y_[[CRC]].json"
SPOOL = "spool"
STORES = "here", "there"
JSON_SPOOL, JSON_DESTINATION = "live", "done"
SYNCED = "synced"
"""A power cut may not take it."""
STORED = "stored"
"""Nor may it be lost with the spool."""

LENGTH = 3 if FULL else 1
"""How many times as long as need be a run is."""

SEALED = "sealed"
"""So many archives have the names that they keep."""

_SECONDS = 60


def payload(index: int) -> str:
    """Return a record's payload; some of them fill several sectors, also when compressed."""
    chance = random.Random(index)  # noqa: S311
    noise = base64.b64encode(chance.randbytes(chance.choice((1, 100, 700, 1500)))).decode()
    return f'{{"index": {index}, "noise": "{noise}"}}'


def prepare(root: Path, name: str) -> None:
    """Make the folders that a run of this name finds."""
    for folder in _FOLDERS[name]:
        (root / folder).mkdir(0o700)


def start_over(root: Path) -> None:
    """Do what the next start does: recover, ship, and leave nothing undone."""
    if (root / JSON_SPOOL).exists():
        WritingJSONRollManager(JSON_TEMPLATE, root / JSON_SPOOL, root / JSON_DESTINATION).close()
        return
    manager = _manager(root, NeverRollChecker())
    manager.close()
    assert not manager.unshipped, f"not shipped: {manager.unshipped}"


def _manager(root: Path, checker=None, **options) -> WritingRollManager:
    here, there = (root / name for name in STORES)
    storage = [
        Destination("here", LocalBackend(path=here)),
        Destination("there", LocalBackend(path=there), key_template="in/{stem}-{id}{suffix}"),
    ]
    return WritingRollManager(
        TEMPLATE,
        checker or RecordsRollChecker(roll_records=3),
        root / SPOOL,
        storage=storage if here.exists() else (),
        close_timeout=_SECONDS,
        sync_interval=_SECONDS,
        **options,
    )


def _say(promise: str, indices: Iterable[int]) -> None:
    os.write(1, f"{promise} {' '.join(map(str, indices))}\n".encode())


def _write(manager: WritingRollManager, indices: Iterable[int]) -> None:
    for index in indices:
        manager.write(*_record(index))


def _record(index: int) -> tuple[dict[str, str], str]:
    return {"index": str(index)}, payload(index)


def _each_record(root: Path) -> None:
    with _manager(root, durability="record") as manager:
        for index in range(8 * LENGTH):
            _write(manager, [index])
            _say(SYNCED, [index])


def _now_and_then(root: Path) -> None:
    with _manager(root, compression="none") as manager:
        for first in range(0, 10 * LENGTH, 2):
            _write(manager, [first, first + 1])
            manager.flush()
            if first % 4:
                manager.sync()
                _say(SYNCED, range(first + 2))
    _say(SYNCED, range(10 * LENGTH))


def _at_rolls(root: Path) -> None:
    with _manager(root, NeverRollChecker(), durability="roll") as manager:
        for first in range(0, 9 * LENGTH, 3):
            for index in range(first, first + 3):
                _write(manager, [index])
                manager.flush()
            manager.roll()
            _say(SYNCED, range(first + 3))
            _say(SEALED, [first // 3 + 1])


def _many_threads(root: Path) -> None:
    manager = _manager(root, RecordsRollChecker(roll_records=2), durability="record")

    def work(first: int) -> None:
        for index in range(first, first + 4 * LENGTH):
            _write(manager, [index])
            _say(SYNCED, [index])

    firsts = range(0, 16 * LENGTH, 4 * LENGTH)
    threads = [threading.Thread(target=work, args=(first,)) for first in firsts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    manager.close()


def _overtaken(root: Path) -> None:
    """Write records while others, of an archive before, wait for their sync and their sealing."""
    manager = _manager(root, RecordsRollChecker(roll_records=2), durability="record")
    current = manager._current
    for first in range(0, 12 * LENGTH, 3):
        with manager._sealer._sealing:
            with current.lock:
                slow = [current.take(_record(index)) for index in (first, first + 1)]
            # A thread that seals may not wait for a sync, so another one writes.
            other = threading.Thread(target=_write, args=(manager, [first + 2]))
            other.start()
            other.join()
            _say(SYNCED, [first + 2])
        for ticket in slow:
            current.commit(*ticket)
        _say(SYNCED, [first, first + 1])
    manager.close()


def _shipped(root: Path) -> None:
    for first in range(0, 12, 4):
        with _manager(root, durability="record") as manager:
            for index in range(first, first + 4):
                _write(manager, [index])
                _say(SYNCED, [index])
        if not manager.unshipped:
            _say(STORED, range(first + 4))


def _recovered(root: Path) -> None:
    """Recover, in the same run, what is as if a process had been killed."""
    killed = _manager(root)
    _write(killed, range(3))
    killed.sync()
    _say(SYNCED, range(3))
    _write(killed, range(3, 5))
    killed.flush()
    killed._sealer.finish(_SECONDS)
    archive = killed._current.archive
    with archive.path.open("ab") as file:
        file.write(archive.path.read_bytes()[:700])
    archive.release()
    empty = _manager(root, durability="record")
    empty._current.open().release()
    manager = _manager(root)
    manager.close()
    if not manager.unshipped:
        _say(STORED, range(5))


def _json(root: Path) -> None:
    def opened() -> WritingJSONRollManager:
        return WritingJSONRollManager(JSON_TEMPLATE, root / JSON_SPOOL, root / JSON_DESTINATION)

    def write(manager: WritingJSONRollManager, indices: Iterable[int]) -> None:
        for index in indices:
            manager.write({}, payload(index))

    killed = opened()
    write(killed, range(3))
    killed.roll()
    _say(STORED, range(3))
    write(killed, range(3, 6))
    killed._file.append(payload(6)[:20].encode())
    killed._file.release()
    manager = opened()
    _say(STORED, range(6))
    write(manager, range(6, 9))
    manager.close()
    _say(STORED, range(9))


_RUNS: dict[str, Callable[[Path], None]] = {
    "each-record": _each_record,
    "now-and-then": _now_and_then,
    "at-rolls": _at_rolls,
    "many-threads": _many_threads,
    "overtaken": _overtaken,
    "shipped": _shipped,
    "recovered": _recovered,
    "json": _json,
}
_FOLDERS = dict.fromkeys(_RUNS, (SPOOL,)) | {
    "shipped": (SPOOL, *STORES),
    "recovered": (SPOOL, *STORES),
    "json": (JSON_SPOOL, JSON_DESTINATION),
}
NAMES = tuple(_RUNS)
AGAIN = "start-over"
"""Not a run from nothing: starts over in each of the folders."""


if __name__ == "__main__":
    name, *folders = sys.argv[1:]
    for folder in folders:
        (start_over if name == AGAIN else _RUNS[name])(Path(folder))
    os._exit(0)  # as if killed: what a run has left open is not tidied up
