"""`shoebox listen` with a real broker: what was published is archived, whatever dies meanwhile."""

import json
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import kombu
import pytest

from shoebox.roll_manager import ReadingRollManager
from tests.functional.notifying import (
    Killer,
    Publisher,
    amqp,
    archived,
    configuration,
    listening,
    waiting,
)
from tests.program import run

PATIENCE = 120.0
NUMBER = 3000


@pytest.fixture(autouse=True)
def empty(rabbitmq):
    """Begin with no queue, whatever the test before has left."""
    with kombu.Connection(amqp(rabbitmq.url)) as connection:
        channel = connection.channel()
        for priority in ("audit", "debug", "info", "warn", "error", "critical", "sample"):
            channel.queue_delete(f"notifications.{priority}")


def wait_for(condition, patience=PATIENCE):
    end = monotonic() + patience
    while not condition():
        assert monotonic() < end
        sleep(0.2)


def test_nothing_is_lost_where_workers_are_killed_and_the_broker_is_restarted(
    rabbitmq, tmp_path, record_property
):
    """Each is archived at least once, compared by message id; what is there twice is counted."""
    ini = configuration(tmp_path, rabbitmq.url)
    publisher = Publisher(rabbitmq.url)
    with listening(ini) as listener:
        wait_for(lambda: waiting(rabbitmq.url) == 0)
        with Killer(listener, every=1.0) as killer, ThreadPoolExecutor() as pool:
            published = pool.submit(publisher.publish, range(NUMBER))
            wait_for(lambda: len(publisher.sent) > NUMBER // 2)
            rabbitmq.stop()
            rabbitmq.start()
            published.result()
        wait_for(lambda: len(archived(tmp_path / "spool")) == NUMBER)
    found = archived(tmp_path / "spool")
    assert publisher.sent == found.keys()
    assert killer.killed > 3
    twice = found.total() - NUMBER
    record_property("duplicates", twice)
    # Only what a dead worker, or a broken connection, had not yet acknowledged comes again.
    assert twice <= (killer.killed + 2) * 4 * 100
    assert run("verify", tmp_path / "spool").code == 0


def test_what_is_no_notification_is_archived_and_holds_up_nothing(rabbitmq, tmp_path):
    ini = configuration(tmp_path, rabbitmq.url, workers=1)
    with listening(ini):
        wait_for(lambda: waiting(rabbitmq.url) == 0)
        Publisher(rabbitmq.url).publish(range(1))
        with kombu.Connection(amqp(rabbitmq.url)) as connection:
            producer = connection.Producer()
            for body in ({"a": 1}, {"priority": 7, "event_type": "x"}, "text", ["list"]):
                producer.publish(
                    body, exchange="openstack", routing_key="notifications.info", serializer="json"
                )
            producer.publish(
                b"\xff\x00",
                exchange="openstack",
                routing_key="notifications.info",
                content_type="application/octet-stream",
                content_encoding="binary",
            )
        Publisher(rabbitmq.url).publish(range(1, 2))
        wait_for(lambda: len(records(tmp_path / "spool")) >= 4)
    found = [
        (metadata.get("poison"), json.loads(it)) for metadata, it in records(tmp_path / "spool")
    ]
    assert ("no event_type", {"a": 1}) in found
    assert (None, {"priority": 7, "event_type": "x"}) in found
    assert [it["payload"]["number"] for _, it in found if "payload" in it] == [0, 1]
    # The driver can't make a message of the others: it says so, and has the broker drop them.
    assert (tmp_path / "listen.log").read_text().count("Failed to process message") == 3


def records(spool):
    return list(ReadingRollManager("*.events*", directory=spool)) if any(spool.iterdir()) else []


def test_what_does_not_fit_waits_in_the_queue_until_there_is_room(rabbitmq, tmp_path):
    ini = configuration(tmp_path, rabbitmq.url, workers=1)
    text = ini.read_text()
    ini.write_text(
        text.replace("[shoebox]", "[shoebox]\nspool_limit_mb = 0.01") + "requeue_pause = 0.2\n"
    )
    log = tmp_path / "listen.log"
    publisher = Publisher(rabbitmq.url)
    with listening(ini):
        wait_for(lambda: waiting(rabbitmq.url) == 0)
        publisher.publish(range(300))
        wait_for(lambda: log.read_text().count("go back to the bus") >= 3)
    assert len(archived(tmp_path / "spool")) < 300
    ini.write_text(text)
    with listening(ini):
        wait_for(lambda: len(archived(tmp_path / "spool")) == 300)
    assert archived(tmp_path / "spool").keys() == publisher.sent
