"""Starting threads: whole, whatever interrupts who waits for it."""

import errno
import os
import signal
import threading

import pytest

from shoebox import starting
from shoebox.starting import apart, start

SECONDS = 30


def test_work_is_done_on_another_thread_and_waited_for():
    done = []
    apart(lambda: done.append(threading.get_ident()))
    assert len(done) == 1
    assert done != [threading.get_ident()]


def test_what_the_work_raises_is_raised():
    def work():
        raise OSError(errno.EIO, "no")

    with pytest.raises(OSError, match="no"):
        apart(work)


def test_a_signal_ends_the_wait_and_not_the_work():
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def interrupt(_number, _frame):
        raise KeyboardInterrupt

    def work():
        os.kill(os.getpid(), signal.SIGUSR1)
        begun.set()
        assert go_on.wait(SECONDS)
        done.set()

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            apart(work)
    finally:
        signal.signal(signal.SIGUSR1, before)
        go_on.set()
    assert done.wait(SECONDS)


def test_a_thread_that_runs_is_not_started_again():
    ended = []
    threads = [threading.Thread(target=ended.append, args=(number,)) for number in range(2)]
    start(threads[0])
    start(*threads)
    start(*threads)
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(ended) == [0, 1]


def no_more(*_):
    raise RuntimeError("can't start new thread")


def test_where_there_can_be_no_more_threads_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(starting, "start_new_thread", no_more)
    with pytest.raises(OSError, match="ulimit -u") as caught:
        apart(lambda: None)
    assert caught.value.errno == errno.EAGAIN
    thread = threading.Thread(target=lambda: None)
    monkeypatch.setattr(thread, "start", no_more)
    with pytest.raises(OSError, match="ulimit -u"):
        start(thread)
