"""The ticker: again and again, whatever a tick raises, until it is stopped."""

import threading

import pytest

from shoebox.roll_manager import ticker
from shoebox.roll_manager.ticker import Ticker

SECONDS = 30


def ticks(*outcomes):
    """Return a tick that gives the outcomes in turn, and an event for the end of them."""
    left, over = list(outcomes), threading.Event()

    def tick():
        if not left:
            over.set()
            return 3600.0
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return tick, over


def test_it_ticks_after_as_many_seconds_as_the_tick_before_returned():
    tick, over = ticks(0.0, 0.001, -5.0)
    found = Ticker("ticker", tick, 0.0)
    found.start()
    assert over.wait(SECONDS)
    found.stop()
    found.join(SECONDS)
    assert not found.is_alive()


def test_a_tick_that_raises_is_logged_and_the_next_one_comes(caplog):
    tick, over = ticks(ValueError("no"), OSError("neither"))
    found = Ticker("ticker", tick, 0.0)
    found.start()
    assert over.wait(SECONDS)
    found.stop()
    found.join(SECONDS)
    assert caplog.text.count("what was due in the background failed") == 2


def test_it_never_keeps_the_interpreter_from_ending():
    assert Ticker("ticker", lambda: 1.0, 1.0).daemon


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_deadline_that_stays_passed_makes_no_busy_loop(seconds, monkeypatch):
    waits = []

    def tick():
        if len(waits) == 3:
            found.stop()
        return seconds

    found = Ticker("ticker", tick, seconds)
    monkeypatch.setattr(found._waker, "wait", waits.append)
    found.run()
    assert waits == [ticker.SHORTEST] * 4


def test_it_ticks_at_once_when_told_to():
    tick, over = ticks()
    found = Ticker("ticker", tick, 1000.0)
    found.start()
    found.soon()
    assert over.wait(SECONDS)
    found.stop()
    found.join(SECONDS)
