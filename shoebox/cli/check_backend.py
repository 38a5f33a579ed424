"""`shoebox check-backend`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from shoebox.cli import exits, messages
from shoebox.cli.command import Lister
from shoebox.escaping import escaped

if TYPE_CHECKING:
    from shoebox.cli.check_backend_run import Corner

_COLUMNS = ("check", "result", "seen")
_SEEN = 200
"""Characters of a cell at most."""


class CheckBackend(Lister):
    """Check that storage does what archives need of it, in a corner that is removed again.

    Objects are put, read, listed and deleted under a new prefix, shoebox-check-... . The exit
    code is 0 when all checks passed, 1 when one failed, and 3 when the storage can't be
    reached or denies, which is said instead of the table.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "name", metavar="NAME", help="as in storage = of the ini, or a storage plugin's name"
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], Iterable[tuple[object, ...]]]:
        """Return a row for each check."""
        from shoebox import app  # noqa: PLC0415 - slow to import
        from shoebox.cli import configuration  # noqa: PLC0415 - the same
        from shoebox.cli.check_backend_run import Corner  # noqa: PLC0415 - the same

        conf = configuration.load(self.app.options.config_file)
        corner = Corner(lambda: app.build_backend(conf, parsed_args.name))
        try:
            corner.probe()
            return _COLUMNS, list(self._rows(corner))
        finally:
            self._tell_what_is_left(corner)

    def _rows(self, corner: Corner) -> Iterator[tuple[object, ...]]:
        for outcome in corner.outcomes():
            if not outcome.passed:
                self.code = exits.DATA
            seen = escaped(outcome.seen[:_SEEN])
            yield outcome.duty, "passed" if outcome.passed else "failed", seen

    def _tell_what_is_left(self, corner: Corner) -> None:
        if corner.left is not None:
            self.code = exits.DATA
            messages.complain(
                f"what is below {corner.prefix}/ could not be removed: {corner.left}; "
                "remove it by hand"
            )
