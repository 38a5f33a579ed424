"""Waking: at once, once, and whatever interrupts who wakes."""

import threading
from time import monotonic

from shoebox.waking import Flag, Waker
from tests.interrupting import interrupted_at

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


def waiting(flag, count):
    """Start so many threads that wait; return them, and what their waits have told."""
    told = []
    threads = [
        threading.Thread(target=lambda: told.append(flag.wait(SECONDS)), daemon=True)
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    return threads, told


def test_a_flag_ends_the_waits_of_all_threads_for_good():
    flag = Flag()
    assert not flag.wait(0.0)
    threads, told = waiting(flag, 5)
    assert not flag.is_set()
    flag.set()
    for thread in threads:
        thread.join(SECONDS / 2)
    assert told == [True] * 5
    assert flag.is_set()
    assert flag.wait(SECONDS)


def test_a_wait_for_a_flag_ends_when_its_time_is_over():
    start = monotonic()
    assert not Flag().wait(0.02)
    assert monotonic() - start >= 0.02


def test_an_interrupt_at_any_instruction_of_setting_a_flag_leaves_it_to_be_set_again():
    number, interrupted = 0, True
    while interrupted:
        flag = Flag()
        threads, told = waiting(flag, 2)
        interrupted = interrupted_at(number, flag.set)
        again = threading.Thread(target=flag.set, daemon=True)
        again.start()
        for thread in (again, *threads):
            thread.join(SECONDS / 2)
            assert not thread.is_alive()
        assert told == [True, True]
        number += 1
    assert number > 1
