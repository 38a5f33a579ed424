"""The notification driver `shoebox`: a service archives its notifications in its own process.

`[oslo_messaging_notifications] driver = shoebox` in the service's own file, and the
section `[shoebox]` beside it. A service has one writer, which is made when it first
notifies, so that nothing is open when it forks; it can be shared by threads.
"""

from __future__ import annotations

import os
from threading import RLock
from typing import Any

from oslo_config import cfg
from oslo_messaging.notify import notifier

from shoebox import app, config
from shoebox.errors import BadWorkingDirectory, ShoeboxError
from shoebox.escaping import logger
from shoebox.messaging.notification import record
from shoebox.roll_manager import WritingRollManager
from shoebox.spool import Spool

_log = logger(__name__)

_lock = RLock()
_writers: dict[int, tuple[cfg.ConfigOpts, WritingRollManager]] = {}
"""By the identity of the conf, which is kept with it, since it can't be a key itself."""


class ShoeboxDriver(notifier.Driver):  # type: ignore[misc] # oslo.messaging has no types
    """Writes each notification into the open archive.

    Raise ConfigError for what is wrong in the ini: the notifier then logs it, and goes on
    without this driver. A spool that can't be used is logged at once too; it may be there
    when a notification comes.
    """

    def __init__(self, conf: Any, topics: list[str], transport: Any) -> None:
        super().__init__(conf, topics, transport)
        # A transport hands out its own view of conf; the service's is behind it.
        self._conf: cfg.ConfigOpts = conf.register_opts.__self__
        app.check(self._conf)
        found = config.settings(self._conf)
        try:
            Spool(found["directory"], trusted=found["trust_directory"]).close()
        except (BadWorkingDirectory, OSError) as error:
            _log.error("no notification can be archived: %s", error)

    def notify(self, ctxt: object, msg: object, priority: str, retry: int | None) -> None:  # noqa: ARG002 - both are the interface's; msg has the priority
        """Archive one notification; as with other drivers a failure is logged, never raised."""
        try:
            _writer(self._conf).write(*record(ctxt, msg))
        except (ShoeboxError, OSError) as error:
            _log.error("a notification was not archived: %s: %s", _name(msg), error)
        except Exception:  # noqa: BLE001 - whatever it is, the service goes on
            _log.exception("a notification was not archived: %s", _name(msg))


def close_writer(conf: cfg.ConfigOpts) -> None:
    """Seal what the service's notifications have been written to, and ship it.

    For the end of a service. Without it what was written is synced, and the next start
    seals it. Raise OSError where the disk fails.
    """
    with _lock:
        _, writer = _writers.pop(id(conf), (conf, None))
    if writer is not None:
        writer.close()


def _writer(conf: cfg.ConfigOpts) -> WritingRollManager:
    with _lock:
        if id(conf) not in _writers:
            _writers[id(conf)] = conf, app.build_writer(conf)
        return _writers[id(conf)][1]


def _name(message: object) -> str:
    """Return what a log may say of a notification, whose payload may hold secrets."""
    found = record({}, message)[0]
    return f"{found.get('event_type', 'without event_type')} {found.get('message_id', '')}".strip()


# A child must not find the lock held by a thread that it does not have.
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)
