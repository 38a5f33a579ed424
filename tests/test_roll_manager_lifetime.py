"""Lifetimes: what writers hear of forks and of the end."""

import gc
import os
import weakref
from threading import Lock

import pytest

from shoebox.roll_manager import lifetime


class Writer:
    """Takes down what it hears."""

    def __init__(self):
        self.lock = Lock()
        self.heard = []

    def locks(self):
        yield self.lock

    def after_fork(self):
        self.heard.append("fork")

    def at_exit(self):
        self.heard.append("exit")


@pytest.fixture
def writer():
    found = Writer()
    lifetime.know(found)
    yield found
    lifetime.let_go(found)


def in_child(question):
    """Return the answer of a forked child."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, repr(question()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with os.fdopen(reading) as pipe:
        return pipe.read()


def test_a_child_hears_of_its_fork_and_the_parent_does_not(writer):
    assert in_child(lambda: writer.heard) == "['fork']"
    assert writer.heard == []


def test_the_locks_are_held_while_the_process_forks_and_free_afterwards(writer):
    assert in_child(writer.lock.locked) == "True"
    assert not writer.lock.locked()


def test_a_lock_that_the_forking_thread_holds_itself_stops_no_fork(writer, monkeypatch):
    monkeypatch.setattr(lifetime, "LONGEST", 0.01)
    with writer.lock:
        assert in_child(lambda: 1) == "1"
        assert writer.lock.locked()


def test_only_what_is_held_hears_of_the_end(writer, monkeypatch):
    monkeypatch.setattr(lifetime, "_open", set())
    lifetime._at_exit()
    assert writer.heard == []
    lifetime.hold(writer)
    lifetime._at_exit()
    lifetime.let_go(writer)
    lifetime._at_exit()
    assert writer.heard == ["exit"]


def test_a_child_has_nothing_to_bring_to_safety(writer):
    lifetime.hold(writer)
    assert in_child(lambda: len(lifetime._open)) == "0"


def test_knowing_a_writer_does_not_keep_it():
    found = Writer()
    lifetime.know(found)
    known = weakref.ref(found)
    del found
    gc.collect()
    assert known() is None
