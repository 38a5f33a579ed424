"""Backing off: waits that grow, with full jitter, for each thing by itself."""

import pytest

from shoebox.backoff import BASE, CAP, Backoff, pause


def test_pauses_grow_to_the_cap():
    assert [pause(n, lambda: 1.0) for n in range(12)] == [min(CAP, BASE * 2**n) for n in range(12)]


def test_the_jitter_is_full():
    assert [pause(3, lambda it=it: it) for it in (0.0, 0.25, 1.0)] == [0.0, BASE * 2, BASE * 8]


def test_a_very_long_outage_does_not_overflow():
    assert pause(10_000, lambda: 1.0) == CAP


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def backoff(now):
    return Backoff(lambda: 1.0, lambda: now[0])


def test_what_fails_again_and_again_is_due_later_each_time(backoff, now):
    waits = []
    for _ in range(4):
        backoff.failed("a")
        waits.append(backoff.seconds("a"))
        now[0] += waits[-1]
        assert backoff.seconds("a") == 0.0
    assert waits == [BASE, BASE * 2, BASE * 4, BASE * 8]


def test_what_never_failed_or_has_worked_since_is_due(backoff):
    backoff.failed("a")
    backoff.failed("a")
    assert backoff.seconds("b") == 0.0
    backoff.worked("a")
    assert backoff.seconds("a") == 0.0
    backoff.failed("a")
    assert backoff.seconds("a") == BASE
