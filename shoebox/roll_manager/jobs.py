"""Jobs that are done in order, one at a time, by whichever thread comes to it; none is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import RLock

Job = Callable[[], None]


def do(jobs: deque[Job], lock: RLock, failed: Callable[[Job, Exception], None]) -> None:
    """Do the jobs, behind another thread that is at them; `failed` gets those that raise.

    One that is interrupted stays the first.
    """
    try:
        # Within the block, so that no signal can come between the two.
        lock.acquire()
        while jobs:
            _do_first(jobs, failed)
    except BaseException:
        with suppress(RuntimeError):
            lock.release()
        raise
    lock.release()


def _do_first(jobs: deque[Job], failed: Callable[[Job, Exception], None]) -> None:
    try:
        # Nothing is called: a signal after `popleft` would lose what that returns.
        job = jobs[0]
        del jobs[0]
    except IndexError:
        # A signal handler, which has interrupted this very thread, has done it.
        return
    try:
        job()
    except Exception as error:  # noqa: BLE001 - whatever it is, the job is not lost
        failed(job, error)
    except BaseException:
        # Interrupted by the user: whoever comes next does it.
        jobs.appendleft(job)
        raise
