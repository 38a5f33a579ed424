"""Shipping what a spool holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event

from shoebox import app, config
from shoebox.cli import configuration, exits, messages
from shoebox.cli.recovering import recovered
from shoebox.cli.text import count
from shoebox.delivery import Deliveries
from shoebox.errors import ConfigError
from shoebox.shipper import Shipper, Waiting
from shoebox.spool import Spool

_LOOK_AGAIN = 30.0
"""Seconds between two looks for archives that other processes have left."""

_LAST = 10.0
"""Seconds that what is under way has to come to its end."""


def once(files: list[str], timeout: float) -> int:
    """Ship for so many seconds at most; return the exit code."""
    messages.speak_for("shoebox.retrying", "shoebox.uploader")
    with _shipping(files) as (spool, shipper):
        _gather(spool, shipper)
        deliveries = Deliveries(spool)
        offered = len(deliveries.offered())
        waiting = shipper.close(timeout)
        shipped = offered - len(deliveries.offered())
        messages.say(f"{count(shipped, 'archive')} shipped")
        tell(waiting)
        return _code(deliveries, waiting)


def watch(files: list[str]) -> int:
    """Ship until interrupted."""
    with _shipping(files) as (spool, shipper):
        shipper.start()
        try:
            while True:
                _gather(spool, shipper)
                Event().wait(_LOOK_AGAIN)
        finally:
            shipper.close(_LAST)


def tell(waiting: Iterable[Waiting]) -> None:
    """Say which archives wait, for whom and why."""
    for it in waiting:
        messages.say(f"{it.name} waits for {it.destination}: {it.reason}")


@contextmanager
def _shipping(files: list[str]) -> Iterator[tuple[Spool, Shipper]]:
    conf = configuration.required(files)
    config.check(conf)
    destinations = app.build_destinations(conf)
    if not destinations:
        raise ConfigError("[shoebox] storage: is empty; name where archives are to be shipped")
    found = config.settings(conf)
    spool = Spool(found["directory"], trusted=found["trust_directory"])
    try:
        yield spool, Shipper(spool, destinations, app.build_callback(conf))
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
    stands = [deliveries.read(it.name).destinations.get(it.destination) for it in waiting]
    if not stands:
        return exits.FINE
    refused = all(stand is not None and stand.error is not None for stand in stands)
    return exits.DATA if refused else exits.STORAGE
