"""A run in a child of its own, which is watched: what it says, and that it comes to an end."""

import faulthandler
import json
import logging
import os
import select
import signal
import sys
import threading
import traceback

from shoebox.errors import ShoeboxError

LIMIT = 60
"""Seconds after which a run hangs."""


def allowed(error):
    """Tell whether an error is one that a caller of shoebox has to expect."""
    return isinstance(error, OSError | ShoeboxError)


class Watch(logging.Handler):
    """Notes what must never happen: other errors, wherever they end up."""

    def __init__(self):
        super().__init__()
        self.wrong = []

    def emit(self, record):
        """Note an error that was logged, unless it is one that is expected."""
        if record.exc_info and record.exc_info[1] and not allowed(record.exc_info[1]):
            self.note(record.exc_info[1])

    def note(self, error):
        """Note an error."""
        self.wrong.append("".join(traceback.format_exception(error)))

    def begin(self):
        """Watch the log and the threads of this process."""
        logging.getLogger().handlers[:] = [self]
        logging.getLogger("shoebox").setLevel(logging.DEBUG)
        threading.excepthook = lambda args: self.note(args.exc_value)


def run(work, limit=LIMIT):
    """Return what the work returns in a forked child, and what went wrong in it.

    What it returns is what JSON can say. A run that hangs says where, and is wrong.
    """
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        _work(work, theirs, limit)
    os.close(theirs)
    said = b""
    while select.select([ours], [], [], limit + 10)[0] and (chunk := os.read(ours, 1 << 16)):
        said += chunk
    os.close(ours)
    if not said:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert said, f"it was not at its end after {limit} s; its threads stand on stderr"
    return json.loads(said)


def _work(work, fd, limit):
    faulthandler.dump_traceback_later(limit, exit=True, file=sys.__stderr__)
    watch = Watch()
    watch.begin()
    found = None
    try:
        found = work()
    except BaseException as error:  # noqa: BLE001 - the parent is told
        watch.note(error)
    finally:
        os.write(fd, json.dumps([found, watch.wrong]).encode())
        os._exit(0)


def until(condition, seconds=20.0):
    """Tell whether something comes to be in time."""
    never = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return True
        never.wait(0.02)
    return bool(condition())
