"""`shoebox check-config`."""

from __future__ import annotations

import argparse
from itertools import groupby
from operator import itemgetter

from shoebox.cli import exits, messages
from shoebox.cli.command import Command


class CheckConfig(Command):
    """Show the configuration that is in force, or what is wrong in it.

    Printed as an ini file, with what nobody has set at its default, and secrets masked.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> int:  # noqa: ARG002 - cliff's
        """Check everything but the spool, and print it."""
        from shoebox import app, config  # noqa: PLC0415 - slow to import
        from shoebox.cli import configuration  # noqa: PLC0415 - the same

        conf = configuration.required(self.app.options.config_file)
        app.check(conf)
        for section, rows in groupby(config.effective(conf), key=itemgetter(0)):
            messages.say(f"[{section}]")
            for _, key, value in rows:
                messages.say(f"{key} = {value}".rstrip())
        return exits.FINE
