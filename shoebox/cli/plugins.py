"""`shoebox plugins`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

from shoebox import plugins
from shoebox.cli.command import Lister, Maybe
from shoebox.cli.commands import Declared
from shoebox.cli.text import escaped
from shoebox.errors import PluginError

_COLUMNS = ("kind", "name", "package", "version", "error")


class Plugins(Lister):
    """List what is installed, from which package, and what fails to load and why."""

    def take_action(
        self,
        parsed_args: argparse.Namespace,  # noqa: ARG002 - cliff's
    ) -> tuple[tuple[str, ...], Iterable[tuple[object, ...]]]:
        """Return a row for each plugin."""
        rows = ((it.kind, it.name, it.package, it.version, it.error) for it in plugins.installed())
        return _COLUMNS, [
            (*map(escaped, texts), Maybe(None if error is None else escaped(error)))
            for *texts, error in (*rows, *self._commands())
        ]

    def _commands(self) -> Iterator[tuple[str, str, str, str, str | None]]:
        for name, command in sorted(self.app.command_manager):
            if not isinstance(command, Declared):
                continue
            error = None
            try:
                command.load()
            except PluginError as reason:
                error = str(reason)
            for package, version in command.packages():
                yield "command", name, package, version, error
