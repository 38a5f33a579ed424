"""Lines of input as records, from the first to what is said at the end."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress

from shoebox import app, config
from shoebox.cli import exits, intake, messages
from shoebox.cli.intake import Input, Intake
from shoebox.cli.interruption import Interruption
from shoebox.cli.metadata import LineMetadata
from shoebox.cli.progress import progress
from shoebox.cli.shipping import tell
from shoebox.cli.spooling import configured
from shoebox.cli.text import count
from shoebox.errors import ShoeboxError
from shoebox.roll_manager import WritingRollManager
from shoebox.spool import Spool

_MB = 1 << 20


def write(args: argparse.Namespace, files: Sequence[str], *, quiet: bool) -> int:
    """Write what the arguments name; return the exit code."""
    messages.speak_for("shoebox.retrying", "shoebox.uploader")
    metadata = LineMetadata(dict(args.metadata), args.metadata_from)
    with intake.opened(args.files) as inputs:
        conf = configured(args, files)
        directory = config.settings(conf)["directory"]
        with Interruption() as interruption:
            writer = app.build_writer(conf)
            taken = Intake(writer, metadata)
            code = _read(taken, inputs, interruption, directory, quiet=quiet)
            # Sealing is not to be interrupted, shipping may be. What fails here, closing
            # tries again, and says why.
            with suppress(OSError):
                writer.roll()
        if interruption.caught:
            code = exits.INTERRUPTED
        try:
            if not _closed(writer, directory, interrupted=code == exits.INTERRUPTED):
                return exits.DATA
        except KeyboardInterrupt:
            code = exits.INTERRUPTED
    _tell(taken, directory, code)
    tell(writer.unshipped)
    return code


def _read(
    taken: Intake,
    inputs: Sequence[Input],
    interruption: Interruption,
    directory: str,
    *,
    quiet: bool,
) -> int:
    """Write all that the inputs hold, or what can be written; return the exit code."""
    sizes = [source.size for source in inputs]
    total = None if None in sizes else sum(size for size in sizes if size is not None)
    try:
        with progress("writing", total, quiet=quiet) as advance:
            for source in inputs:
                taken.read(source, interruption, advance)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except (OSError, ShoeboxError) as error:
        _complain(error, directory)
        return exits.DATA
    return exits.DATA if taken.refused else exits.FINE


def _closed(writer: WritingRollManager, directory: str, *, interrupted: bool) -> bool:
    """Close the writer, and say whether every record that it took is safe.

    Who has interrupted does not wait for what is being shipped.
    """
    try:
        if interrupted:
            writer.roll()
        else:
            writer.close()
    except OSError as error:
        _complain(error, directory)
        messages.complain(
            "not every record is safe; make room, and see what is: "
            f"shoebox recover {directory}; shoebox cat {directory}"
        )
        # What it tries at the very end fails as well.
        messages.speak_for("shoebox.roll_manager.writing")
        return False
    return True


def _complain(error: Exception, directory: str) -> None:
    where = f"{directory}: " if isinstance(error, OSError) and error.filename is None else ""
    messages.complain(where + exits.sentence_of(error))


def _tell(taken: Intake, directory: str, code: int) -> None:
    """Say what is safe, and where that ends if it was not all."""
    size = f"{taken.payload / _MB:.1f} MB"
    messages.say(f"{count(taken.records, 'record')} ({size}) written to {directory}")
    messages.say(f"{directory} holds {count(_sealed(directory), 'sealed archive')}")
    if taken.refused:
        messages.say(f"{count(taken.refused, 'line')} refused")
    if code == exits.INTERRUPTED:
        messages.complain(f"interrupted: what was read before {taken.place} is sealed")
    elif not taken.complete:
        messages.complain(f"{taken.place}: from this line on nothing is sure to be written")


def _sealed(directory: str) -> int:
    spool = Spool(directory)
    try:
        return len(spool.sealed())
    finally:
        spool.close()
