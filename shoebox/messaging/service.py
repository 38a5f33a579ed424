"""`shoebox listen` as a service: workers that archive, and the process that looks after them.

Cotyledon runs the workers: it forks them, starts anew those that die, and hands them
signals. oslo.service hands its own to it too, where they do without eventlet.
"""

from __future__ import annotations

import math
import multiprocessing
from contextlib import ExitStack, suppress
from functools import partial
from threading import Event, Thread

import cotyledon
from oslo_config import cfg

from shoebox import app, config
from shoebox.errors import ConfigError
from shoebox.escaping import logger
from shoebox.messaging import listener
from shoebox.messaging.archiving import Archiver
from shoebox.spool import Spool

_log = logger(__name__)

_GRACE = 5.0
"""Seconds that a worker has to end beyond what its configuration gives it."""
_UNREADABLE = (cfg.Error, OSError, ValueError)
"""What reading the ini again may raise."""


class Worker(cotyledon.Service):
    """One process: it listens, and archives into a writer of its own."""

    name = "shoebox-listen"

    def __init__(self, worker_id: int, conf: cfg.ConfigOpts) -> None:
        super().__init__(cotyledon.types.WorkerId(worker_id))
        self._conf = conf
        self._found = config.listening(conf)
        self._writer = app.build_writer(conf)
        self._archiver = Archiver(self._writer, self._found["requeue_pause"])
        self._server = listener.server(conf, self._archiver)
        self._listening = Event()
        self._serving = ExitStack()

    def run(self) -> None:
        """Listen, on threads of the listener, as soon as the bus can be reached."""
        self._serve_metrics()
        self._server.start(override_pool_size=1)
        self._listening.set()

    def terminate(self) -> None:
        """Archive and acknowledge what was received, for `stop_timeout` seconds, and seal."""
        self._archiver.hurry()
        # Where the bus is away the listener waits for it, for ever.
        draining = Thread(target=self._drain, daemon=True)
        draining.start()
        draining.join(self._found["stop_timeout"])
        self._writer.close()
        self._serving.close()

    def reload(self) -> None:
        """Take over what may change in the ini while it is in use."""
        try:
            self._archiver.pause = config.reread(self._conf)["requeue_pause"]
        except _UNREADABLE as error:
            _log.error("what was in force stays so: %s", _reason(error))

    def _serve_metrics(self) -> None:
        """Answer who asks how it goes; a port that another has is no reason not to archive."""
        try:
            url = self._serving.enter_context(
                app.serve_metrics(self._conf, worker=int(self.worker_id))
            )
        except ConfigError as error:
            _log.error("%s", error)
        else:
            _log.info("metrics at %s", url)

    def _drain(self) -> None:
        if self._listening.is_set():
            self._server.stop()
            self._server.wait()


def run(conf: cfg.ConfigOpts) -> None:
    """Listen until SIGTERM; raise ConfigError or BadWorkingDirectory before anything starts."""
    _check(conf)
    found = config.listening(conf)
    longest = found["stop_timeout"] + config.settings(conf)["close_timeout"] + _GRACE
    manager = cotyledon.ServiceManager(
        graceful_shutdown_timeout=math.ceil(longest),
        # What a worker is made of can't be sent to a process that begins from nothing.
        mp_context=multiprocessing.get_context("fork"),
    )
    manager.register_hooks(on_reload=partial(_reread, conf))
    manager.add(Worker, found["workers"], args=(conf,))
    manager.run()


def _check(conf: cfg.ConfigOpts) -> None:
    app.check(conf)
    found = config.settings(conf)
    Spool(found["directory"], trusted=found["trust_directory"]).close()
    for number in range(config.listening(conf)["workers"]):
        with app.serve_metrics(conf, worker=number):
            pass  # the port can be had
    listener.transport(conf).cleanup()


def _reread(conf: cfg.ConfigOpts) -> None:
    """Have workers that are started from now on begin with what the ini says now."""
    # Those that there are say what is wrong with it.
    with suppress(*_UNREADABLE):
        config.reread(conf)


def _reason(error: Exception) -> str:
    """Return what is wrong, without the line that can't be parsed: it may be a secret."""
    if isinstance(error, cfg.ConfigFileParseError):
        return f"{error.config_file}: has a line that is neither [section] nor key = value"
    return "; ".join(str(error).split("\n"))
