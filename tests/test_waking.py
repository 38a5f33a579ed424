"""Waking: at once, once, and whatever interrupts who wakes."""

import sys
import threading
from time import monotonic

from shoebox.waking import Waker

SECONDS = 30


def test_a_wait_ends_when_its_time_is_over():
    start = monotonic()
    Waker().wait(0.02)
    assert monotonic() - start >= 0.02


def test_a_call_ends_the_wait_that_goes_on():
    waker, over = Waker(), threading.Event()

    def wait():
        waker.wait(SECONDS)
        over.set()

    thread = threading.Thread(target=wait)
    thread.start()
    waker.wake()
    assert over.wait(SECONDS / 2)
    thread.join()


def test_calls_that_came_before_end_one_wait_and_not_two():
    waker = Waker()
    for _ in range(3):
        waker.wake()
    start = monotonic()
    waker.wait(SECONDS)
    assert monotonic() - start < SECONDS / 2
    waker.wait(0.02)
    assert monotonic() - start >= 0.02


class Interrupt(BaseException):
    """Stands for KeyboardInterrupt, at a place that the test chooses."""


def interrupted_at(number, call):
    """Interrupt a call at its `number`-th instruction; return whether it was reached."""
    left = number

    def trace(frame, event, _):
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left < 0:
                sys.settrace(None)
                raise Interrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except Interrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_an_interrupt_at_any_instruction_of_a_call_leaves_nobody_waiting_for_ever():
    waker, number = Waker(), 0
    while interrupted_at(number, waker.wake):
        again = threading.Thread(target=waker.wake, daemon=True)
        again.start()
        again.join(SECONDS / 2)
        assert not again.is_alive()
        start = monotonic()
        waker.wait(SECONDS)
        assert monotonic() - start < SECONDS / 2
        number += 1
    assert number > 0
