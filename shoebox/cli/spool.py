"""`shoebox spool`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from shoebox.cli.command import Lister, Maybe, Text

if TYPE_CHECKING:
    from shoebox.cli.spool_states import State

_COLUMNS = ("archive", "state", "bytes", "since", "destination", "key", "refusals", "error")


class Spool(Lister):
    """List what waits in the spool, a row for each archive and destination.

    The state is open (its writer lives), abandoned (it does not: recover it), sealed
    (not offered for shipping yet), waiting, stored (there, but not everywhere yet),
    refused (for good, the last error says why), quarantine (no storage takes it, or,
    without a destination, it is damaged), torn tail (what recovery has cut off) or
    unreadable (this user can't open it, the error says why). Nothing is changed.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--directory",
            metavar="DIRECTORY",
            help="the spool, instead of the ini's; without an ini, destinations are those that "
            "archives have been tried with",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], Iterable[tuple[object, ...]]]:
        """Return a row for each archive and destination."""
        return _COLUMNS, list(self._rows(parsed_args.directory))

    def _rows(self, directory: str | None) -> Iterator[tuple[object, ...]]:
        from shoebox.cli import spool_states  # noqa: PLC0415 - slow to import

        path, destinations = spool_states.place(directory, self.app.options.config_file)
        for state in spool_states.states(path, destinations):
            yield from _rows_of(state)


def _rows_of(it: State) -> Iterator[tuple[object, ...]]:
    archive, since = Text(it.archive), Text(it.since)
    if not it.stands:
        yield archive, it.state, it.size, since, *(Text(None) for _ in range(3)), Text(it.error)
    for destination, stand in it.stands.items():
        yield (
            archive,
            it.state_with(stand),
            it.size,
            since,
            Text(destination),
            Text(stand.key),
            Maybe(stand.refusals),
            Text(stand.error),
        )
