"""`shoebox ship`."""

from __future__ import annotations

import argparse

from shoebox.cli import arguments
from shoebox.cli.command import Command

_TIMEOUT = 60.0


class Ship(Command):
    """Ship what the spool holds to the storage that the ini names.

    What writers that died have left is recovered first. Archives are removed here when
    every storage has them; the exit code is 0 when none is left to ship, and 3 if some are
    since storage can't be reached, denies, or could not take all in the time there was. It is
    1 if something is wrong with an archive: storage refuses it, also where that was put
    into quarantine for it, it is corrupt, could not be recovered or opened here, or was
    removed before it was stored. shoebox spool shows more of what waits. With --watch, and
    metrics = prometheus in the ini, /metrics and /healthz answer at 127.0.0.1:9465, or where
    the ini says.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        group = parser.add_mutually_exclusive_group()
        group.add_argument(
            "--timeout",
            type=arguments.seconds,
            default=_TIMEOUT,
            metavar="SECONDS",
            help=f"how long to go on trying; {_TIMEOUT:.0f} if not given",
        )
        group.add_argument("--watch", action="store_true", help="go on for ever with what comes")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Ship, and say what waits still."""
        from shoebox.cli import shipping  # noqa: PLC0415 - slow to import

        options = self.app.options
        if parsed_args.watch:
            return shipping.watch(options.config_file)
        return shipping.once(options.config_file, parsed_args.timeout, quiet=options.quiet)
