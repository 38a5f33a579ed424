"""Jobs: done in order and one at a time, and none is lost."""

import threading
from collections import deque

import pytest

from shoebox.roll_manager.jobs import do

SECONDS = 30


@pytest.fixture
def lock():
    lock = threading.RLock()
    yield lock
    assert not lock._is_owned()


def never(_, error):
    raise AssertionError from error


def test_they_are_done_in_order_also_those_that_others_bring(lock):
    done = []
    jobs = deque([lambda: jobs.append(lambda: done.append(3)), lambda: done.append(1)])
    jobs.append(lambda: done.append(2))
    do(jobs, lock, never)
    assert done == [1, 2, 3]


def test_a_job_may_come_to_those_behind_it_itself(lock):
    done = []
    jobs = deque([lambda: (do(jobs, lock, never), done.append(2)), lambda: done.append(1)])
    do(jobs, lock, never)
    assert done == [1, 2]


def test_who_comes_while_another_thread_is_at_them_waits_until_they_are_done(lock):
    inside, go_on, done = threading.Event(), threading.Event(), []

    def slow():
        inside.set()
        assert go_on.wait(SECONDS)
        done.append("slow")

    jobs = deque([slow])
    first = threading.Thread(target=do, args=(jobs, lock, never))
    first.start()
    assert inside.wait(SECONDS)
    threading.Thread(target=go_on.set).start()
    do(jobs, lock, never)
    assert done == ["slow"]
    first.join(SECONDS)


@pytest.mark.parametrize("error", [OSError, MemoryError, ValueError])
def test_one_that_raises_is_handed_on_and_the_others_are_done(lock, error):
    done, failed = [], []

    def fail():
        raise error

    jobs = deque([fail, lambda: done.append(1)])
    do(jobs, lock, lambda job, error: failed.append((job, type(error))))
    assert (done, failed) == ([1], [(fail, error)])


def test_one_that_is_interrupted_is_done_by_who_comes_next(lock):
    done = []

    def interrupted():
        if not done:
            done.append("interrupted")
            raise KeyboardInterrupt
        done.append("again")

    jobs = deque([interrupted, lambda: done.append("next")])
    with pytest.raises(KeyboardInterrupt):
        do(jobs, lock, never)
    do(jobs, lock, never)
    assert done == ["interrupted", "again", "next"]


def test_jobs_that_an_interrupt_s_handler_has_done_are_not_missed(lock):
    class Overtaken(deque):
        def __getitem__(self, at):
            self.clear()
            return super().__getitem__(at)

    jobs, told = Overtaken([lambda: told.append("done twice")]), []
    do(jobs, lock, never)
    assert told == []
    assert not jobs
