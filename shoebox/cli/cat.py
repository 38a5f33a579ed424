"""`shoebox cat`."""

from __future__ import annotations

import argparse

from shoebox.cli import selecting
from shoebox.cli.command import Command


class Cat(Command):
    """Print records, in the order in which they were written.

    The payloads as they are, one a line; on a terminal control characters are shown
    escaped. After damage what is sound is printed, the faults go to standard error,
    and the exit code is 1. A closed pipe, as by `| head`, ends it without an error.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add("sources", nargs="+", metavar="SOURCE", help="a file, directory, glob or URL")
        add(
            "--format",
            choices=("payload", "jsonl"),
            default="payload",
            help='payload, the default, or jsonl: {"metadata": ..., "payload": ..., "timestamp": '
            "nanoseconds}, with payload_base64 instead of payload for bytes",
        )
        selecting.add_options(parser)
        add(
            "--follow",
            action="store_true",
            help="go on with what is written to the one SOURCE: a directory or a quoted glob, "
            "until interrupted, or a file, until it is sealed",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Print the records."""
        from shoebox.cli import printing  # noqa: PLC0415 - slow to import

        return printing.cat(parsed_args, self.app.options.config_file)
