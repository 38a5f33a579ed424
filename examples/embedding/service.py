"""A service that keeps what it does with shoebox, from threads and from forked workers.

    mkdir -m 0700 spool archives
    python service.py --config-file service.conf

It ends by SIGTERM or Ctrl-C.
"""

import itertools
import json
import multiprocessing
import os
import queue
import signal
import sys
import threading
from types import FrameType

from oslo_config import cfg
from oslo_log import log

from shoebox import config
from shoebox.app import build_writer
from shoebox.errors import BadWorkingDirectory, ConfigError
from shoebox.roll_manager import WritingRollManager

_log = log.getLogger(__name__)
OPTIONS = (
    cfg.IntOpt("workers", default=2, min=0, help="Processes besides the first one."),
    cfg.IntOpt("threads", default=2, min=1, help="Threads in each process."),
)
EVERY = 0.01
"""Seconds between two things that a thread of this service does."""


def configured(arguments: list[str]) -> cfg.ConfigOpts:
    """Return the configuration: an object of the service's own, never the global `cfg.CONF`."""
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    conf.register_opts(OPTIONS, group="audit")
    config.register_opts(conf)
    conf(arguments, project="audit")
    log.setup(conf, "audit")
    return conf


class Service:
    """Has one writer, which all of its threads and workers share."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._workers: int = conf.audit.workers
        self._threads: int = conf.audit.threads
        self._writer: WritingRollManager = build_writer(conf)
        # What a signal handler may put something into, whatever it has interrupted.
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()

    def run(self) -> None:
        """Work until a signal comes, and leave nothing open."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)
        # Before the first record: up to then there is no thread, which a fork would not copy.
        fork = multiprocessing.get_context("fork")
        workers = [fork.Process(target=self._work) for _ in range(self._workers)]
        for worker in workers:
            worker.start()
        self._serve()
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()
        self._close()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signals.put(number)

    def _work(self) -> None:
        """Be a forked worker: its writes open archives of its own, and it closes them itself."""
        self._serve()
        self._close()

    def _serve(self) -> None:
        """Have threads write until a signal comes to this process."""
        stopping = threading.Event()
        threads = [
            threading.Thread(target=self._write, args=(str(number), stopping))
            for number in range(self._threads)
        ]
        for thread in threads:
            thread.start()
        self._signals.get()
        stopping.set()
        for thread in threads:
            thread.join()

    def _write(self, thread: str, stopping: threading.Event) -> None:
        """Record what one thread does, as long as the service runs."""
        who = {"process": str(os.getpid()), "thread": thread}
        for number in itertools.count():
            try:
                self._writer.write(who, json.dumps({"number": number}))
            except OSError as error:
                # The disk fails, or the spool is full: this record was not taken. Whoever asked
                # for what is recorded should hear of it.
                _log.error("not recorded: %s", error)
            if number == 0:
                _log.info("%s/%s: the first record is written", who["process"], thread)
            if stopping.wait(EVERY):
                _log.info("%s/%s: wrote %d records", who["process"], thread, number + 1)
                return

    def _close(self) -> None:
        """Seal and ship; what can't be shipped within `close_timeout` the next start ships."""
        self._writer.close()
        for waiting in self._writer.unshipped:
            _log.warning("%s: waits for %s: %s", waiting.name, waiting.destination, waiting.reason)


def main(arguments: list[str]) -> int:
    """Run the service; return its exit code."""
    try:
        service = Service(configured(arguments))
    except (ConfigError, BadWorkingDirectory) as error:
        _log.error("%s", error)
        return 2
    service.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
