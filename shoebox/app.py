"""The only place that wires: from a parsed `conf` to a writer and its parts.

Every function raises ConfigError for what is wrong in the ini, with a line for
each problem that names the section and the key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

from oslo_config import cfg

from shoebox import backlog, config, plugins, spool
from shoebox.callback import Callback, CallbackList
from shoebox.destination import Destination
from shoebox.errors import ConfigError, InvalidName, PluginError
from shoebox.metrics import SILENT, Metrics
from shoebox.roll_checker import AnyRollChecker, NeverRollChecker, RollChecker
from shoebox.roll_manager import WritingRollManager
from shoebox.storage import StorageBackend


@dataclass(frozen=True)
class _Parts:
    """What a writer is made of."""

    metrics: Metrics
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
            metrics=parts.metrics,
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


def build_metrics(conf: cfg.ConfigOpts, group: str = config.GROUP) -> Metrics:
    """Return who hears of what is measured: for all writers of a process the same."""
    kind = config.settings(conf, group)["metrics"]
    try:
        return SILENT if kind == "none" else _metrics(kind)
    except ImportError as error:
        raise ConfigError(
            f"[{group}] metrics: {kind} can't be had: {error}; install shoebox[{kind}]"
        ) from error


@contextmanager
def serve_metrics(
    conf: cfg.ConfigOpts, group: str = config.GROUP, *, worker: int = 0
) -> Iterator[str | None]:
    """Answer Prometheus, and who asks for health, while the block runs; yield the metrics' URL.

    None, and nothing is done, unless metrics = prometheus. Each of several workers calls this
    itself, after the fork, and has the port `metrics_port` + `worker`: so that each is measured,
    and missed, by itself. Raise ConfigError for an address that can't be had.
    """
    metrics = build_metrics(conf, group)
    found = config.settings(conf, group)
    if found["metrics"] != "prometheus":
        yield None
        return
    from shoebox import prometheus  # noqa: PLC0415 - what it imports may not be installed

    directory = Path(found["directory"]).absolute()
    metrics.watch(directory)
    complaint = partial(backlog.complaint, directory, found["health_max_age"])
    health = complaint if found["storage"] else _nothing_waits
    port = found["metrics_port"] + worker if found["metrics_port"] else 0
    with prometheus.serve(health, found["metrics_host"], port) as url:
        yield url


def _nothing_waits() -> None:
    """Say nothing of archives that are to stay in the spool."""


@cache
def _metrics(kind: str) -> Metrics:
    if kind == "prometheus":
        from shoebox.prometheus import PrometheusMetrics  # noqa: PLC0415 - may not be installed

        return PrometheusMetrics()
    from shoebox.opentelemetry import OpenTelemetryMetrics  # noqa: PLC0415 - the same

    return OpenTelemetryMetrics()


def _parts(conf: cfg.ConfigOpts, group: str, undo: ExitStack) -> _Parts:
    """Build everything, with the backends to be closed when `undo` is."""
    config.check(conf, group)
    _check_template(group, config.settings(conf, group)["filename_template"])
    parts = _Parts(
        build_metrics(conf, group),
        build_checker(conf, group),
        build_callback(conf, group),
        build_destinations(conf, group),
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
