"""Batches: what is archived, what is refused, and what goes back to the bus."""

import json
from dataclasses import dataclass, field
from threading import Event, Thread

import pytest

from shoebox.errors import DurabilityError
from shoebox.messaging.archiving import Archiver
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager

LONG = 60.0
SHORT = 0.001


@dataclass(eq=False)
class Incoming:
    """A message as a transport hands it over."""

    message: object
    ctxt: object = field(default_factory=dict)


def notification(number=0, **more):
    return Incoming({"event_type": "a", "message_id": str(number), "priority": "INFO", **more})


@pytest.fixture
def spool(tmp_path):
    path = tmp_path / "spool"
    path.mkdir(0o700)
    return path


def writing(spool, **options):
    return WritingRollManager("a.events", NeverRollChecker(), directory=spool, **options)


def ids(spool):
    return [it[0].get("message_id") for it in ReadingRollManager("*.events*", directory=spool)]


def test_a_batch_can_be_read_from_the_disk_when_it_was_taken(spool):
    with writing(spool, durability="roll") as writer:
        batch = [notification(number) for number in range(3)]
        assert Archiver(writer, LONG).dispatch(batch) == set()
        assert ids(spool) == ["0", "1", "2"]


@pytest.mark.parametrize(
    "message",
    [
        {"event_type": "a", "priority": "unheard-of"},
        {"event_type": "a", "priority": 7},
        {"event_type": "a"},
        {"priority": "INFO"},
        {},
        "text",
        ["a", "list"],
    ],
)
def test_whatever_stands_in_the_queue_is_archived_as_it_came(spool, message):
    with writing(spool) as writer:
        assert Archiver(writer, LONG).dispatch([notification(), Incoming(message)]) == set()
    [_, (metadata, payload)] = ReadingRollManager("*.events", directory=spool)
    assert json.loads(payload) == message
    assert ("poison" in metadata) == ("event_type" not in message)


def test_a_message_of_50_mb_is_archived_and_a_larger_one_than_a_record_may_be_dropped(
    spool, caplog
):
    large, too_large = (
        notification(it, payload=text)
        for it, text in ((1, "a" * (50 << 20)), (2, "b" * (128 << 20)))
    )
    with writing(spool) as writer:
        batch = [too_large, large, notification(3)]
        assert Archiver(writer, LONG).dispatch(batch) == set()
    assert ids(spool) == ["1", "3"]
    assert "(2, event_type a) is dropped" in caplog.text
    assert "over the limit" in caplog.text


def test_where_the_spool_is_full_what_was_taken_is_kept_and_the_rest_goes_back(spool, caplog):
    batch = [notification(it, payload="x" * 40_000) for it in range(10)]
    with writing(spool, spool_limit_mb=0.1, compression="none") as writer:
        left = Archiver(writer, SHORT).dispatch(batch)
        taken = ids(spool)
    assert 0 < len(taken) < 10
    assert left == set(batch[len(taken) :])
    assert f"{len(left)} messages go back to the bus in 0.001 s" in caplog.text


def test_a_message_that_no_spool_of_this_size_has_room_for_does_not_come_again(spool, caplog):
    batch = [notification(1, payload="x" * 200_000), notification(2)]
    with writing(spool, spool_limit_mb=0.1) as writer:
        assert Archiver(writer, LONG).dispatch(batch) == set()
    assert ids(spool) == ["2"]
    assert "(1, event_type a) is dropped" in caplog.text
    assert "raise the limit" in caplog.text


class FailingDisk:
    """Stands for a writer whose disk takes records and can't keep them."""

    def write(self, *record):
        pass

    def sync(self):
        raise DurabilityError("a.events.open: fdatasync: Input/output error")


def test_where_the_disk_fails_to_keep_it_all_of_the_batch_goes_back(caplog):
    batch = [notification(it) for it in range(3)]
    assert Archiver(FailingDisk(), SHORT).dispatch(batch) == set(batch)
    assert "Input/output error" in caplog.text


def test_a_worker_that_ends_pauses_no_longer():
    archiver = Archiver(FailingDisk(), LONG)
    done = Event()
    waiting = Thread(target=lambda: (archiver.dispatch([notification()]), done.set()))
    waiting.start()
    assert not done.is_set()
    archiver.hurry()
    assert done.wait(10)
    waiting.join()
