"""Shipping what a spool holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from threading import Event

from oslo_config import cfg

from shoebox import app, config
from shoebox.cli import configuration, exits, messages
from shoebox.cli.progress import progress
from shoebox.cli.recovering import recovered
from shoebox.cli.shipping_load import Load
from shoebox.cli.text import count, megabytes
from shoebox.complaints import Complaints
from shoebox.delivery import Deliveries
from shoebox.errors import ConfigError
from shoebox.shipper import Shipper, Waiting
from shoebox.spool import Spool

_LOOK_AGAIN = 30.0
"""Seconds between two looks for archives that other processes have left."""

_LAST = 10.0
"""Seconds that what is under way has to come to its end."""


def once(files: list[str], timeout: float, *, quiet: bool) -> int:
    """Ship for so many seconds at most; return the exit code."""
    messages.speak_for("shoebox.retrying", "shoebox.uploader")
    load = Load()
    with _shipping(configuration.required(files), load.stored) as (spool, shipper):
        faulty = {it.outcome for it in recovered(spool)} & {"corrupt", "left"}
        offered = shipper.pick_up()
        deliveries = Deliveries(spool)
        load.take(spool, deliveries.offered(), shipper.waiting())
        with progress(load.label, load.total, quiet=quiet) as load.advance:
            left = shipper.close(timeout)
        aside = shipper.quarantined
        # What was put aside last may have been waiting still when it was asked for.
        waiting = [it for it in left if it.name not in aside]
        _tell_shipped(load, {*deliveries.offered(), *aside, *shipper.lost})
        tell(waiting)
        _tell_quarantined(spool, deliveries, aside)
        if faulty or aside or shipper.lost or not offered:
            return exits.DATA
        return _code(spool, deliveries, waiting)


def watch(files: list[str]) -> int:
    """Ship until interrupted, and answer who asks for metrics if the ini says so."""
    conf = configuration.required(files)
    with _shipping(conf) as (spool, shipper), app.serve_metrics(conf) as url:
        if url is not None:
            messages.say(f"metrics at {url}")
        shipper.start()
        complaints = Complaints()
        left: set[str] = set()
        try:
            while True:
                try:
                    spool.check()
                    left = {str(it) for it in recovered(spool, left) if it.outcome == "left"}
                    shipper.pick_up()
                    complaints.over("spool")
                except OSError as error:
                    complaints.say("spool", f"{spool.path}: can't be looked at now: {error}")
                Event().wait(_LOOK_AGAIN)
        finally:
            shipper.close(_LAST)


def tell(waiting: Iterable[Waiting]) -> None:
    """Say which archives wait, for whom and why."""
    for it in waiting:
        messages.say(f"{it.name} waits for {it.destination}: {it.reason}")


def _tell_shipped(load: Load, left: Collection[str]) -> None:
    sizes = [size for name, size in load.sizes.items() if name not in left]
    messages.say(f"{count(len(sizes), 'archive')} shipped ({megabytes(sum(sizes))})")


def _tell_quarantined(spool: Spool, deliveries: Deliveries, quarantined: dict[str, str]) -> None:
    for name, taken in sorted(quarantined.items()):
        stands = deliveries.read(taken).destinations.values()
        errors = "; ".join(sorted({it.error for it in stands if it.error is not None}))
        messages.say(
            f"{name} is in quarantine as {spool.path / taken}, since it was refused each time "
            f"while others were taken: {errors}; put that right, and rename it back"
        )


@contextmanager
def _shipping(
    conf: cfg.ConfigOpts,
    stored: Callable[[str, str], None] = lambda _archive, _destination: None,
) -> Iterator[tuple[Spool, Shipper]]:
    config.check(conf)
    destinations = app.build_destinations(conf)
    if not destinations:
        raise ConfigError("[shoebox] storage: is empty; name where archives are to be shipped")
    found = config.settings(conf)
    metrics, callback = app.build_metrics(conf), app.build_callback(conf)
    spool = Spool(found["directory"], trusted=found["trust_directory"])
    try:
        yield spool, Shipper(spool, destinations, callback, stored=stored, metrics=metrics)
    finally:
        spool.close()


def _code(spool: Spool, deliveries: Deliveries, waiting: Collection[Waiting]) -> int:
    """Return the code of what waits: that of storage if it is not for an archive's own sake."""
    if any(_is_at_fault(spool, deliveries, it) for it in waiting):
        return exits.DATA
    return exits.STORAGE if waiting else exits.FINE


def _is_at_fault(spool: Spool, deliveries: Deliveries, it: Waiting) -> bool:
    """Tell whether storage refused an archive, or it can't be had here, as to ship it takes."""
    try:
        os.close(spool.directory.open(it.name, os.O_RDWR))
        return bool(deliveries.read(it.name).stand(it.destination).refusals)
    except OSError:
        return True
