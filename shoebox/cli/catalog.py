"""`shoebox catalog`."""

from __future__ import annotations

import argparse
import glob

from shoebox.cli import exits, messages
from shoebox.cli.command import Command
from shoebox.cli.text import count
from shoebox.errors import ConfigError
from shoebox.escaping import escaped


class Catalog(Command):
    """Write the catalog of a prefix, or bring it up to date.

    It is one object beside the archives, PREFIXshoebox-DIGITS.catalog, that says what
    each of them can hold: find and cat read only those that can match. Archives that
    are not in it are asked themselves, so that it may be made now and then. Of archives
    that it knows nothing is read again.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument("source", metavar="SOURCE", help="SCHEME://BUCKET/PREFIX")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Write the catalog; say what came of it."""
        from shoebox import cataloging, stores  # noqa: PLC0415 - slow to import
        from shoebox.cli import sources  # noqa: PLC0415 - the same

        source = parsed_args.source
        location = stores.parse(source)
        if location is None or glob.has_magic(location.prefix) or "%" in location.prefix:
            raise ConfigError(f"{source}: is no prefix in a store; write SCHEME://BUCKET/PREFIX")
        with sources.open_store(location, self.app.options.config_file) as backend:
            done = cataloging.refresh(backend, location.prefix, location.root)
        for name in done.left_out:
            messages.complain(f"{escaped(name)}: is left out; shoebox verify says what is wrong")
        messages.say(
            f"{escaped(location.root + done.key)}: {count(done.archives, 'archive')}, "
            f"{done.added} added, {done.removed} removed"
        )
        return exits.FINE
