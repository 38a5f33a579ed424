"""`shoebox info`."""

from __future__ import annotations

import argparse

from shoebox.cli.command import ShowOne
from shoebox.errors import ConfigError


class Info(ShowOne):
    """Show one archive's header, blocks and index."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument("source", metavar="SOURCE", help="what names a single archive")
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[object, ...]]:
        """Return what there is to say, and its names."""
        from shoebox.cli import anatomy, sources  # noqa: PLC0415 - slow to import

        with sources.found([parsed_args.source], self.app.options.config_file) as found:
            self.code = found.code
            if not found.archives:
                return (), ()
            if len(found.archives) > 1:
                raise ConfigError(
                    f"{parsed_args.source}: matches {len(found.archives)} archives; name one "
                    "(shoebox ls shows them)"
                )
            shown, faults = anatomy.of(found.archives[0])
        for fault in faults:
            self.report(fault)
        return tuple(shown), tuple(shown.values())
