"""Room: what a spool may hold, and what happens at the limit."""

import pytest

from shoebox.errors import SpoolFull, SpoolTooSmall
from shoebox.roll_manager.room import MEASURE_EVERY, ROLL_EVERY, Own, Room
from shoebox.spool import Spool


def own(filed=0, taken=0, passed_on=0):
    return lambda: Own(filed, taken, passed_on)


def nothing():
    """Nothing is buffered that could be flushed, nor open that could be rolled."""


def test_what_is_buffered_is_compressed_before_anything_is_refused(tmp_path):
    """What a block of records would come to is not known before it is one."""
    buffered = [90]
    room = Room(Spool(tmp_path), 100, 0.0)
    room.make(
        lambda: Own(0, buffered[0], 0), lambda: buffered.__setitem__(0, 9), nothing, [bytes(20)]
    )
    assert buffered == [9]


def test_everything_in_the_spool_counts(tmp_path):
    (tmp_path / "a").write_bytes(bytes(60))
    room = Room(Spool(tmp_path), 100, 0.0)
    room.make(own(), nothing, nothing, [bytes(40)])
    with pytest.raises(SpoolFull, match="100 bytes"):
        room.make(own(), nothing, nothing, [bytes(41)])


def test_what_an_empty_spool_has_no_room_for_is_refused_at_once_and_for_good(tmp_path):
    times = iter(range(100))
    room = Room(Spool(tmp_path), 100, 50.0, clock=lambda: next(times))
    with pytest.raises(SpoolTooSmall, match="may hold 100 bytes, and the record has 101"):
        room.make(own(), nothing, nothing, [bytes(101)])


def test_what_is_open_counts_once_and_what_is_buffered_too(tmp_path):
    (tmp_path / "mine.open").write_bytes(bytes(30))
    room = Room(Spool(tmp_path), 100, 0.0)
    room.make(own(filed=30, taken=50), nothing, nothing, [bytes(50)])
    with pytest.raises(SpoolFull):
        room.make(own(filed=30, taken=50), nothing, nothing, [bytes(51)])


def test_the_other_files_are_measured_now_and_then_only(tmp_path, monkeypatch):
    spool, now, looks = Spool(tmp_path), [0.0], []
    real = spool.size
    monkeypatch.setattr(spool, "size", lambda: looks.append(0) or real())
    room = Room(spool, 100, 0.0, clock=lambda: now[0])
    for _ in range(100):
        room.make(own(), nothing, nothing, [bytes(1)])
    assert len(looks) == 1
    now[0] += MEASURE_EVERY
    room.make(own(), nothing, nothing, [bytes(1)])
    assert len(looks) == 2


def test_what_was_sealed_since_counts(tmp_path):
    room = Room(Spool(tmp_path), 100, 0.0, clock=lambda: 0.0)
    room.make(own(), nothing, nothing, [bytes(1)])
    (tmp_path / "sealed").write_bytes(bytes(90))
    with pytest.raises(SpoolFull):
        room.make(own(passed_on=90), nothing, nothing, [bytes(11)])


def test_room_that_was_made_is_seen_at_once(tmp_path):
    (tmp_path / "a").write_bytes(bytes(100))
    room = Room(Spool(tmp_path), 100, 0.0, clock=lambda: 0.0)
    with pytest.raises(SpoolFull):
        room.make(own(), nothing, nothing, [bytes(1)])
    (tmp_path / "a").unlink()
    room.make(own(), nothing, nothing, [bytes(1)])


def test_what_is_open_is_rolled_at_the_limit_and_not_again_for_a_while(tmp_path):
    """Records of many sizes would else have archives of a few each."""
    (tmp_path / "mine.open").write_bytes(bytes(90))
    now, rolls = [0.0], []
    room = Room(Spool(tmp_path), 100, 0.0, clock=lambda: now[0])

    def write(size):
        room.make(own(90, 90), nothing, lambda: rolls.append(now[0]), [bytes(size)])

    write(10)
    assert rolls == []
    for now[0] in (5.0, 5.0 + ROLL_EVERY / 2, 5.0 + ROLL_EVERY):
        with pytest.raises(SpoolFull):
            write(11)
    assert rolls == [5.0, 5.0 + ROLL_EVERY]


def test_it_waits_for_room_that_a_roll_has_made(tmp_path):
    path = tmp_path / "mine.open"
    path.write_bytes(bytes(90))
    room, rolls = Room(Spool(tmp_path), 100, 50.0), []

    def roll():
        rolls.append(path.stat().st_size)
        path.unlink()

    room.make(lambda: Own(0, 0, 0), nothing, roll, [bytes(11)])
    assert rolls == [90]
    assert not path.exists()


def test_it_waits_for_room_until_the_time_is_over(tmp_path):
    (tmp_path / "a").write_bytes(bytes(100))
    times = iter(range(100))
    room = Room(Spool(tmp_path), 100, 3.0, clock=lambda: next(times))
    with pytest.raises(SpoolFull):
        room.make(own(), nothing, nothing, [bytes(1)])
    assert next(times) > 3
