"""Finding the commands, ours and those of other packages; only the wanted one is imported."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from cliff.command import Command
from cliff.commandmanager import CommandManager, EntryPointWrapper

from shoebox import interfaces
from shoebox.errors import ConfigError, PluginError
from shoebox.escaping import cause
from shoebox.plugins import STRANGE

GROUP = "shoebox.commands"


class Declared(EntryPointWrapper):
    """A command that one package declares, or several; it is imported when it is asked for."""

    def __init__(self, name: str, claims: Sequence[EntryPoint]) -> None:
        self.name = name
        self._claims = claims

    @property
    def value(self) -> str:
        """Where the command is."""
        return ", ".join(claim.value for claim in self._claims)

    def load(self) -> type[Command]:
        """Return the command's class; raise PluginError if there is none to be had."""
        if len(self._claims) > 1:
            raise PluginError(
                f"the command {self.name!r} is claimed by {self._packages()}: uninstall all but one"
            )
        try:
            found = self._claims[0].load()
        except STRANGE as error:
            raise PluginError(
                f"the command {self.name!r} of {self._packages()} can't be imported: "
                f"{cause(error)}; reinstall the package with what it needs, or uninstall it"
            ) from error
        fault = _fault(found)
        if fault is not None:
            raise PluginError(
                f"the command {self.name!r} of {self._packages()} can't be used: {fault}"
            )
        return cast("type[Command]", found)

    def packages(self) -> list[tuple[str, str]]:
        """Return name and version of each package that declares it."""
        owners = (claim.dist for claim in self._claims)
        return list(dict.fromkeys((it.name, it.version) for it in owners if it is not None))

    def _packages(self) -> str:
        return " and ".join(map(" ".join, self.packages())) or "an unknown package"


class Commands(CommandManager):
    """The commands by name. None is imported to learn its name, as cliff would."""

    def load_commands(self, namespace: str) -> None:
        """Take in what is declared in a group."""
        self.group_list.append(namespace)
        claims: dict[str, list[EntryPoint]] = {}
        for claim in sorted(entry_points(group=namespace), key=lambda claim: claim.value):
            claims.setdefault(claim.name.replace("_", " "), []).append(claim)
        self.commands.update({words: Declared(words, found) for words, found in claims.items()})

    def find_command(self, argv: list[str]) -> tuple[type[Command], str, list[str]]:
        """Return the command's class, its name and its arguments."""
        try:
            return super().find_command(argv)
        except ValueError as error:
            if isinstance(error, PluginError):
                raise
            raise ConfigError(self._unknown(argv[0])) from error

    def _unknown(self, word: str) -> str:
        if word.startswith("-"):
            return f"there is no option {word} before the command; see shoebox --help"
        close = get_close_matches(word, self.commands, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "see shoebox --help"
        return f"there is no command {word!r}; {hint}"


def _fault(found: object) -> str | None:
    """Return why this can't be a command, and what to do; None if it can."""
    if isinstance(found, type) and issubclass(found, Command):
        return interfaces.version_fault(found)
    return "it is no subclass of cliff.command.Command: correct its entry point"
