"""Starting threads where Ctrl-C can come at any moment."""

from __future__ import annotations

import errno
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable
from threading import Thread

_REMEDY = "no thread can be started; raise the limit on them (ulimit -u), or end some"


def apart(work: Callable[[], None]) -> None:
    """Do work on a thread of its own, wait for it, and raise what it raised.

    A signal interrupts the main thread alone. It may end the wait, but never the work: so
    nothing is left half started, with a lock that nobody gives back.
    """
    done = allocate_lock()
    errors: list[BaseException] = []
    done.acquire()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            errors.append(error)
        finally:
            done.release()

    try:
        start_new_thread(run, ())
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, _REMEDY) from error
    done.acquire()
    for raised in errors:
        raise raised


def start(*threads: Thread) -> None:
    """Start those threads that were not yet; raise OSError where there can't be more."""
    for thread in threads:
        if thread.ident is None:
            try:
                thread.start()
            except RuntimeError as error:
                raise OSError(errno.EAGAIN, _REMEDY) from error
