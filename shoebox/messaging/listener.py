"""Listening to a message bus: the transport, what is asked of it, and the server that runs."""

from __future__ import annotations

from itertools import product
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_messaging import opts
from oslo_messaging.notify.listener import BatchNotificationServer

from shoebox import config
from shoebox.errors import ConfigError
from shoebox.messaging.archiving import Archiver

_RABBIT = "oslo_messaging_rabbit"
_AHEAD = 4
"""Batches that RabbitMQ hands over before the first of them is acknowledged."""
_LEAST_AHEAD = 100
"""Messages; oslo.messaging never acknowledges the up to 16 that it thinks it has had before."""


def transport(conf: cfg.ConfigOpts) -> Any:
    """Return the notification transport, which connects when it is used.

    Raise ConfigError where there is none, or it can't take messages back.
    """
    found = config.listening(conf)
    _limit_prefetch(conf, max(_LEAST_AHEAD, _AHEAD * found["batch_size"]))
    try:
        bus = oslo_messaging.get_notification_transport(conf, url=found["transport_url"])
        # Its listeners take the wish for granted, although their documentation says otherwise.
        bus._require_driver_features(requeue=True)  # noqa: SLF001 - nothing public tells
    except NotImplementedError as error:
        raise ConfigError(
            "transport_url: this message bus can't take back what was not archived, so that it "
            "would be lost: listen to another one, such as rabbit://"
        ) from error
    except oslo_messaging.DriverLoadFailure as error:
        raise ConfigError(
            f"transport_url: oslo.messaging has no driver {error.driver!r}"
        ) from error
    except (oslo_messaging.InvalidTransportURL, ValueError) as error:
        # What it says repeats the URL, which holds a password.
        raise ConfigError(
            "transport_url: is no URL of a message bus; give rabbit://USER:PASSWORD@HOST:PORT/VHOST"
        ) from error
    return bus


def server(conf: cfg.ConfigOpts, archiver: Archiver) -> BatchNotificationServer:
    """Return the listener that hands batches to the archiver, and is started by `start(1)`.

    With one thread records are archived in the order in which they were delivered.
    """
    found = config.listening(conf)
    exchanges = found["exchanges"] or [None]
    targets = [
        oslo_messaging.Target(topic=topic, exchange=exchange)
        for exchange, topic in product(exchanges, found["topics"])
    ]
    return BatchNotificationServer(
        transport(conf),
        targets,
        archiver,
        allow_requeue=True,
        pool=found["pool"],
        batch_size=found["batch_size"],
        batch_timeout=found["batch_timeout"],
    )


def _limit_prefetch(conf: cfg.ConfigOpts, messages: int) -> None:
    """Have RabbitMQ keep a backlog to itself, unless the ini says otherwise."""
    for group, options in opts.list_opts():
        if str(group) == _RABBIT or getattr(group, "name", None) == _RABBIT:
            conf.register_opts(options, group=_RABBIT)
    conf.set_default("rabbit_qos_prefetch_count", messages, group=_RABBIT)
