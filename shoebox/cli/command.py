"""What our commands have in common. Other packages' may use it too, or cliff's own classes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cliff import command, lister, show
from cliff.columns import FormattableColumn

from shoebox.cli import exits, messages, streams
from shoebox.errors import ConfigError, StorageError
from shoebox.escaping import sentence

if TYPE_CHECKING:
    from shoebox.archive import Fault
    from shoebox.sources import Archive

_TABLE = "table"
_PLAIN = ("csv", "value", "shell")
"""Formats that would print None."""

_Value = TypeVar("_Value", str, int, list[str])


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
    def archives(self, wanted: Sequence[str]) -> Iterator[list[Archive]]:
        """Yield what these SOURCEs name, with what the ini says of a store; stores are then closed.

        One that matches nothing is complained of.
        """
        from shoebox.cli import sources  # noqa: PLC0415 - slow to import

        with sources.found(wanted, self.app.options.config_file) as found:
            self.code = found.code
            yield found.archives

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


class Maybe(FormattableColumn[Any], Generic[_Value]):
    """A cell that is empty for people, and null for programs, where there is nothing to say.

    `text` is what people are shown otherwise, if not the value.
    """

    def __init__(self, value: _Value | None, text: str | None = None) -> None:
        super().__init__(value)
        self._text = text

    def human_readable(self) -> str:
        """Return the text."""
        if self._text is not None:
            return self._text
        return "" if self._value is None else str(self._value)

    def __lt__(self, other: object) -> bool:
        """Order by the values, nothing after everything."""
        if not isinstance(other, Maybe):
            return NotImplemented
        if self._value is None or other._value is None:
            return other._value is None and self._value is not None
        return bool(self._value < other._value)


class Text(Maybe[str]):
    """A cell of text that others wrote, such as a name: escaped for people, else as it is."""

    def __init__(self, value: str | None) -> None:
        super().__init__(value, None if value is None else sentence(value))


class Lister(Command, lister.Lister):
    """A command that prints a table, its rows in the order in which they are given."""

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Any]
    ) -> int:
        """Print the rows; an empty table is nothing to be printed."""
        streams.require_output()
        _check(column_names, [*parsed_args.columns, *parsed_args.sort_columns])
        rows = list(data)
        if not rows and parsed_args.formatter == _TABLE:
            return exits.FINE
        if parsed_args.formatter in _PLAIN:
            rows = [_filled(row) for row in rows]
        return super().produce_output(parsed_args, column_names, rows)


class ShowOne(Command, show.ShowOne):
    """A command that prints what there is to say of one thing."""

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Sequence[Any]
    ) -> int:
        """Print what there is; nothing where there is nothing."""
        streams.require_output()
        if not column_names:
            return exits.FINE
        _check(column_names, parsed_args.columns)
        if parsed_args.formatter in _PLAIN:
            data = _filled(data)
        return super().produce_output(parsed_args, column_names, data)


def _check(known: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise ConfigError for a column that there is not."""
    for name in wanted:
        if name.lower().strip() not in known:
            raise ConfigError(f"there is no column {name!r}; there are {', '.join(known)}")


class _Plain(Maybe[Any]):
    """A cell for a format that has no null: nothing is the empty text."""

    def machine_readable(self) -> object:
        """Return the value, a list as people are shown it, or the empty text."""
        if isinstance(self._value, list):
            return ", ".join(self._value)
        return "" if self._value is None else self._value


def _filled(cells: Iterable[Any]) -> list[Any]:
    # Formats that escape nothing themselves, and are read by people if it is on a terminal.
    terminal = sys.stdout.isatty()
    return [_plain(it, terminal=terminal) if isinstance(it, Maybe) else it for it in cells]


def _plain(cell: Maybe[Any], *, terminal: bool) -> _Plain:
    shown = terminal and isinstance(cell, Text)
    return _Plain(cell.human_readable() if shown else cell.machine_readable())
