"""`shoebox verify`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from shoebox.cli import exits, messages
from shoebox.cli.command import Command
from shoebox.cli.progress import progress
from shoebox.cli.text import count

if TYPE_CHECKING:
    from shoebox.sources import Archive


class Verify(Command):
    """Read archives whole, and say what is wrong with them.

    One line for each fault, and at the end how much is sound.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "sources", nargs="+", metavar="SOURCE", help="a file, directory, glob or URL"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Verify; say so, also of what is sound."""
        from shoebox.cli import sources  # noqa: PLC0415 - slow to import

        options = self.app.options
        with sources.found(parsed_args.sources, options.config_file) as found:
            if not found.archives:
                return found.code
            records, sound = 0, 0
            total = sum(archive.size for archive in found.archives)
            with progress("verifying", total, quiet=options.quiet) as advance:
                for archive in found.archives:
                    size, is_sound = self._verify(archive)
                    records, sound = records + size, sound + is_sound
                    advance(archive.size)
        messages.say(
            f"{sound} of {count(len(found.archives), 'archive')} sound, "
            f"with {count(records, 'sound record')}"
        )
        return found.code

    def _verify(self, archive: Archive) -> tuple[int, bool]:
        """Return how many records of an archive are sound, and whether all of it is."""
        from shoebox.cli import sources  # noqa: PLC0415 - slow to import

        records = 0
        before, self.code = self.code, exits.FINE
        with self.going_on(archive.name), sources.reading(archive) as reader:
            records = reader.verify()
            for fault in reader.faults:
                messages.say(str(fault))
                self.code = exits.DATA
        sound = self.code == exits.FINE
        self.code = self.code or before
        return records, sound
