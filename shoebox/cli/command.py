"""What our commands have in common. Other packages may use it, or cliff's own classes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cliff import command, lister, show
from cliff.columns import FormattableColumn

from shoebox.cli import exits, messages
from shoebox.errors import StorageError

if TYPE_CHECKING:
    from shoebox.archive import Fault


class Command(command.Command):
    """A command; `take_action` prints, and returns the exit code, or sets `code`."""

    code = exits.FINE
    """The exit code that is due when all the same everything has been done."""

    def get_epilog(self) -> str:
        """Return nothing; cliff would go through all packages to say whose command this is."""
        return ""

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Act, and return the exit code."""
        return super().run(parsed_args) or self.code

    def report(self, fault: Fault) -> None:
        """Name a fault on standard error."""
        messages.complain(str(fault))
        self.code = exits.DATA

    @contextmanager
    def going_on(self, name: str) -> Iterator[None]:
        """Complain of an archive that can't be opened or read, and go on with the others."""
        try:
            yield
        except StorageError:
            raise
        except OSError as error:
            messages.complain(f"{name}: {error.strerror}")
            self.code = exits.DATA


class Maybe(FormattableColumn[str | None]):
    """A cell that is empty for people, and null for programs, where there is nothing to say."""

    def human_readable(self) -> str:
        """Return the text."""
        return "" if self._value is None else self._value


class Lister(Command, lister.Lister):
    """A command that prints a table, its rows in the order in which they are given."""

    @property
    def need_sort_by_cliff(self) -> bool:
        """Say that the rows are in order."""
        return False


class ShowOne(Command, show.ShowOne):
    """A command that prints what there is to say of one thing."""
