"""What is listened to, and what is refused before anything starts."""

import pytest

from shoebox.errors import ConfigError
from shoebox.messaging import listener
from shoebox.messaging.archiving import Archiver


def targets(conf):
    server = listener.server(conf, Archiver(None, 1.0))
    return sorted((it.exchange, it.topic) for it in server.targets)


@pytest.fixture
def bus(ini):
    """Return a function that gives the conf of a listener."""
    return lambda lines="": ini(
        f"[DEFAULT]\ntransport_url = fake://\ncontrol_exchange = c\n[shoebox_listen]\n{lines}"
    )


def test_one_topic_of_the_default_exchange_is_listened_to_unless_others_are_named(bus):
    assert targets(bus()) == [(None, "notifications")]
    assert targets(bus("topics = a, b\nexchanges = nova, cinder\n")) == [
        ("cinder", "a"),
        ("cinder", "b"),
        ("nova", "a"),
        ("nova", "b"),
    ]


def test_every_priority_is_listened_to(bus):
    server = listener.server(bus(), Archiver(None, 1.0))
    priorities = {"audit", "debug", "info", "warn", "error", "critical", "sample"}
    assert set(server.dispatcher.supported_priorities) == priorities


@pytest.mark.parametrize(
    ("lines", "messages"),
    [("", 400), ("batch_size = 1\n", 100), ("batch_size = 1000\n", 4000)],
)
def test_a_backlog_stays_with_rabbitmq(ini, lines, messages):
    conf = ini(f"[DEFAULT]\ntransport_url = rabbit://127.0.0.1/\n[shoebox_listen]\n{lines}")
    listener.transport(conf)
    assert conf.oslo_messaging_rabbit.rabbit_qos_prefetch_count == messages


def test_how_much_of_a_backlog_comes_at_once_can_be_said(ini):
    conf = ini(
        "[DEFAULT]\ntransport_url = rabbit://127.0.0.1/\n"
        "[oslo_messaging_rabbit]\nrabbit_qos_prefetch_count = 7\n"
    )
    listener.transport(conf)
    assert conf.oslo_messaging_rabbit.rabbit_qos_prefetch_count == 7


def test_the_listeners_own_bus_is_preferred(ini):
    conf = ini(
        "[DEFAULT]\ntransport_url = nonsense://\n[shoebox_listen]\ntransport_url = fake://\n"
    )
    assert type(listener.transport(conf)._driver).__name__ == "FakeDriver"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense://", "has no driver 'nonsense'"),
        ("rabbit://user:secret@host:port/", "is no URL of a message bus"),
        ("no url", "is no URL of a message bus"),
    ],
)
def test_a_bus_that_there_is_not_is_told_without_its_password(bus, url, told):
    with pytest.raises(ConfigError, match=told) as caught:
        listener.transport(bus(f"transport_url = {url}\n"))
    assert "secret" not in str(caught.value)


def test_a_bus_that_takes_nothing_back_is_refused(bus, monkeypatch):
    from oslo_messaging._drivers.impl_fake import FakeDriver  # noqa: PLC0415 - for this test alone

    def refuse(self, *, requeue):
        raise NotImplementedError

    monkeypatch.setattr(FakeDriver, "require_features", refuse)
    with pytest.raises(ConfigError, match="can't take back what was not archived"):
        listener.transport(bus())
