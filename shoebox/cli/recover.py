"""`shoebox recover`."""

from __future__ import annotations

import argparse

from shoebox.cli import exits, messages
from shoebox.cli.command import Command


class Recover(Command):
    """Seal what writers that died have left open.

    A torn tail is cut off and saved beside the archive; that is success. The exit code
    is 1 if an archive is corrupt, which is set aside as NAME.corrupt, or had to be left
    as it is. Archives whose writer lives are not touched.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument("directory", metavar="DIRECTORY", help="the spool")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Recover, and say what was done."""
        from shoebox.cli.recovering import recovered  # noqa: PLC0415 - slow to import
        from shoebox.spool import Spool  # noqa: PLC0415 - the same

        done = [it.outcome for it in recovered(Spool(parsed_args.directory))]
        if not done:
            messages.say(f"{parsed_args.directory}: there is nothing to recover")
        return exits.DATA if {"corrupt", "left"} & set(done) else exits.FINE
