"""The blocks that a power cut may take."""

from shoebox.archive.layout import Block
from shoebox.archive.unsynced import MAX_BYTES, Unsynced


def block(sequence: int, size: int = 10) -> Block:
    return Block(1, sequence, 0, 0, [bytes(size)])


def numbers(unsynced: Unsynced) -> list[int]:
    return [block.sequence for block in unsynced]


def test_blocks_are_kept_until_they_are_synced():
    unsynced = Unsynced()
    for number in range(4):
        unsynced.keep(block(number), end=(number + 1) * 10)
    unsynced.forget(25)
    assert numbers(unsynced) == [2, 3]
    unsynced.forget(40)
    assert numbers(unsynced) == []


def test_one_that_is_kept_already_is_not_kept_twice():
    unsynced = Unsynced()
    for _ in range(2):
        unsynced.keep(block(0), end=10)
    unsynced.keep(block(1), end=20)
    assert numbers(unsynced) == [0, 1]


def test_no_more_are_kept_than_there_is_room_for():
    unsynced = Unsynced()
    for number in range(20):
        unsynced.keep(block(number, MAX_BYTES // 8), end=number)
    assert numbers(unsynced) == list(range(12, 20))
    unsynced.keep(block(99, MAX_BYTES + 1), end=99)
    assert numbers(unsynced) == []
    unsynced.keep(block(100), end=100)
    assert numbers(unsynced) == [100]
