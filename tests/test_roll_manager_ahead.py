"""Archives in stores are looked into ahead of their turn, and only a few of them."""

from pathlib import Path
from threading import Barrier

import pytest

from shoebox.errors import StorageDenied
from shoebox.roll_manager import ahead
from shoebox.roll_manager.ahead import ahead as looking_ahead
from shoebox.sources import File, Object
from shoebox.testing import MemoryBackend

BACKEND = MemoryBackend()


class Reader:
    """What was made of an archive."""

    def __init__(self, name):
        self.name = name
        self.closed = False

    def close(self):
        self.closed = True


def objects(count):
    return [Object(str(number), str(number), 1, BACKEND) for number in range(count)]


def test_readers_are_made_at_the_same_time_and_taken_in_order():
    met = Barrier(ahead.AT_ONCE, timeout=60)

    def make(archive):
        met.wait()
        return Reader(archive.name)

    archives = objects(2 * ahead.AT_ONCE)
    with looking_ahead(archives, make) as made:
        assert [made.take(it).name for it in archives] == [it.name for it in archives]


def test_no_more_are_made_than_will_be_read_soon(monkeypatch):
    monkeypatch.setattr(ahead, "READY", 3)
    made = []

    def make(archive):
        made.append(Reader(archive.name))
        return made[-1]

    archives = objects(10)
    with looking_ahead(archives, make) as readers:
        assert not made
        taken = readers.take(archives[0])
        assert readers.take(archives[1]) is not None
        assert len(made) <= 4
    assert not taken.closed
    assert all(it.closed for it in made if it.name not in {"0", "1"})
    assert len(made) <= 4


def test_what_goes_wrong_is_raised_when_it_is_the_archives_turn():
    def make(archive):
        if archive.name == "1":
            raise StorageDenied("no")
        return Reader(archive.name)

    first, second, third = objects(3)
    with looking_ahead([first, second, third], make) as made:
        assert made.take(first).name == "0"
        with pytest.raises(StorageDenied):
            made.take(second)
        assert made.take(third).name == "2"


def test_what_lies_here_is_opened_when_it_is_read():
    here = File(Path("a"))
    with looking_ahead([here, *objects(1)], lambda archive: Reader(archive.name)) as made:
        assert made.take(here) is None
        assert made.take(objects(1)[0]).name == "0"
