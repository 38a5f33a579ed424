"""Metrics through OpenTelemetry's API, which does nothing in a process without an SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from time import time

from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation, get_meter

from shoebox import backlog
from shoebox.metrics import BUCKETS, SPOOL_AGE, SPOOL_ASIDE, SPOOL_BYTES, TOLD, Metric, Metrics

_Take = Callable[[float, dict[str, str]], None]


class OpenTelemetryMetrics(Metrics):
    """Hands the metrics to a provider, by default the one that the process has set up.

    A name is Prometheus' with a dot after "shoebox", and without "_total" and "_seconds", which
    OpenTelemetry's exporters to Prometheus put there again. A provider takes one of these, for
    all writers of the process.
    """

    def __init__(self, provider: MeterProvider | None = None) -> None:
        meter = get_meter("shoebox", version("shoebox"), provider)
        self._takes = {metric.name: _take(meter, metric) for metric in TOLD}
        self._directories: dict[Path, None] = {}
        self._gauge(meter, SPOOL_BYTES, lambda found: found.size)
        self._gauge(meter, SPOOL_AGE, lambda found: found.age(time()))
        self._gauge(meter, SPOOL_ASIDE, lambda found: found.aside)

    def tell(self, metric: Metric, value: float = 1, label: str = "") -> None:
        """Hand it on."""
        self._takes[metric.name](value, {metric.label: label} if metric.label else {})

    def watch(self, directory: Path) -> None:
        """Give the spool's metrics from now on."""
        self._directories[directory] = None

    def _gauge(
        self, meter: Meter, metric: Metric, value: Callable[[backlog.Backlog], float]
    ) -> None:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            return list(self._observations(metric, value))

        meter.create_observable_gauge(name_of(metric), [observe], unit_of(metric), metric.help)

    def _observations(
        self, metric: Metric, value: Callable[[backlog.Backlog], float]
    ) -> Iterator[Observation]:
        for directory in list(self._directories):
            with suppress(OSError):
                found = backlog.look(directory)
                yield Observation(value(found), {metric.label: str(directory)})


def name_of(metric: Metric) -> str:
    """Return the metric's name in OpenTelemetry."""
    name = metric.name.removesuffix("_total").removesuffix("_seconds")
    return name.replace("_", ".", 1)


def unit_of(metric: Metric) -> str:
    """Return its unit, as UCUM has it."""
    name = metric.name.removesuffix("_total")
    if name.endswith("_seconds"):
        return "s"
    return "By" if name.endswith("_bytes") else f"{{{name.rpartition('_')[2].removesuffix('s')}}}"


def _take(meter: Meter, metric: Metric) -> _Take:
    arguments = name_of(metric), unit_of(metric), metric.help
    if metric.kind == "counter":
        return meter.create_counter(*arguments).add
    if metric.kind == "gauge":
        return meter.create_gauge(*arguments).set
    histogram = meter.create_histogram(*arguments, explicit_bucket_boundaries_advisory=BUCKETS)
    return histogram.record
