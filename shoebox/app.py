"""The only place that wires: from a parsed `conf` to a writer and its parts.

Every function raises ConfigError for what is wrong in the ini, with a line for
each problem that names the section and the key.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from oslo_config import cfg

from shoebox import config, plugins, spool
from shoebox.callback import Callback, CallbackList
from shoebox.destination import Destination
from shoebox.errors import ConfigError, InvalidName, PluginError
from shoebox.roll_checker import AnyRollChecker, NeverRollChecker, RollChecker
from shoebox.roll_manager import WritingRollManager
from shoebox.storage import StorageBackend


@dataclass(frozen=True)
class _Parts:
    """What a writer is made of."""

    checker: RollChecker
    callback: Callback | None
    destinations: list[Destination]


def build_writer(conf: cfg.ConfigOpts, group: str = config.GROUP) -> WritingRollManager:
    """Return the writer that the section and those of its plugins describe.

    Raise BadWorkingDirectory if its spool can't be used.
    """
    with ExitStack() as undo:
        parts = _parts(conf, group, undo)
        found = config.settings(conf, group)
        writer = WritingRollManager(
            found["filename_template"],
            parts.checker,
            directory=found["directory"],
            archive_callback=parts.callback,
            durability=found["durability"],
            sync_interval=found["sync_interval"],
            compression=found["compression"],
            format_version=found["format_version"],
            index_keys=found["index_keys"],
            storage=parts.destinations,
            trust_directory=found["trust_directory"],
            spool_limit_mb=found["spool_limit_mb"],
            on_full=found["on_full"],
            on_full_timeout=found["on_full_timeout"],
            close_timeout=found["close_timeout"],
        )
        undo.pop_all()
    return writer


def check(conf: cfg.ConfigOpts, group: str = config.GROUP) -> None:
    """Do all that `build_writer` does short of opening the spool."""
    with ExitStack() as undo:
        _parts(conf, group, undo)


def build_backend(conf: cfg.ConfigOpts, name: str, group: str = config.GROUP) -> StorageBackend:
    """Return the backend that `storage` names so, or the plugin of this name."""
    return cast("StorageBackend", _built(conf, config.storage_instance(conf, name, group)))


def build_checker(conf: cfg.ConfigOpts, group: str = config.GROUP) -> RollChecker:
    """Return the roll checker: any of those that `roll_checkers` names, or one that never rolls."""
    checkers = [_built(conf, it) for it in config.instances(conf, "roll_checker", group)]
    if not checkers:
        return NeverRollChecker()
    return cast("RollChecker", checkers[0]) if len(checkers) == 1 else AnyRollChecker(checkers)


def build_callback(conf: cfg.ConfigOpts, group: str = config.GROUP) -> Callback | None:
    """Return the callback that calls what `callbacks` names, in its order; None if nothing."""
    callbacks = [_built(conf, it) for it in config.instances(conf, "callback", group)]
    return CallbackList(callbacks) if callbacks else None


def build_destinations(conf: cfg.ConfigOpts, group: str = config.GROUP) -> list[Destination]:
    """Return a destination for each backend that `storage` names; the caller closes them."""
    with ExitStack() as undo:
        found = []
        for instance in config.instances(conf, "storage", group):
            backend = cast("StorageBackend", _built(conf, instance))
            undo.callback(backend.close)
            reopen = partial(_built, conf, instance)
            options = config.destination(conf, instance)
            found.append(Destination(instance.name, backend, reopen=reopen, **options))
        undo.pop_all()
    return found


def _parts(conf: cfg.ConfigOpts, group: str, undo: ExitStack) -> _Parts:
    """Build everything, with the backends to be closed when `undo` is."""
    config.check(conf, group)
    _check_template(group, config.settings(conf, group)["filename_template"])
    parts = _Parts(
        build_checker(conf, group), build_callback(conf, group), build_destinations(conf, group)
    )
    for destination in parts.destinations:
        undo.callback(destination.backend.close)
    if parts.destinations and parts.callback is not None and not parts.callback.keeps_file:
        raise ConfigError(
            f"[{group}] callbacks: one of them moves or deletes archives, which must stay until "
            "they are stored: leave it out, or leave storage empty"
        )
    return parts


def _check_template(group: str, template: str) -> None:
    try:
        spool.render(template, datetime.now(UTC))
    except InvalidName as error:
        raise ConfigError(f"[{group}] filename_template: {error}") from error


def _built(conf: cfg.ConfigOpts, instance: config.Instance) -> Any:
    arguments = config.arguments(conf, instance)
    try:
        return plugins.build(instance.kind, instance.plugin, arguments)
    except ConfigError as error:
        raise PluginError(f"[{instance.section}]: {error}") from error
