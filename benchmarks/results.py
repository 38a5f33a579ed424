"""What a run has found, as it is kept in a file."""

from __future__ import annotations

import statistics
from pathlib import Path

import msgspec


class Measured(msgspec.Struct, frozen=True):
    """What one peer has reached with one kind of records."""

    kind: str
    compression: str
    peer: str
    record_bytes: int
    """Of metadata and payload, on average."""
    write: list[float]
    """Records a second, round by round; of wall time."""
    read: list[float]
    write_processor: list[float]
    """The same, a second of processor time."""
    read_processor: list[float]
    stored: float
    """Bytes in the file, to those of the same records as JSON lines through `zstd -1`."""

    @property
    def write_rate(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.write)

    @property
    def read_rate(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.read)


class Outcome(msgspec.Struct, frozen=True):
    """What was measured for a goal."""

    what: str
    measured: float
    goal: float
    at_most: bool = False
    unit: str = ""
    processor: float | None = None
    """What it would be by processor time, for ratios of rates."""
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal was reached."""
        return self.measured <= self.goal if self.at_most else self.measured >= self.goal


class Run(msgspec.Struct):
    """All of one run."""

    machine: str
    """Version, modules, Python and machine."""
    compiled: bool
    measured: list[Measured] = []
    outcomes: list[Outcome] = []


def save(run: Run, path: Path) -> None:
    """Write a run as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run)))


def load(path: Path) -> Run:
    """Read what `save` has written."""
    return msgspec.json.decode(path.read_bytes(), type=Run)
