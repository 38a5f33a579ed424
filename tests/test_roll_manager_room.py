"""Room: what a spool may hold, and what happens at the limit."""

import pytest

from shoebox.errors import SpoolFull
from shoebox.roll_manager.room import MEASURE_EVERY, Own, Room
from shoebox.spool import Spool


def own(filed=0, taken=0, passed_on=0):
    return lambda: Own(filed, taken, passed_on)


def test_everything_in_the_spool_counts(tmp_path):
    (tmp_path / "a").write_bytes(bytes(60))
    room = Room(Spool(tmp_path), 100, 0.0)
    room.make(own(), [bytes(40)])
    with pytest.raises(SpoolFull, match="100 bytes"):
        room.make(own(), [bytes(41)])


def test_what_is_open_counts_once_and_what_is_buffered_too(tmp_path):
    (tmp_path / "mine.open").write_bytes(bytes(30))
    room = Room(Spool(tmp_path), 100, 0.0)
    room.make(own(filed=30, taken=50), [bytes(50)])
    with pytest.raises(SpoolFull):
        room.make(own(filed=30, taken=50), [bytes(51)])


def test_the_other_files_are_measured_now_and_then_only(tmp_path, monkeypatch):
    spool, now, looks = Spool(tmp_path), [0.0], []
    real = spool.size
    monkeypatch.setattr(spool, "size", lambda: looks.append(0) or real())
    room = Room(spool, 100, 0.0, clock=lambda: now[0])
    for _ in range(100):
        room.make(own(), [bytes(1)])
    assert len(looks) == 1
    now[0] += MEASURE_EVERY
    room.make(own(), [bytes(1)])
    assert len(looks) == 2


def test_what_was_sealed_since_counts(tmp_path):
    room = Room(Spool(tmp_path), 100, 0.0, clock=lambda: 0.0)
    room.make(own(), [bytes(1)])
    (tmp_path / "sealed").write_bytes(bytes(90))
    with pytest.raises(SpoolFull):
        room.make(own(passed_on=90), [bytes(11)])


def test_room_that_was_made_is_seen_at_once(tmp_path):
    (tmp_path / "a").write_bytes(bytes(100))
    room = Room(Spool(tmp_path), 100, 0.0, clock=lambda: 0.0)
    with pytest.raises(SpoolFull):
        room.make(own(), [bytes(1)])
    (tmp_path / "a").unlink()
    room.make(own(), [bytes(1)])


def test_it_waits_for_room_until_the_time_is_over(tmp_path):
    (tmp_path / "a").write_bytes(bytes(100))
    times = iter(range(100))
    room = Room(Spool(tmp_path), 100, 3.0, clock=lambda: next(times))
    with pytest.raises(SpoolFull):
        room.make(own(), [bytes(1)])
    assert next(times) > 3
