"""Connections are kept while they are sound, and no longer."""

import pytest

from shoebox.errors import ObjectNotFound, StorageUnavailable
from shoebox_fsspec.sessions import Sessions


class Session:
    def __init__(self, ended):
        self.close = lambda: ended.append(self)


@pytest.fixture
def ended():
    return []


@pytest.fixture
def sessions(ended):
    return Sessions(lambda: Session(ended))


def test_who_comes_next_gets_the_same(sessions):
    with sessions.borrowed() as first, sessions.borrowed() as second:
        assert first is not second
    with sessions.borrowed() as again:
        assert again is first


def test_an_answer_of_the_service_leaves_it_sound(sessions, ended):
    with pytest.raises(ObjectNotFound), sessions.borrowed() as first:
        raise ObjectNotFound("a")
    with sessions.borrowed() as again:
        assert again is first
    assert ended == []


def test_a_service_that_is_away_ends_those_that_wait_as_well(sessions, ended):
    with sessions.borrowed() as first, sessions.borrowed() as second:
        pass
    with pytest.raises(StorageUnavailable), sessions.borrowed():
        raise StorageUnavailable("gone")
    assert set(ended) == {first, second}


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_one_that_is_left_in_the_middle_of_something_is_ended(sessions, ended, error):
    with pytest.raises(error), sessions.borrowed() as first:
        raise error
    assert ended == [first]


def test_close_ends_those_that_nobody_uses(sessions, ended):
    with sessions.borrowed() as first:
        sessions.close()
        assert ended == []
    sessions.close()
    sessions.close()
    assert ended == [first]
