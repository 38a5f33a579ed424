"""A command: `shoebox acme`."""

from __future__ import annotations

import argparse
from collections import Counter

from shoebox import roll_manager
from shoebox.cli.command import Lister, Maybe
from shoebox.escaping import escaped


class Acme(Lister):
    """Count the records of archives by what their metadata says.

    Their payloads are not read. Records without the key are counted too.
    """

    INTERFACE = 1

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add("sources", nargs="+", metavar="SOURCE", help="a file, directory, glob or URL")
        add("--key", default="event_type", help="the key of the metadata, else event_type")
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        """Return a row for each value, the most frequent first."""
        with (
            self.archives(parsed_args.sources) as archives,
            roll_manager.ReadingRollManager(archives) as reader,
        ):
            counts = Counter(it.metadata.get(parsed_args.key) for it in reader.find())
            for fault in reader.faults:
                self.report(fault)
        return ("value", "records"), [
            (Maybe(None if value is None else escaped(value)), records)
            for value, records in counts.most_common()
        ]
