"""What came of writing lines: how many are safe, and what waits to be shipped."""

from __future__ import annotations

import errno
from collections import Counter
from dataclasses import dataclass

from shoebox.cli import exits, messages
from shoebox.cli.intake import Intake
from shoebox.cli.text import count, megabytes
from shoebox.errors import BadWorkingDirectory, ShoeboxError
from shoebox.roll_manager import WritingRollManager
from shoebox.spool import Spool


@dataclass(slots=True)
class Outcome:
    """How a run of `write` went."""

    taken: Intake
    writer: WritingRollManager
    directory: str
    ships: bool = False
    """Whether there is storage to ship to."""
    interrupted: bool = False
    stopped: Exception | None = None
    """What ended the reading of input."""
    failed: Exception | None = None
    """What the writer could not be closed for."""

    def tell(self) -> int:
        """Say what is safe, and where that ends if it was not all; return the exit code."""
        try:
            sealed = _sealed(self.directory)
        except (BadWorkingDirectory, OSError):
            gone = OSError(errno.ENOTDIR, "the spool can't be used any more")
            self.failed = self.failed or gone
        if self.failed:
            self._tell_failure(self.failed)
            return exits.DATA
        try:
            self._tell_success(sealed)
        except BrokenPipeError:
            raise
        except OSError as error:
            # The records are safe, whether or not somebody hears of it.
            messages.complain(exits.sentence_of(error))
        return self._tell_end()

    def _tell_failure(self, error: Exception) -> None:
        """Say once why not every record is safe, how many are in doubt, and how to see them."""
        place = f"{self.taken.place}: " if self.stopped else ""
        messages.complain(
            f"{place}{self._reason(self.stopped or error)}; {self._before} may not be safe: put "
            f"that right, and see which are there: shoebox recover {self.directory}; "
            f"shoebox cat {self.directory}"
        )

    def _tell_success(self, sealed: int) -> None:
        size = megabytes(self.taken.payload)
        records = count(self.taken.records, "record")
        messages.say(f"{records} ({size}) written to {self.directory}")
        if self.interrupted or not self.ships:
            messages.say(f"{self.directory} holds {count(sealed, 'sealed archive')}")
        else:
            self._tell_shipping()
        if self.taken.refused:
            messages.say(f"{count(self.taken.refused, 'line')} refused")

    def _tell_shipping(self) -> None:
        waiting = Counter((it.destination, it.reason) for it in self.writer.unshipped)
        if not waiting:
            messages.say(f"everything is shipped, nothing waits in {self.directory}")
        for (destination, reason), number in waiting.items():
            wait = "archive waits" if number == 1 else "archives wait"
            messages.say(f"{number} {wait} in {self.directory} for {destination}: {reason}")

    def _tell_end(self) -> int:
        if self.interrupted:
            messages.complain(f"interrupted: what was read before {self.taken.place} is sealed")
            return exits.INTERRUPTED
        if self.stopped:
            verb = "is" if self.taken.records == 1 else "are"
            messages.complain(
                f"{self.taken.place}: {self._reason(self.stopped)}; {self._before} {verb} safe, "
                "and from this line on nothing is sure to be written"
            )
            return exits.DATA
        return exits.DATA if self.taken.refused else exits.FINE

    @property
    def _before(self) -> str:
        records = count(self.taken.records, "record")
        return f"the {records} before" if self.stopped else records

    def _reason(self, error: Exception) -> str:
        """Return what went wrong, and where, unless that is the input."""
        if isinstance(error, ShoeboxError) or not isinstance(error, OSError):
            return exits.sentence_of(error)
        if error.filename is not None and self.taken.place.startswith(f"{error.filename}:"):
            return str(error.strerror)
        return f"{self.directory}: {error.strerror or error}"


def _sealed(directory: str) -> int:
    spool = Spool(directory, trusted=True)
    try:
        return len(spool.sealed())
    finally:
        spool.close()
