"""Closing at the end of a block."""

import pytest

from shoebox.closing import Closing
from shoebox.roll_manager import (
    ReadingRollManager,
    WritingJSONRollManager,
    WritingRollManager,
)


class Door(Closing):
    closed = 0

    def close(self):
        self.closed += 1


def test_the_block_gets_the_thing_itself_and_closes_it():
    door = Door()
    with door as it:
        assert it is door
        assert not door.closed
    assert door.closed == 1


def test_it_is_closed_whatever_the_block_raises_and_that_is_raised_on():
    door = Door()
    with pytest.raises(KeyboardInterrupt), door:
        raise KeyboardInterrupt
    assert door.closed == 1


def test_what_closing_raises_is_raised_with_what_the_block_raised():
    class Stuck(Door):
        def close(self):
            raise OSError("stuck")

    with pytest.raises(OSError, match="stuck") as caught, Stuck():
        raise ValueError("inside")
    assert isinstance(caught.value.__context__, ValueError)


def test_who_can_not_close_can_not_be_made():
    with pytest.raises(TypeError, match="close"):
        Closing()


@pytest.mark.parametrize(
    "manager", [ReadingRollManager, WritingJSONRollManager, WritingRollManager]
)
def test_every_manager_can_stand_in_a_with_statement(manager):
    assert issubclass(manager, Closing)
