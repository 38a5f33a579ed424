"""`shoebox check-config`."""

from __future__ import annotations

import argparse
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from shoebox.cli import exits, messages
from shoebox.cli.command import Command

if TYPE_CHECKING:
    from oslo_config import cfg


class CheckConfig(Command):
    """Show the configuration that is in force, or what is wrong in it.

    The spool and folders of local storage must be there; no other storage is asked.
    Printed as an ini file, with what nobody has set at its default, and secrets masked.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> int:  # noqa: ARG002 - cliff's
        """Check everything, and print it."""
        from shoebox import app, config  # noqa: PLC0415 - slow to import
        from shoebox.cli import configuration  # noqa: PLC0415 - the same

        conf = configuration.required(self.app.options.config_file)
        app.check(conf)
        _check_places(conf)
        for section, rows in groupby(config.effective(conf), key=itemgetter(0)):
            messages.say(f"[{section}]")
            for _, key, value in rows:
                messages.say(f"{key} = {value}".rstrip())
        return exits.FINE


def _check_places(conf: cfg.ConfigOpts) -> None:
    """Raise BadWorkingDirectory or StorageError for a directory that can't be used."""
    from shoebox import app, config  # noqa: PLC0415 - slow to import
    from shoebox.spool import Spool  # noqa: PLC0415 - the same

    found = config.settings(conf)
    Spool(found["directory"], trusted=found["trust_directory"]).close()
    for instance in config.instances(conf, "storage"):
        if instance.plugin == "local":
            with app.build_backend(conf, instance.name) as backend:
                next(backend.list(), None)
