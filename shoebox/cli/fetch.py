"""`shoebox fetch`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from shoebox.cli import exits, messages
from shoebox.cli.command import Command
from shoebox.cli.progress import progress

if TYPE_CHECKING:
    from shoebox.cli.fetching import Fetcher
    from shoebox.sources import Archive


class Fetch(Command):
    """Restore archives from stores into a directory.

    Each lands under the last segment of its key, once it is whole, equal to what the
    store says of it, and sound by its own checksums. What is not is left out, named, and
    makes the exit code 1; shoebox cat URL prints what is sound of it. Nothing is ever
    overwritten: an archive that is there already is fine if its content is the same.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add("sources", nargs="+", metavar="SOURCE", help="a URL, or a file, directory or glob")
        add(
            "directory",
            metavar="DIRECTORY",
            help="where to; made, for this user alone, if its parent is there",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Fetch, and say how many archives are there now."""
        from shoebox.cli import fetching, sources  # noqa: PLC0415 - slow to import

        options = self.app.options
        with sources.found(parsed_args.sources, options.config_file) as found:
            if not found.archives:
                return found.code
            with (
                fetching.target(parsed_args.directory) as directory,
                progress(
                    "fetching", sum(it.size for it in found.archives), quiet=options.quiet
                ) as advance,
            ):
                fetcher = fetching.Fetcher(directory, advance)
                for archive in found.archives:
                    self._fetch(fetcher, archive)
        messages.say(fetcher.summary())
        return found.code

    def _fetch(self, fetcher: Fetcher, archive: Archive) -> None:
        """Fetch one archive; say why not, and let the others be fetched."""
        from shoebox.cli.fetching import LeftOut  # noqa: PLC0415 - slow to import

        try:
            fetcher.fetch(archive)
        except LeftOut as reason:
            for fault in reason.faults:
                self.report(fault)
            messages.complain(f"{archive.name}: {reason}")
            self.code = exits.DATA
