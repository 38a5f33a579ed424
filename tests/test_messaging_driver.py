"""A service whose notifications are archived in its own process."""

import json
import os
import subprocess
import sys
from threading import Thread

import oslo_messaging
import pytest
from oslo_context.context import RequestContext

from shoebox.messaging.driver import close_writer
from shoebox.roll_manager import ReadingRollManager


@pytest.fixture
def spool(tmp_path):
    path = tmp_path / "spool"
    path.mkdir(0o700)
    return path


@pytest.fixture
def service(ini, spool):
    """Return the conf of a service; its writer is closed in the end."""
    conf = ini(
        "[DEFAULT]\ntransport_url = fake://\n"
        "[oslo_messaging_notifications]\ndriver = shoebox\n"
        f"[shoebox]\ndirectory = {spool}\n"
    )
    yield conf
    close_writer(conf)


def notifier(conf, publisher="compute.web1"):
    return oslo_messaging.Notifier(oslo_messaging.get_notification_transport(conf), publisher)


def records(spool):
    return list(ReadingRollManager("*.events", directory=spool))


def test_a_service_archives_what_it_notifies_of(service, spool):
    context = RequestContext(project_id="p1", request_id="req-1")
    context.auth_token = "hidden"  # noqa: S105 - it is to be seen nowhere
    notifier(service).error(context, "compute.instance.create", {"vcpus": 1})
    close_writer(service)
    [(metadata, payload)] = records(spool)
    assert metadata.pop("message_id") == json.loads(payload)["message_id"]
    assert metadata == {
        "event_type": "compute.instance.create",
        "publisher_id": "compute.web1",
        "priority": "error",
        "project_id": "p1",
        "request_id": "req-1",
    }
    assert json.loads(payload)["payload"] == {"vcpus": 1}
    assert "hidden" not in payload


def test_nothing_is_opened_before_the_first_notification(service, spool):
    notifier(service)
    assert list(spool.iterdir()) == []


def test_all_notifiers_and_threads_of_a_service_share_one_writer(service, spool):
    notifiers = [notifier(service, f"p{number}") for number in range(4)]
    threads = [
        Thread(target=lambda it=it: [it.info({}, "a", {}) for _ in range(50)]) for it in notifiers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    close_writer(service)
    assert len(list(spool.iterdir())) == 1
    assert len(records(spool)) == 200


def test_a_transport_with_options_in_its_url_changes_nothing(ini, spool):
    conf = ini(
        "[DEFAULT]\ntransport_url = rabbit://127.0.0.1:1/?rabbit_qos_prefetch_count=7\n"
        "[oslo_messaging_notifications]\ndriver = shoebox\n"
        f"[shoebox]\ndirectory = {spool}\n"
    )
    for _ in range(2):
        notifier(conf).info({}, "a", {})
    close_writer(conf)
    assert len(list(spool.iterdir())) == 1
    assert len(records(spool)) == 2


def test_a_service_goes_on_where_its_notifications_cannot_be_archived(service, spool, caplog):
    spool.rmdir()
    notifier(service).info({}, "compute.instance.create", {"password": "secret"})
    assert "a notification was not archived: compute.instance.create" in caplog.text
    assert str(spool) in caplog.text
    assert "secret" not in caplog.text
    spool.mkdir(0o700)
    notifier(service).info({}, "later", {})
    close_writer(service)
    assert [metadata["event_type"] for metadata, _ in records(spool)] == ["later"]


def test_a_spool_that_is_missing_is_told_at_start_and_with_each_notification_in_a_sentence(
    service, spool, caplog
):
    spool.rmdir()
    it = notifier(service)
    it.info({}, "compute.instance.create", {})
    it.info({}, "compute.instance.delete", {})
    missing = f"{spool}: there is no such directory; make it first"
    assert [told.exc_info for told in caplog.records] == [None] * 3
    start, first, second = caplog.messages
    assert start == f"no notification can be archived: {missing}"
    assert first.startswith("a notification was not archived: compute.instance.create ")
    assert second.startswith("a notification was not archived: compute.instance.delete ")
    assert first.endswith(f": {missing}")
    assert second.endswith(f": {missing}")


def test_what_is_wrong_in_the_ini_is_told_at_start_and_the_service_goes_on(ini, caplog):
    conf = ini(
        "[DEFAULT]\ntransport_url = fake://\n"
        "[oslo_messaging_notifications]\ndriver = shoebox\n[shoebox]\n"
    )
    it = notifier(conf)
    assert "[shoebox] directory: not set" in caplog.text
    it.info({}, "a", {})


def test_a_plugin_that_refuses_its_options_is_told_at_start_and_not_with_each_notification(
    ini, spool, caplog
):
    conf = ini(
        "[DEFAULT]\ntransport_url = fake://\n"
        "[oslo_messaging_notifications]\ndriver = shoebox\n"
        f"[shoebox]\ndirectory = {spool}\nroll_checkers = cron\n"
        "[shoebox_roll_checker_cron]\ncron = at night\n"
    )
    it = notifier(conf)
    assert "[shoebox_roll_checker_cron]" in caplog.text
    told = len(caplog.records)
    it.info({}, "a", {})
    assert len(caplog.records) == told


def test_closing_what_was_never_opened_changes_nothing(service, spool):
    close_writer(service)
    close_writer(service)
    assert list(spool.iterdir()) == []


FORKING = """
import os, sys
import oslo_messaging
from oslo_config import cfg
conf = cfg.ConfigOpts()
conf(["--config-file", sys.argv[1]], default_config_files=[], default_config_dirs=[])
notifier = oslo_messaging.Notifier(oslo_messaging.get_notification_transport(conf), "parent")
notifier.info({}, "before", {})
children = []
for number in range(3):
    children.append(os.fork())
    if not children[-1]:
        for _ in range(10):
            notifier.prepare(publisher_id=f"child{number}").info({}, "forked", {})
        sys.exit()
notifier.info({}, "after", {})
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def test_a_service_that_forks_loses_nothing_and_writes_nothing_twice(service, spool, tmp_path):
    program = [sys.executable, "-W", "ignore", "-c", FORKING, tmp_path / "shoebox.conf"]
    subprocess.run(program, check=True, env=dict(os.environ))
    found = sorted(it[0]["publisher_id"] for it in ReadingRollManager("*.events*", directory=spool))
    assert found == sorted(["parent"] * 2 + [f"child{it}" for it in range(3)] * 10)
