"""`shoebox find`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice

from shoebox.cli import selecting
from shoebox.cli.command import Lister, Maybe, Text
from shoebox.cli.text import moment

_COLUMNS = ("archive", "offset", "place", "timestamp", "metadata")


class Find(Lister):
    """List where records lie, with their metadata.

    The offset is that of the record's block in its archive, the place its number there.
    Payloads are not read; what the index, or a catalog, rules out is not read at all.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "sources", nargs="+", metavar="SOURCE", help="a file, directory, glob or URL"
        )
        selecting.add_options(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], Iterable[tuple[object, ...]]]:
        """Return a row for each record."""
        return _COLUMNS, list(self._rows(parsed_args))

    def _rows(self, args: argparse.Namespace) -> Iterator[tuple[object, ...]]:
        from shoebox.cli.anatomy import Pairs  # noqa: PLC0415 - slow to import
        from shoebox.roll_manager import ReadingRollManager  # noqa: PLC0415 - the same

        selection = selecting.selected(args)
        with self.archives(args.sources) as found, ReadingRollManager(found, **selection) as reader:
            for it in islice(reader.find(), args.limit):
                time = None if it.timestamp is None else moment(it.timestamp)
                yield (
                    Text(it.archive),
                    it.position.offset,
                    it.position.place,
                    Maybe(it.timestamp, time),
                    Pairs(it.metadata),
                )
            for fault in reader.faults:
                self.report(fault)
