"""The program: options that every command has, logging, and how it ends."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import EntryPoint, version
from inspect import getdoc
from typing import Any, NoReturn

from cliff.app import App
from cliff.commandmanager import EntryPointWrapper

from shoebox.cli import exits, messages, streams
from shoebox.cli.commands import GROUP, Commands
from shoebox.errors import ConfigError, PluginError
from shoebox.escaping import escaped, sentence

_DESCRIPTION = "Keeps every record it is handed, ships the archives, and finds a record again."
_EPILOG = (
    "A SOURCE is a file, a directory, a glob, or SCHEME://BUCKET/PREFIX with the name of a "
    "storage plugin as the scheme. "
    "Exit codes: 0 fine, 1 a fault in the data, 2 usage or configuration, 3 storage that can't be "
    "reached or denies, 130 interrupted, 141 the output's pipe was closed."
)


class Shoebox(App):
    """`shoebox`, with its options before or after the command."""

    NAME = "shoebox"

    def __init__(self) -> None:
        super().__init__(_DESCRIPTION, version("shoebox"), Commands(GROUP))

    def build_option_parser(
        self,
        description: str | None,
        version: str | None,
        argparse_kwargs: dict[str, Any] | None = None,
    ) -> argparse.ArgumentParser:
        """Return the parser of the options that every command has."""
        parser = argparse.ArgumentParser(
            prog=self.NAME,
            usage="shoebox [OPTION]... COMMAND [ARGUMENT]...",
            description=description,
            epilog=_EPILOG,
            add_help=False,
            # An abbreviation would take away what belongs to a command.
            allow_abbrev=False,
            **({} if argparse_kwargs is None else argparse_kwargs),
        )
        add = parser.add_argument
        add("-h", "--help", action="store_true", help="show this, or what a command does")
        add("--version", action="version", version=f"{self.NAME} {version}")
        add(
            "--config-file",
            action="append",
            default=[],
            metavar="FILE",
            help="an ini file; of several the last one wins",
        )
        add("-v", "--verbose", action="count", default=0, help="log more; twice, everything")
        add("-q", "--quiet", action="store_true", help="log errors only, and show no progress")
        add("--debug", action="store_true", help="show the traceback of an error")
        return parser

    def run(self, argv: list[str]) -> int:
        """Run the command, and return the exit code."""
        self.options, rest = self.parser.parse_known_args(argv)
        messages.configure(self.options)
        try:
            code = self.run_subcommand(rest)
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, a user gets a sentence
            if self.options.debug:
                messages.show_traceback(error)
            said = exits.sentence_of(error)
            # Of a configuration all that is wrong is told, each on a line of its own.
            for line in said.split("\n") if isinstance(error, ConfigError) else [said]:
                messages.complain(line)
            return exits.code_of(error)
        return code

    def run_subcommand(self, argv: list[str]) -> int:
        """Find the command, and run it with its own arguments."""
        if argv in ([], ["help"]):
            return self._overview(asked=self.options.help or bool(argv))
        factory, name, arguments = self.command_manager.find_command(argv)
        command = factory(self, self.options, cmd_name=name)
        parser = command.get_parser(f"{self.NAME} {name}")
        if self.options.help:
            parser.print_help()
            return exits.FINE
        parser.error = partial(_refuse, parser)  # type: ignore[method-assign] # cliff makes it
        parsed = parser.parse_args(arguments)
        _require(self.options.config_file)
        return command.run(parsed)

    def _overview(self, *, asked: bool) -> int:
        """Print what there is; where nobody has asked, as an error."""
        out = sys.stdout if asked else sys.stderr
        self.parser.print_help(out)
        out.write("\ncommands:\n")
        for name, entry in sorted(self.command_manager):
            out.write(f"  {name:<13} {escaped(_gist(entry))}\n")
        return exits.FINE if asked else exits.USAGE


def _require(files: Sequence[str]) -> None:
    """Raise ConfigError for an ini file that is not there, whether or not the command reads it."""
    for file in files:
        try:
            os.stat(os.path.expanduser(file))  # noqa: PTH111, PTH116 - as oslo.config does it
        except OSError as error:
            raise ConfigError(
                f"{file}: can't be read: {error.strerror}; name an ini file"
            ) from error


def _refuse(parser: argparse.ArgumentParser, message: str) -> NoReturn:
    """End with what is wrong in the arguments; a shell's glob may give names of any kind."""
    parser.print_usage(sys.stderr)
    parser.exit(exits.USAGE, f"{parser.prog}: error: {sentence(message)}\n")


def _gist(entry: EntryPoint | EntryPointWrapper) -> str:
    """Return the first line of a command's description, or why there is none."""
    try:
        command = entry.load()
    except PluginError as error:
        return f"({error})"
    text = command._description or getdoc(command) or ""  # noqa: SLF001 - cliff's, for subclasses
    return text.partition("\n")[0].rstrip(".")


def main(argv: list[str] | None = None) -> int:
    """Run the program with these arguments, else its own, and return the exit code."""
    # A service that is stopped ends as by Ctrl-C: what was written is sealed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    streams.prepare()
    try:
        code = Shoebox().run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        messages.complain("interrupted")
        return exits.INTERRUPTED
    except BrokenPipeError:
        return exits.CLOSED_PIPE
    return code
