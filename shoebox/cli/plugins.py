"""`shoebox plugins`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

from shoebox import plugins
from shoebox.cli.command import Lister, Maybe
from shoebox.cli.commands import Declared
from shoebox.errors import PluginError
from shoebox.escaping import escaped
from shoebox.plugins import Installed

_COLUMNS = ("kind", "name", "package", "version", "options", "error")


class Plugins(Lister):
    """List what is installed, from which package, with its options, or why it fails to load.

    The options are those of its section in the ini. A plugin that names none takes any key there;
    a command has its own, which its help shows.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = super().get_parser(prog_name)
        # The options of some are more than a terminal is wide.
        parser.set_defaults(fit_width=True)
        return parser

    def take_action(
        self,
        parsed_args: argparse.Namespace,  # noqa: ARG002 - cliff's
    ) -> tuple[tuple[str, ...], Iterable[tuple[object, ...]]]:
        """Return a row for each plugin."""
        return _COLUMNS, [_row(it) for it in (*plugins.installed(), *self._commands())]

    def _commands(self) -> Iterator[Installed]:
        for name, command in sorted(self.app.command_manager):
            if not isinstance(command, Declared):
                continue
            error = None
            try:
                command.load()
            except PluginError as reason:
                error = str(reason)
            for package, version in command.packages():
                yield Installed("command", name, package, version, None, error)


def _row(it: Installed) -> tuple[object, ...]:
    names = None if it.options is None else list(map(escaped, it.options))
    return (
        *map(escaped, (it.kind, it.name, it.package, it.version)),
        Maybe(names, None if names is None else ", ".join(names)),
        Maybe(None if it.error is None else escaped(it.error)),
    )
