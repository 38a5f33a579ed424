"""Power cuts: whatever a disk may have kept, the next start finds what was promised."""

import random
import time

import pytest

from tests.faults import FULL
from tests.faults.power_cut import runs
from tests.faults.power_cut.exploring import explore, recorded, recorded_again
from tests.faults.power_cut.states import states

SEED = 6
STARTS = 60 if FULL else 3
"""States of a run from which starting over is recorded as well."""
MOST = None if FULL else 60
"""States that are checked of a run, and as many of starting over."""
LEAST = 10_000 if FULL else 300
"""Fewer, of all runs, would not be worth the name."""


def some(found, count):
    """Return so many of them, spread over the whole; all if there are no more."""
    chance = random.Random(SEED)  # noqa: S311
    return found if count is None or len(found) <= count else chance.sample(found, count)


def starting_over(starts, known):
    """Return other states, in which a power cut leaves who starts over, with what was promised."""
    found = {}
    for start, history in zip(starts, recorded_again(starts), strict=True):
        for state in states(history, SEED):
            before = found.get(state.digest, (state, ()))[1]
            found[state.digest] = state, max(before, start.said, key=len)
    return [pair for digest, pair in found.items() if digest not in known]


@pytest.fixture(scope="module")
def counted():
    """Take in how many states of each run were checked; all together they have to be enough."""
    counts = {}
    yield counts
    assert counts.keys() < {*runs.NAMES} or sum(counts.values()) >= LEAST


@pytest.mark.parametrize("name", runs.NAMES)
def test_a_power_cut_at_any_moment_takes_nothing_that_was_promised(name, counted, caplog, capsys):
    caplog.set_level("CRITICAL")
    began = time.monotonic()
    history = recorded(name)
    found = states(history, SEED)
    checked = explore([(state, state.said) for state in some(found, MOST)])
    starts = some(found, STARTS)
    known = {state.digest for state in found}
    again = explore(some(starting_over(starts, known), MOST))
    counted[name] = checked.states + again.states
    if FULL:
        with capsys.disabled():
            print(  # noqa: T201 - the figures are what it is run for
                f"\n{name}: {checked.states} states of {len(history.events)} events, and "
                f"{again.states} others of starting over from {len(starts)} of them, in "
                f"{time.monotonic() - began:.0f} s; {sum(counted.values())} in all"
            )
    assert checked.wrong == {}
    assert again.wrong == {}
