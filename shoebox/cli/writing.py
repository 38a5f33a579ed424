"""Lines of input as records, from the first to what is said at the end."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress

from oslo_config import cfg

from shoebox import app, config
from shoebox.cli import intake, messages
from shoebox.cli.closing import Outcome
from shoebox.cli.intake import Input, Intake
from shoebox.cli.interruption import Interruption
from shoebox.cli.metadata import LineMetadata
from shoebox.cli.progress import progress
from shoebox.cli.spooling import configured
from shoebox.errors import ShoeboxError
from shoebox.roll_manager import WritingRollManager


def write(args: argparse.Namespace, files: Sequence[str], *, quiet: bool) -> int:
    """Write what the arguments name; return the exit code."""
    messages.speak_for("shoebox.retrying", "shoebox.uploader")
    # What the disk refuses in the background it refuses again when the writer is closed; a roll
    # checker that fails is told.
    messages.speak_for("shoebox.roll_manager.asking", about="[Errno ")
    metadata = LineMetadata(dict(args.metadata), args.metadata_from)
    with intake.opened(args.files) as inputs:
        conf = configured(args, files)
        return _written(conf, metadata, inputs, quiet=quiet).tell()


def _written(
    conf: cfg.ConfigOpts, metadata: LineMetadata, inputs: Sequence[Input], *, quiet: bool
) -> Outcome:
    """Write all that the inputs hold, or what can be written, and close the writer."""
    with Interruption() as interruption:
        writer = app.build_writer(conf)
        taken = Intake(writer, metadata)
        outcome = Outcome(taken, writer, config.settings(conf)["directory"])
        outcome.ships = bool(config.instances(conf, "storage"))
        _read(outcome, inputs, interruption, quiet=quiet)
        # What fails from here on is told at the end, with what came of it.
        messages.speak_for("shoebox.roll_manager.asking", "shoebox.roll_manager.sealer")
        # Sealing is not to be interrupted, shipping may be. What fails here, closing
        # tries again, and says why.
        with suppress(OSError):
            writer.roll()
    outcome.interrupted = outcome.interrupted or interruption.caught
    try:
        _close(outcome, writer)
    except KeyboardInterrupt:
        outcome.interrupted = True
    return outcome


def _read(
    outcome: Outcome, inputs: Sequence[Input], interruption: Interruption, *, quiet: bool
) -> None:
    """Write what the inputs hold, and note what ends it before their end."""
    sizes = [source.size for source in inputs]
    total = None if None in sizes else sum(size for size in sizes if size is not None)
    try:
        with progress("writing", total, quiet=quiet) as advance:
            for source in inputs:
                outcome.taken.read(source, interruption, advance)
    except KeyboardInterrupt:
        outcome.interrupted = True
    except (OSError, ShoeboxError) as error:
        outcome.stopped = error


def _close(outcome: Outcome, writer: WritingRollManager) -> None:
    """Close the writer; who has interrupted does not wait for what is being shipped."""
    try:
        if outcome.interrupted:
            writer.roll()
        else:
            writer.close()
    except OSError as error:
        outcome.failed = error
        # What it tries at the very end fails as well.
        messages.speak_for("shoebox.roll_manager.writing")
