"""What earlier processes, or an archive that was given up here, left in a spool."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from shoebox.archive import recover_all
from shoebox.archive.recovery import Recovery
from shoebox.escaping import logger
from shoebox.shipper import Shipper
from shoebox.spool import Spool

_log = logger(__name__)


class Leftovers:
    """Archives that were left open, or sealed and not offered; there is none without a spool."""

    def __init__(self, spool: Spool | None, shipper: Shipper | None) -> None:
        self._spool = spool
        self._shipper = shipper
        self._said: set[str] = set()

    def gather(self, tell: Callable[[Path], None]) -> bool:
        """Recover what nobody holds, tell of it, and offer what was not.

        Return whether nothing is left that trying again may help; raise OSError where the
        spool can't be looked at.
        """
        if self._spool is None:
            return True
        every = True
        self._spool.sweep()
        for recovery in recover_all(self._spool):
            self._say(recovery)
            every = every and not recovery.again
            if recovery.outcome == "sealed":
                tell(recovery.path)
        picked_up = self._shipper is None or self._shipper.pick_up()
        return every and picked_up

    def _say(self, recovery: Recovery) -> None:
        """Log what became of an archive, once for as long as it stays so."""
        message = str(recovery)
        if message not in self._said:
            self._said.add(message)
            wants_a_human = recovery.outcome in {"corrupt", "left"}
            _log.log(logging.ERROR if wants_a_human else logging.WARNING, "%s", message)


NONE = Leftovers(None, None)
