"""Services that notify, and `shoebox listen` that archives: what its tests and benchmark share."""

import json
import os
import random
import signal
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread, local
from typing import Self

import kombu

from shoebox.roll_manager import NoValidFile, ReadingRollManager
from tests.program import start, workers

QUEUE = "notifications.info"
DURABLE = "amqp_durable_queues=true&rabbit_quorum_queue=true&kombu_reconnect_delay=0.2"
"""What a transport URL needs so that a broker that is restarted loses nothing."""
_FOR_EVER = {"interval_start": 0.1, "interval_step": 0.0, "interval_max": 0.1, "max_retries": None}


class Publisher:
    """Publishes numbered notifications; `sent` holds the message ids that the broker confirmed.

    It goes on where the broker is away, as oslo.messaging's notifier does not always: what that
    has lost can be in no archive.
    """

    def __init__(self, url: str, threads: int = 8) -> None:
        self.sent: set[str] = set()
        self._url = amqp(url)
        self._threads = threads
        self._own = local()

    def publish(self, numbers: Iterable[int]) -> None:
        """Publish a notification for each number; return when the broker has them all."""
        with (
            ExitStack() as connections,
            ThreadPoolExecutor(self._threads, "", self._connect, (connections,)) as pool,
        ):
            list(pool.map(self._publish, numbers))

    def _connect(self, connections: ExitStack) -> None:
        connection = kombu.Connection(self._url, transport_options={"confirm_publish": True})
        self._own.producer = kombu.Producer(connections.enter_context(connection))

    def _publish(self, number: int) -> None:
        self._own.producer.publish(
            envelope(number),
            routing_key=QUEUE,
            serializer="json",
            retry=True,
            retry_policy=_FOR_EVER,
        )
        self.sent.add(str(number))


def envelope(number: int) -> dict[str, str]:
    """Return a notification as oslo.messaging puts it on the bus."""
    message = {
        "message_id": str(number),
        "publisher_id": "test",
        "event_type": "test.event",
        "priority": "INFO",
        "payload": {"number": number, "text": "x" * 300},
        "timestamp": "2026-01-01 00:00:00.000000",
        "_unique_id": uuid.uuid4().hex,
    }
    return {"oslo.version": "2.0", "oslo.message": json.dumps(message)}


def amqp(url: str) -> str:
    """Return the URL that kombu knows a broker by."""
    return url.replace("rabbit:", "amqp:", 1)


def waiting(url: str) -> int | None:
    """Return how many notifications wait in the queue, None where there is no such queue yet."""
    with kombu.Connection(amqp(url)) as connection:
        try:
            queue = kombu.Queue(QUEUE, channel=connection.channel())
            return int(queue.queue_declare(passive=True).message_count)
        except connection.channel_errors:
            return None


def configuration(folder: Path, url: str, *, workers: int = 2) -> Path:
    """Write the ini of a listener, whose spool is in the folder."""
    (folder / "spool").mkdir(0o700)
    path = folder / "listen.conf"
    path.write_text(
        f"[DEFAULT]\ntransport_url = {url}?{DURABLE}\n"
        f"[shoebox]\ndirectory = {folder / 'spool'}\n"
        f"[shoebox_listen]\nworkers = {workers}\nbatch_timeout = 0.2\n"
    )
    return path


@contextmanager
def listening(ini: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `shoebox listen` for a while; it is asked to end, and must do so by itself."""
    with (ini.parent / "listen.log").open("ab") as log:
        process = start("listen", "--config-file", ini, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert process.returncode == 0


class Killer:
    """Kills one of a listener's workers every so many seconds."""

    def __init__(self, process: subprocess.Popen[bytes], every: float) -> None:
        self.killed = 0
        self._process = process
        self._every = every
        self._over = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        chance = random.Random(5)  # noqa: S311 - which of them dies is no secret
        while not self._over.wait(self._every):
            there = workers(self._process)
            if there:
                os.kill(chance.choice(there), signal.SIGKILL)
                self.killed += 1


def archived(spool: Path) -> Counter[str]:
    """Return how often each message id is in the archives."""
    try:
        reader = ReadingRollManager("*.events*", directory=spool)
    except NoValidFile:
        return Counter()
    return Counter(metadata["message_id"] for metadata, _ in reader)
