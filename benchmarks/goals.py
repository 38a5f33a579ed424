"""The goals: rates as ratios to peers, and sizes; the other measures have theirs beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.results import Measured, Outcome
from benchmarks.timing import ratio

OURS = "shoebox"
SIZE = 1.15
"""The most that may be stored, compared with JSON lines through `zstd -1`."""


class Goal(NamedTuple):
    """A ratio of rates, by kind of records: in pure Python, and compiled."""

    action: str
    compression: str
    peer: str
    least: dict[str, tuple[float, float]]


NOTIFICATIONS, SMALL, BLOBS = "notifications", "100 bytes", "1 MB blobs"

GOALS = (
    Goal("write", "none", "fastavro", {NOTIFICATIONS: (2.5, 3), SMALL: (3.5, 5)}),
    Goal("write", "none", "msgpack", {NOTIFICATIONS: (0.8, 1.1), SMALL: (0.65, 1)}),
    Goal("write", "zstd", "msgpack", {NOTIFICATIONS: (2, 2), SMALL: (1.3, 1.3)}),
    Goal("read", "none", "fastavro", {NOTIFICATIONS: (1.8, 2), SMALL: (3.5, 4)}),
    Goal("read", "none", "msgpack", {NOTIFICATIONS: (0.9, 1), SMALL: (0.85, 1)}),
    Goal("read", "zstd", "msgpack", {NOTIFICATIONS: (1.1, 1.1), SMALL: (1, 1)}),
)


def outcomes(measured: Sequence[Measured], *, compiled: bool) -> Iterator[Outcome]:
    """Yield what was reached of the goals for the kinds that were measured."""
    for kind in dict.fromkeys(it.kind for it in measured):
        found = {(it.peer, it.compression): it for it in measured if it.kind == kind}
        for goal in GOALS:
            if kind in goal.least:
                ours, theirs = (found[name, goal.compression] for name in (OURS, goal.peer))
                wall, processor = (
                    ratio(getattr(ours, name), getattr(theirs, name))
                    for name in (goal.action, f"{goal.action}_processor")
                )
                what = f"{kind}: {goal.action}, {goal.compression}, to {goal.peer}"
                yield Outcome(what, wall, goal.least[kind][compiled], processor=processor)
        if kind != BLOBS:
            what = f"{kind}: stored, zstd, to `zstd -1` of JSON lines"
            yield Outcome(what, found[OURS, "zstd"].stored, SIZE, at_most=True)
