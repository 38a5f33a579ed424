"""A worker from its start to its end, with a bus in memory."""

import os
import signal
import subprocess
import sys
from time import monotonic, sleep

import oslo_messaging
import pytest
from oslo_messaging._drivers.impl_fake import FakeExchangeManager

from shoebox.errors import BadWorkingDirectory, ConfigError
from shoebox.messaging import service
from shoebox.roll_manager import NoValidFile, ReadingRollManager
from tests.program import environment, workers

PATIENCE = 30.0


@pytest.fixture
def spool(tmp_path):
    path = tmp_path / "spool"
    path.mkdir(0o700)
    return path


@pytest.fixture
def listening(ini, spool):
    """Return a function that gives the conf of a service."""
    yield lambda more="", url="fake://": ini(
        f"[DEFAULT]\ntransport_url = {url}\n[shoebox]\ndirectory = {spool}\n{more}"
    )
    FakeExchangeManager.cleanup()


def notifier(conf):
    transport = oslo_messaging.get_notification_transport(conf)
    return oslo_messaging.Notifier(
        transport, "web1", driver="messagingv2", topics=["notifications"]
    )


def events(spool):
    try:
        return [it[0]["event_type"] for it in ReadingRollManager("*.events*", directory=spool)]
    except NoValidFile:
        return []


def wait_for(condition):
    end = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < end
        sleep(0.01)


def test_notifications_of_every_priority_are_archived_until_it_is_stopped(listening, spool):
    conf = listening("[shoebox_listen]\nbatch_timeout = 0.05\n")
    worker = service.Worker(0, conf)
    worker.run()
    notify = notifier(conf)
    for priority in ("audit", "debug", "info", "warn", "error", "critical", "sample"):
        getattr(notify, priority)({}, f"{priority}.event", {})
    wait_for(lambda: len(events(spool)) == 7)
    worker.terminate()
    [archive] = spool.iterdir()
    assert archive.suffix == ".events"


def test_what_does_not_fit_comes_again_after_a_pause_and_not_before(listening, spool, caplog):
    conf = listening(
        "spool_limit_mb = 0.01\ncompression = none\n"
        "[shoebox_listen]\nbatch_timeout = 0.05\nrequeue_pause = 0.5\n"
    )
    (spool / "other").write_bytes(bytes(8000))
    worker = service.Worker(0, conf)
    worker.run()
    begun = monotonic()
    notifier(conf).info({}, "too.large", {"x": "y" * 4000})
    wait_for(lambda: caplog.text.count("go back to the bus in 0.5 s") == 3)
    assert monotonic() - begun >= 1.0
    worker.terminate()
    assert events(spool) == []


def test_a_worker_whose_bus_is_away_ends_all_the_same(listening, spool):
    worker = service.Worker(0, listening())
    worker.terminate()
    assert list(spool.iterdir()) == []


def test_what_may_change_does_when_the_ini_is_read_again(listening, tmp_path, caplog):
    worker = service.Worker(0, listening("[shoebox_listen]\nrequeue_pause = 7\n"))
    path = tmp_path / "shoebox.conf"
    path.write_text(path.read_text().replace("requeue_pause = 7", "requeue_pause = 8"))
    worker.reload()
    assert worker._archiver.pause == 8.0
    path.write_text(path.read_text().replace("requeue_pause = 8", "requeue_pause = -1"))
    worker.reload()
    path.write_text("neither section nor key")
    worker.reload()
    path.write_bytes(b"\xff")
    worker.reload()
    path.unlink()
    worker.reload()
    assert worker._archiver.pause == 8.0
    assert caplog.text.count("what was in force stays so") == 4
    worker.terminate()


TELLING = """
import sys
from oslo_config import cfg
from shoebox.messaging import service


class Telling(service.Worker):
    def run(self):
        print(self._archiver.pause, flush=True)


service.Worker = Telling
conf = cfg.ConfigOpts()
conf(["--config-file", sys.argv[1]], default_config_files=[], default_config_dirs=[])
service.run(conf)
"""


def test_a_worker_that_takes_the_place_of_a_dead_one_has_what_was_read_again(listening, tmp_path):
    listening("[shoebox_listen]\nrequeue_pause = 7\n")
    path = tmp_path / "shoebox.conf"
    text = path.read_text()
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", TELLING, path],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        told = [running.stdout.readline()]
        # What can't be in force must not keep a worker from starting.
        for pause in ("8", "-1"):
            path.write_text(text.replace("requeue_pause = 7", f"requeue_pause = {pause}"))
            running.send_signal(signal.SIGHUP)
            # It takes signals one after the other, and so reads the ini before it misses a worker.
            [worker] = workers(running)
            os.kill(worker, signal.SIGKILL)
            told.append(running.stdout.readline())
        running.terminate()
        running.communicate(timeout=PATIENCE)
    assert told == [b"7.0\n", b"8.0\n", b"8.0\n"]


def test_what_is_wrong_is_told_before_anything_starts(listening, spool):
    with pytest.raises(ConfigError, match="has no driver"):
        service.run(listening(url="nonsense://"))
    with pytest.raises(ConfigError, match="shoebox_listen. worker: there is no such option"):
        service.run(listening("[shoebox_listen]\nworker = 2\n"))
    spool.rmdir()
    with pytest.raises(BadWorkingDirectory):
        service.run(listening())
