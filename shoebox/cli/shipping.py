"""Shipping what a spool holds."""

from __future__ import annotations

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
        _gather(spool, shipper)
        deliveries = Deliveries(spool)
        load.take(spool, deliveries.offered(), shipper.waiting())
        with progress(load.label, load.total, quiet=quiet) as load.advance:
            left = shipper.close(timeout)
        aside = shipper.quarantined
        # What was put aside last may have been waiting still when it was asked for.
        waiting = [it for it in left if it.name not in aside]
        _tell_shipped(load, {*deliveries.offered(), *aside})
        tell(waiting)
        _tell_quarantined(spool, deliveries, aside)
        return _code(deliveries, waiting) or (exits.DATA if aside else exits.FINE)


def watch(files: list[str]) -> int:
    """Ship until interrupted, and answer who asks for metrics if the ini says so."""
    conf = configuration.required(files)
    with _shipping(conf) as (spool, shipper), app.serve_metrics(conf) as url:
        if url is not None:
            messages.say(f"metrics at {url}")
        shipper.start()
        complaints = Complaints()
        try:
            while True:
                try:
                    spool.check()
                    _gather(spool, shipper)
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


def _gather(spool: Spool, shipper: Shipper) -> None:
    """Offer what nobody has offered, when what was left open is recovered."""
    messages.speak_for("shoebox.archive.recovery")
    for _ in recovered(spool):
        pass
    shipper.pick_up()


def _code(deliveries: Deliveries, waiting: Iterable[Waiting]) -> int:
    """Return the code of what waits: that storage refused an archive is the archive's fault."""
    stands = [deliveries.read(it.name).stand(it.destination) for it in waiting]
    if not stands:
        return exits.FINE
    return exits.DATA if all(stand.refusals for stand in stands) else exits.STORAGE
