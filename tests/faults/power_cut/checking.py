"""What has to hold of every state that a power cut can leave."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from shoebox.archive.record import Record
from shoebox.delivery import Deliveries
from shoebox.roll_manager import ReadingRollManager
from shoebox.spool import OPEN, TORN, Spool
from tests.faults.power_cut import runs

SUFFIX = ".events"
_EVENTS = f"*{SUFFIX}*"


def check(root: Path, said: Sequence[str]) -> None:
    """Start over in what a power cut has left, and assert that all that was promised is there."""
    if (root / runs.JSON_SPOOL).exists():
        _check_json(root, said)
    else:
        _check_archives(root, said)


def _check_archives(root: Path, said: Sequence[str]) -> None:
    spool = root / runs.SPOOL
    stores = [root / name for name in runs.STORES if (root / name).exists()]
    stored = _promised(said, {runs.STORED})
    for store in stores if stored else ():
        lost = stored - _indices(_records(store))
        assert not lost, f"not in {store.name} by itself: {lost}"
    if stores:
        _check_deliveries(spool)
    sealed = [path for path in spool.iterdir() if path.suffix == SUFFIX]
    assert len(sealed) >= max(_promised(said, {runs.SEALED}), default=0), "not sealed"
    runs.start_over(root)
    promised = _promised(said, {runs.SYNCED, runs.STORED})
    for home in stores or [spool]:
        found = list(_records(home))
        lost = promised - _indices(found)
        assert not lost, f"lost in {home.name}: {sorted(lost)}"
        _check_order(found)
        _check_before([record for record in found if _index(record) in promised], found)
    kept = (TORN,) if stores else (TORN, SUFFIX)
    _check_left(spool, kept)


def _check_left(spool: Path, kept: tuple[str, ...]) -> None:
    left = [path.name for path in spool.iterdir() if not path.name.endswith(kept)]
    assert not left, f"left to be deleted by hand: {left}"


def _check_deliveries(spool: Path) -> None:
    """Assert that no archive is gone from the spool of which it isn't written that all have it."""
    with closing(Spool(spool)) as opened:
        deliveries = Deliveries(opened)
        for name in deliveries.offered():
            known = (spool / name).exists() or (spool / f"{name}{OPEN}").exists()
            assert known or deliveries.read(name).stored_in(runs.STORES), f"{name} is gone"


def _check_order(found: Iterable[Record]) -> None:
    """Assert that an archive has what was written to it from its beginning on, in order."""
    numbers = defaultdict(list)
    for record in found:
        numbers[record.archive].append(record.sequence)
    for those in numbers.values():
        assert those == list(range(those[0], those[0] + len(those))), f"a hole in {those}"


def _check_before(promised: Iterable[Record], found: Iterable[Record]) -> None:
    """Assert that of a writer all is there that came before what was promised, and once."""
    last = {record.writer: record.sequence for record in sorted(promised, key=_sequence)}
    for writer, end in last.items():
        before = [it.sequence for it in found if it.writer == writer and it.sequence <= end]
        assert sorted(before) == list(range(end + 1)), f"a hole, or twice: {before}"
    identities = [(record.writer, record.sequence) for record in found]
    assert len(identities) == len({*identities}), "a number stands for two records"


def _records(home: Path) -> Iterator[Record]:
    """Yield all records below a folder; every payload is what was written, and nothing unsound."""
    for folder in (home, *(path for path in home.iterdir() if path.is_dir())):
        with ReadingRollManager(_EVENTS, folder) as reader:
            for record in reader.records():
                assert record.payload == runs.payload(_index(record)), "another payload"
                yield record
            assert not reader.faults, f"unsound: {reader.faults}"


def _index(record: Record) -> int:
    return int(record.metadata["index"])


def _sequence(record: Record) -> int:
    return record.sequence


def _indices(found: Iterable[Record]) -> set[int]:
    return {_index(record) for record in found}


def _promised(said: Sequence[str], promises: set[str]) -> set[int]:
    lines = (line.split() for line in said)
    return {int(index) for promise, *indices in lines if promise in promises for index in indices}


def _check_json(root: Path, said: Sequence[str]) -> None:
    runs.start_over(root)
    done = root / runs.JSON_DESTINATION
    found = [
        json.loads(line)["index"] for path in sorted(done.glob("[!.]*")) for line in _lines(path)
    ]
    lost = _promised(said, {runs.STORED}) - {*found}
    assert not lost, f"lost: {sorted(lost)}"
    assert len(found) == len({*found}), f"given twice: {found}"
    _check_left(root / runs.JSON_SPOOL, (TORN,))


def _lines(path: Path) -> Iterator[str]:
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        assert line == runs.payload(json.loads(line)["index"])
        yield line
