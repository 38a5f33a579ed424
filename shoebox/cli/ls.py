"""`shoebox ls`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from shoebox.cli.command import Lister, Maybe, Text
from shoebox.cli.text import moment

if TYPE_CHECKING:
    from shoebox.cli.survey import Survey

_COLUMNS = ("archive", "state", "version", "records", "bytes", "created", "first", "last")


class Ls(Lister):
    """List archives, with what they say of themselves.

    The state is sealed, open (its writer lives), abandoned (it does not: recover it),
    or what is wrong: torn, corrupt, gap, foreign. Payloads are not read, and of archives
    in a store only the two ends: for the rest there is verify.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "sources", nargs="+", metavar="SOURCE", help="a file, directory, glob or URL"
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], Iterable[tuple[object, ...]]]:
        """Return a row for each archive."""
        return _COLUMNS, list(self._rows(parsed_args.sources))

    def _rows(self, wanted: list[str]) -> Iterator[tuple[object, ...]]:
        from shoebox.cli.survey import glance  # noqa: PLC0415 - slow to import

        with self.archives(wanted) as archives:
            for archive in archives:
                with self.going_on(archive.name):
                    seen = glance(archive)
                    for fault in seen.faults:
                        self.report(fault)
                    yield _row(seen)


def _row(seen: Survey) -> tuple[object, ...]:
    times = (None if seen.header is None else seen.header.created, seen.first_time, seen.last_time)
    return (
        Text(seen.name),
        seen.state,
        seen.version,
        seen.records,
        seen.size,
        *(Maybe(None if it is None else moment(it)) for it in times),
    )
