"""100,000 notifications through RabbitMQ into archives, while workers and the broker die.

`python -m benchmarks.listen`, which starts a broker of its own. Two workers archive; one of
them is killed with -9 every few seconds, and the broker is restarted once. What was
published is compared with what is archived. Then the rate at which a backlog is archived is
measured beside a listener that only counts, in rounds that are interleaved.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep

import kombu

from tests.functional.notifying import (
    DURABLE,
    QUEUE,
    Killer,
    Publisher,
    amqp,
    archived,
    configuration,
    envelope,
    listening,
    waiting,
)
from tests.functional.servers import rabbitmq
from tests.functional.servers.rabbitmq import RabbitMQ

SETTLED = 20.0
"""Seconds in which something must come, or nothing more will."""
COUNTING = """
import sys
from threading import Event
import oslo_messaging
from oslo_config import cfg

class Counter:
    def info(self, messages):
        pass

conf = cfg.ConfigOpts()
conf([], default_config_files=[], default_config_dirs=[])
bus = oslo_messaging.get_notification_transport(conf, url=sys.argv[1])
oslo_messaging.get_batch_notification_listener(
    bus, [oslo_messaging.Target(topic="notifications")], [Counter()],
    allow_requeue=True, batch_size=100, batch_timeout=0.2,
).start(override_pool_size=1)
Event().wait()
"""


def main() -> None:
    """Print what was lost, what came twice, and the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=100_000)
    parser.add_argument("--kill-every", type=float, default=3.0, metavar="SECONDS")
    parser.add_argument("--backlog", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        broker = Path(scratch, "broker")
        broker.mkdir()
        with rabbitmq.running(broker) as server:
            survive(server, Path(scratch, "killed"), options.number, options.kill_every)
            compare(server, Path(scratch, "rates"), options.backlog, options.rounds)


def survive(server: RabbitMQ, folder: Path, number: int, every: float) -> None:
    """Publish all of them while workers are killed and the broker is restarted once."""
    folder.mkdir()
    ini = configuration(folder, server.url)
    publisher = Publisher(server.url)
    begun = perf_counter()
    with listening(ini) as listener:
        _wait(lambda: waiting(server.url) == 0)
        with Killer(listener, every) as killer, ThreadPoolExecutor() as pool:
            published = pool.submit(publisher.publish, range(number))
            _wait(lambda: len(publisher.sent) > number // 2)
            server.stop()
            server.start()
            published.result()
            took = perf_counter() - begun
        missing = wait_for_all(folder / "spool", publisher.sent)
    found = archived(folder / "spool")
    twice = found.total() - len(found)
    print(
        f"{number} published in {took:.0f} s, {killer.killed} workers killed, the broker "
        f"restarted once: {missing} missing, {twice} duplicates in {found.total()} records, "
        f"{twice / max(1, killer.killed):.0f} for each worker killed (at most 400 and what it "
        "had not yet acknowledged come again)",
        flush=True,
    )


def wait_for_all(spool: Path, sent: set[str]) -> int:
    """Wait for what is still in the queue; return how many never came."""
    last, missing = len(sent) + 1, len(sent - archived(spool).keys())
    while missing and missing < last:
        sleep(SETTLED)
        last, missing = missing, len(sent - archived(spool).keys())
    return missing


def compare(server: RabbitMQ, folder: Path, backlog: int, rounds: int) -> None:
    """Measure both listeners, one after the other, several times."""
    folder.mkdir()
    best = dict.fromkeys((archiving, counting), 0.0)
    for number in range(rounds):
        for listener in best:
            load(server, backlog)
            place = folder / f"{listener.__name__}{number}"
            place.mkdir()
            with listener(server, place):
                best[listener] = max(best[listener], rate(server))
    ours, other = best[archiving], best[counting]
    print(
        f"two workers, backlog of {backlog}, best of {rounds}: {ours:.0f} archived a second, "
        f"{other:.0f} only counted ({ours / other:.2f})"
    )


@contextmanager
def archiving(server: RabbitMQ, folder: Path) -> Iterator[None]:
    """Run `shoebox listen`."""
    with listening(configuration(folder, server.url)):
        yield


@contextmanager
def counting(server: RabbitMQ, folder: Path) -> Iterator[None]:
    """Run two listeners that do nothing with what they get."""
    url = f"{server.url}?{DURABLE}&rabbit_qos_prefetch_count=400"
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-W", "ignore", "-c", COUNTING, url]
        running = [subprocess.Popen(command, stderr=log) for _ in range(2)]  # noqa: S603 - ours
    try:
        yield
    finally:
        for it in running:
            it.kill()
            it.wait()


def load(server: RabbitMQ, number: int) -> None:
    """Fill the queue, as a notifier would, without waiting for each."""
    with kombu.Connection(amqp(server.url)) as connection:
        producer = kombu.Producer(connection)
        for count in range(number):
            producer.publish(envelope(count), routing_key=QUEUE, serializer="json")
    _wait(lambda: _ready(server) >= number)


def rate(server: RabbitMQ) -> float:
    """Return how many are taken out of the queue a second, from the first to the last."""
    full = _ready(server)
    _wait(lambda: _ready(server) < full)
    begun, first = perf_counter(), _ready(server)
    _wait(lambda: not _ready(server))
    return first / (perf_counter() - begun)


def _ready(server: RabbitMQ) -> int:
    return waiting(server.url) or 0


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        sleep(0.05)


if __name__ == "__main__":
    main()
