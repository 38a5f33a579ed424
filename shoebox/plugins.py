"""The loader: finds plugins by name, imports those that are asked for, and builds them.

A plugin is a class that a package declares under a name in one of the entry-point
groups below. This is the only file that knows stevedore; it is imported when a
plugin is first looked up, and with it everything that makes an import slow.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shoebox import interfaces
from shoebox.errors import PluginError, ShoeboxError
from shoebox.escaping import cause

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

    from oslo_config import cfg

GROUPS = {
    "roll_checker": "shoebox.roll_checkers",
    "callback": "shoebox.callbacks",
    "storage": "shoebox.storage_backends",
}

_NAME = re.compile(r"[A-Za-z0-9_.-]+")

STRANGE = (Exception, SystemExit)
"""What a stranger's code may raise when it is imported or built; a user's Ctrl-C is none of it."""


@dataclass(frozen=True)
class Installed:
    """A plugin that a package declares; `error` says why it can't be used, if so."""

    kind: str
    name: str
    package: str
    version: str
    options: tuple[str, ...] | None
    """The names of its options; None if it takes any, or can't be asked."""
    error: str | None


def names(kind: str) -> list[str]:
    """Return the names of the installed plugins, sorted, without importing one."""
    return sorted({entry_point.name for entry_point in _entry_points(kind)})


def load(kind: str, name: str) -> type[Any]:
    """Return the class of the plugin; `kind` is a key of `GROUPS`.

    Raise PluginError if no package or more than one declares the name, if it can't
    be imported, or if it is not what the kind's interface asks for.
    """
    claims = [entry_point for entry_point in _entry_points(kind) if entry_point.name == name]
    if not claims:
        raise PluginError(f"no {kind} plugin is called {name!r}; {nearest(name, names(kind))}")
    packages = _packages(kind, name)
    if len(claims) > 1 or len(packages) > 1:
        raise PluginError(
            f"the {kind} plugin {name!r} is claimed by {' and '.join(packages)}: "
            "uninstall all but one"
        )
    plugin: type[Any] = _imported(kind, claims[0])
    fault = _name_fault(name) or interfaces.fault(kind, plugin)
    if fault is not None:
        raise PluginError(
            f"the {kind} plugin {name!r} of {_owner(kind, name)} can't be used: {fault}"
        )
    return plugin


def options(plugin: type[Any]) -> tuple[cfg.Opt, ...] | None:
    """Return the options that the plugin declares, or None if it takes any key as a string."""
    declared: tuple[cfg.Opt, ...] | None = getattr(plugin, "OPTIONS", None)
    return declared


def build(kind: str, name: str, values: Mapping[str, Any]) -> Any:
    """Return the plugin, built with these keyword arguments.

    Raise PluginError if its constructor refuses them with anything but an error of ours.
    """
    plugin = load(kind, name)
    with building(kind, name):
        return plugin(**values)


@contextmanager
def building(kind: str, name: str) -> Iterator[None]:
    """Raise PluginError for what a constructor raises in the block, if it is no error of ours."""
    try:
        yield
    except ShoeboxError:
        raise
    except ImportError as error:
        raise _unimportable(kind, name, error) from error
    except STRANGE as error:
        raise PluginError(
            f"the {kind} plugin {name!r} of {_owner(kind, name)} refuses its options: "
            f"{cause(error)}; correct them, or report it to the package's authors"
        ) from error


def installed() -> list[Installed]:
    """Return every plugin that any package declares, by kind and name.

    To learn whether it can be used each one is imported, as nowhere else.
    """
    return [
        Installed(kind, name, distribution.name, distribution.version, *_seen(kind, name))
        for kind in GROUPS
        for name in names(kind)
        for distribution in _distributions(kind, name)
    ]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a clause that leads from a mistaken name to the right one."""
    choices = sorted(known)
    close = difflib.get_close_matches(name, choices, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are: {', '.join(choices)}" if choices else "none is known"


def _entry_points(kind: str) -> list[EntryPoint]:
    from stevedore.named import NamedExtensionManager  # noqa: PLC0415 - slow to import

    # A manager imports what it is told the names of; this one is told none.
    manager: NamedExtensionManager[Any] = NamedExtensionManager(GROUPS[kind], names=())
    return manager.list_entry_points()


def _distributions(kind: str, name: str) -> list[Distribution]:
    """Return who declares the name; stevedore's entry points have lost that."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import

    found = (entry_point.dist for entry_point in entry_points(group=GROUPS[kind], name=name))
    return list({it.name: it for it in found if it is not None}.values())


def _packages(kind: str, name: str) -> list[str]:
    return [f"{it.name} {it.version}" for it in _distributions(kind, name)]


def _name_fault(name: str) -> str | None:
    """Return why no list of an ini can hold the name; None if one can."""
    if _NAME.fullmatch(name):
        return None
    return "no ini can name it: give it a name of letters, digits, '-', '_' and '.'"


def _owner(kind: str, name: str) -> str:
    return " and ".join(_packages(kind, name)) or "an unknown package"


def _imported(kind: str, entry_point: EntryPoint) -> Any:
    try:
        return entry_point.load()
    except STRANGE as error:
        raise _unimportable(kind, entry_point.name, error) from error


def _unimportable(kind: str, name: str, error: BaseException) -> PluginError:
    return PluginError(
        f"the {kind} plugin {name!r} of {_owner(kind, name)} can't be imported: "
        f"{cause(error)}; reinstall the package with what it needs, or uninstall it"
    )


def _seen(kind: str, name: str) -> tuple[tuple[str, ...] | None, str | None]:
    """Return the names of a plugin's options, and why it can't be used."""
    try:
        declared = options(load(kind, name))
    except PluginError as error:
        return None, str(error)
    return None if declared is None else tuple(it.dest for it in declared), None
