"""Times of things that are compared: rounds interleaved, since machines are noisy."""

from __future__ import annotations

import gc
import statistics
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter, process_time
from typing import NamedTuple, TypeVar

Name = TypeVar("Name")


def interleaved(runs: Mapping[Name, Callable[[], object]], rounds: int) -> dict[Name, list[float]]:
    """Return the wall seconds of each, round by round, after a round that does not count."""
    taken: dict[Name, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            seconds = timed(run).wall
            if number:
                taken[name].append(seconds)
    return taken


class Seconds(NamedTuple):
    """What one run has taken."""

    wall: float
    processor: float
    """Of all threads; without waiting for the disk."""


def timed(run: Callable[[], object]) -> Seconds:
    """Return the seconds of one run."""
    gc.collect()
    wall, processor = perf_counter(), process_time()
    run()
    return Seconds(perf_counter() - wall, process_time() - processor)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the rounds' ratios: what slows a whole round down is no matter."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def drain(items: Iterable[object]) -> None:
    """Take all, at the least cost that Python has for it."""
    deque(items, maxlen=0)
