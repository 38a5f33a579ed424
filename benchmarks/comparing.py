"""Measures peers with one kind of records, after a look at whether each gives it all back."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import time_ns
from typing import Any

from benchmarks.peers.lines import reference_size
from benchmarks.peers.peer import Peer
from benchmarks.records import AnyRecord
from benchmarks.results import Measured
from benchmarks.timing import Seconds, drain, timed

SLOWER = 20
"""By so much the records of a slow peer are fewer."""
FEWEST = 4


@dataclass(frozen=True, slots=True)
class Kind:
    """Records of one kind."""

    name: str
    records: Sequence[AnyRecord]

    def portion(self, peer: Peer) -> Sequence[AnyRecord]:
        """Return what this peer is measured with."""
        count = len(self.records)
        return self.records[: max(FEWEST, count // SLOWER)] if peer.slow else self.records


@dataclass(frozen=True, slots=True)
class _Trial:
    """One peer at work; what it takes grows with the rounds."""

    peer: Peer
    path: Path
    records: Sequence[AnyRecord]
    write: list[Seconds]
    read: list[Seconds]

    def check(self) -> None:
        """Write and read once, which does not count, and compare."""
        begun = time_ns()
        self.peer.write(self.path, self.records)
        given = counted(self.peer.read(self.path))
        if given.count != len(self.records):
            raise AssertionError(f"{self.peer}: {given.count} of {len(self.records)} came back")
        for wanted, record in ((self.records[0], given.first), (self.records[-1], given.last)):
            metadata, payload, *times = self.peer.plain(record)
            if (metadata, payload) != wanted:
                raise AssertionError(f"{self.peer}: other content came back: {metadata}")
            if any(time is not None and not begun <= time <= time_ns() for time in times):
                raise AssertionError(f"{self.peer}: another time came back: {times}")

    def round(self) -> None:
        """Write anew, and read."""
        self.path.unlink()
        self.write.append(timed(lambda: self.peer.write(self.path, self.records)))
        self.read.append(timed(lambda: drain(self.peer.read(self.path))))

    def result(self, kind: Kind, reference: float) -> Measured:
        """Return what came of it; `reference` is bytes a record."""
        count = len(self.records)
        stored = self.path.stat().st_size / count
        return Measured(
            kind.name,
            self.peer.compression,
            self.peer.name,
            round(sum(map(size_of, kind.records)) / len(kind.records)),
            write=[count / it.wall for it in self.write],
            read=[count / it.wall for it in self.read],
            write_processor=[count / it.processor for it in self.write],
            read_processor=[count / it.processor for it in self.read],
            stored=stored / reference,
        )


@dataclass(frozen=True, slots=True)
class Given:
    """What a peer gave back."""

    count: int
    first: Any
    last: Any


def counted(items: Iterable[Any]) -> Given:
    """Take all, and keep the first and the last."""
    rest = iter(items)
    [first] = islice(rest, 1)
    numbered = deque(enumerate(rest, 2), maxlen=1)
    count, last = numbered[0]
    return Given(count, first, last)


def compare(kind: Kind, peers: Sequence[Peer], rounds: int) -> list[Measured]:
    """Return what each peer reaches, the rounds interleaved."""
    reference = reference_size(kind.records) / len(kind.records)
    with tempfile.TemporaryDirectory() as folder:
        trials = [
            _Trial(peer, Path(folder, f"{number}.bench"), kind.portion(peer), [], [])
            for number, peer in enumerate(peers)
        ]
        for trial in trials:
            trial.check()
        for _ in range(rounds):
            for trial in trials:
                trial.round()
        return [trial.result(kind, reference) for trial in trials]


def size_of(record: AnyRecord) -> int:
    """Return the bytes of metadata and payload, which are ASCII."""
    metadata, payload = record
    return sum(map(len, metadata)) + sum(map(len, metadata.values())) + len(payload)
