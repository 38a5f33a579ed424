"""`shoebox write`."""

from __future__ import annotations

import argparse

from shoebox.cli import arguments
from shoebox.cli.command import Command


class Write(Command):
    """Write one record for each line of files or of standard input.

    Says what was written and what still waits to be shipped. The exit code is 0 only if
    every record is safe in the spool. Ctrl-C seals what was written.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add("files", nargs="*", metavar="FILE", help="input; - or none is standard input")
        add(
            "--directory",
            metavar="DIRECTORY",
            help="the spool, instead of the ini's; made, for this user alone, if its parent is "
            "there",
        )
        add("--template", help="archives' names, with strftime's directives, instead of the ini's")
        add(
            "--roll-size-mb",
            type=arguments.megabytes,
            metavar="MB",
            help="roll an archive of so many MB (2**20 bytes), instead of by the ini's checkers",
        )
        add(
            "--metadata",
            action="append",
            default=[],
            type=arguments.pair,
            metavar="KEY=VALUE",
            help="metadata of every record; repeatable",
        )
        add(
            "--metadata-from",
            action="append",
            default=[],
            type=arguments.path_pair,
            metavar="KEY=PATH",
            help="metadata from each line, which is a JSON object: PATH is names, with dots "
            "between them, that lead to a value; what is not a string is taken as its JSON text, "
            "and a line without the value goes without the key; repeatable",
        )
        add(
            "--timeout",
            type=arguments.seconds,
            metavar="SECONDS",
            help="how long to wait for what is being shipped, instead of the ini's close_timeout",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Write, and say what was written."""
        from shoebox.cli import writing  # noqa: PLC0415 - slow to import

        options = self.app.options
        return writing.write(parsed_args, options.config_file, quiet=options.quiet)
