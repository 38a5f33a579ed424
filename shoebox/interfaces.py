"""The interfaces of plugins: their version, and what is wrong with a class that is to be of one.

docs/plugins.md says what each of them asks of a plugin, and what the version promises.
"""

from __future__ import annotations

from collections import Counter
from inspect import getattr_static, signature
from pkgutil import resolve_name
from types import FunctionType
from typing import Any

VERSION = 1
"""The version of all interfaces together. A plugin says as its class's `INTERFACE` which one it
was written for; one that says nothing was written for the first."""

INTERFACES = {
    "roll_checker": "shoebox.roll_checker:RollChecker",
    "callback": "shoebox.callback:Callback",
    "storage": "shoebox.storage:StorageBackend",
}
"""The class that a plugin of a kind is a subclass of."""


def fault(kind: str, plugin: Any) -> str | None:
    """Return why this can't be a plugin of the kind, and what to do; None if it can."""
    return (
        version_fault(plugin)
        or _class_fault(plugin, INTERFACES[kind])
        or _options_fault(kind, plugin)
    )


def version_fault(plugin: Any) -> str | None:
    """Return what is wrong with the version that a plugin was written for; None if nothing."""
    version = getattr(plugin, "INTERFACE", 1)
    if type(version) is not int or version < 1:
        return f"its INTERFACE is {version!r}: let it be the whole number that it was written for"
    if version > VERSION:
        return (
            f"it was written for version {version} of the interfaces, and this shoebox has version "
            f"{VERSION}: upgrade shoebox, or install an older version of the package"
        )
    return None


def _class_fault(plugin: Any, name: str) -> str | None:
    interface = resolve_name(name)
    if not isinstance(plugin, type) or not issubclass(plugin, interface):
        return f"{_qualified(plugin)} is no subclass of {name}: correct its entry point"
    missing = sorted(getattr(plugin, "__abstractmethods__", ()))
    if missing:
        return f"{_qualified(plugin)} lacks {', '.join(missing)} of {name}: write what is missing"
    for method, ours in vars(interface).items():
        if not method.startswith("_") and not _can_stand_for(getattr_static(plugin, method), ours):
            return (
                f"{_qualified(plugin)}.{method} does not take the arguments of {name}.{method}, "
                f"{signature(ours)}: correct it"
            )
    return None


def _can_stand_for(theirs: object, ours: object) -> bool:
    """Tell whether a method can be called as the interface's is, as far as that can be seen."""
    if not isinstance(theirs, FunctionType) or not isinstance(ours, FunctionType):
        return True
    try:
        signature(theirs).bind(*signature(ours).parameters)
    except TypeError:
        return False
    return True


def _options_fault(kind: str, plugin: type[Any]) -> str | None:
    declared = getattr(plugin, "OPTIONS", None)
    if declared is None:
        return None
    from oslo_config import cfg  # noqa: PLC0415 - too slow to import for everybody

    from shoebox import options  # noqa: PLC0415 - the same

    name = f"{_qualified(plugin)}.OPTIONS"
    if not isinstance(declared, tuple) or not all(isinstance(it, cfg.Opt) for it in declared):
        return f"{name} must be a tuple of oslo.config options: correct it"
    common = [it.dest for it in options.common(kind)]
    for dest, times in Counter([*common, *(it.dest for it in declared)]).items():
        if not dest.isidentifier():
            return f"{name}: {dest!r} is no name of a keyword argument: give it another dest"
        if times > 1:
            whose = f"every {kind} has" if dest in common else "is declared twice"
            return f"{name}: {dest!r}, which {whose}: give it another name"
    return None


def _qualified(plugin: Any) -> str:
    return f"{getattr(plugin, '__module__', '?')}:{getattr(plugin, '__qualname__', repr(plugin))}"
