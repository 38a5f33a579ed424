"""Metrics for Prometheus, and the endpoint where it, and who asks for health, gets them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import AF_INET, AF_INET6
from socketserver import ThreadingMixIn
from threading import Thread
from time import time
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import make_wsgi_app
from prometheus_client.metrics_core import GaugeMetricFamily

from shoebox import backlog
from shoebox.errors import ConfigError
from shoebox.escaping import logger
from shoebox.metrics import BUCKETS, SPOOL_AGE, SPOOL_ASIDE, SPOOL_BYTES, TOLD, Metric, Metrics

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = logger(__name__)

_SLOWEST = 10.0
"""Seconds that a client may take to say what it wants."""

Health = Callable[[], str | None]
"""Says what is wrong; None if nothing is."""


class PrometheusMetrics(Metrics):
    """Keeps the metrics in a registry, by default the one that a service's own endpoint gives.

    A registry takes one of these, for all writers of the process.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._instruments = {metric.name: _instrument(metric, registry) for metric in TOLD}
        self._spools = Spools()
        registry.register(self._spools)

    def tell(self, metric: Metric, value: float = 1, label: str = "") -> None:
        """Take it in."""
        instrument = self._instruments[metric.name]
        if metric.label:
            instrument = instrument.labels(label)
        if isinstance(instrument, Counter):
            instrument.inc(value)
        elif isinstance(instrument, Histogram):
            instrument.observe(value)
        else:
            instrument.set(value)

    def watch(self, directory: Path) -> None:
        """Give the spool's metrics from now on."""
        self._spools.directories[directory] = None


class Spools:
    """A collector that looks into spools whenever it is asked.

    To be registered by itself where a process gives the metrics of others.
    """

    def __init__(self, directories: Iterable[Path] = ()) -> None:
        self.directories = dict.fromkeys(directories)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the metrics of all spools that can be looked at."""
        size, age, aside = (
            GaugeMetricFamily(it.name, it.help, labels=[it.label])
            for it in (SPOOL_BYTES, SPOOL_AGE, SPOOL_ASIDE)
        )
        for directory in list(self.directories):
            with suppress(OSError):
                found = backlog.look(directory)
                size.add_metric([str(directory)], found.size)
                age.add_metric([str(directory)], found.age(time()))
                aside.add_metric([str(directory)], found.aside)
        return [size, age, aside]


@contextmanager
def serve(
    health: Health, host: str, port: int, registry: CollectorRegistry = REGISTRY
) -> Iterator[str]:
    """Answer on this address while the block runs; yield the URL of the metrics.

    `/metrics` gives the registry; `/healthz`, also `/health`, is 200 and "ok", or 503 and what
    is wrong. Port 0 is any that is free. Call it in the process that is measured, since a
    forked child has no threads. Raise ConfigError for an address that can't be had.
    """
    family = _Server6 if ":" in host else _Server
    try:
        server = make_server(host, port, _application(registry, health), family, _Handler)
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"metrics can't be given at {host}, port {port}: {why}; name another metrics_host or "
            "metrics_port"
        ) from error
    with server:
        thread = Thread(target=server.serve_forever, name="shoebox-metrics", daemon=True)
        thread.start()
        shown = f"[{host}]" if ":" in host else host
        try:
            yield f"http://{shown}:{server.server_port}/metrics"
        finally:
            server.shutdown()
            thread.join()


def _instrument(metric: Metric, registry: CollectorRegistry) -> Counter | Histogram | Gauge:
    labels = [metric.label] if metric.label else []
    if metric.kind == "counter":
        return Counter(metric.name, metric.help, labels, registry=registry)
    if metric.kind == "histogram":
        return Histogram(metric.name, metric.help, labels, buckets=BUCKETS, registry=registry)
    # Of several processes that one endpoint speaks for, the last success counts.
    return Gauge(metric.name, metric.help, labels, multiprocess_mode="max", registry=registry)


def _application(registry: CollectorRegistry, health: Health) -> WSGIApplication:
    metrics: WSGIApplication = make_wsgi_app(registry)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start_response)
        status, text = _health(health) if path in _HEALTH else ("404 Not Found", "see /metrics")
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{text}\n".encode()]

    return answer


_HEALTH = ("/healthz", "/health")


def _health(health: Health) -> tuple[str, str]:
    wrong = health()
    return ("200 OK", "ok") if wrong is None else ("503 Service Unavailable", wrong)


class _Server(ThreadingMixIn, WSGIServer):
    address_family = AF_INET
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 (its)
        """Log, at most, what a client has done wrong."""
        _log.debug("%s asked for metrics in vain", client_address, exc_info=True)


class _Server6(_Server):
    address_family = AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = _SLOWEST

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the interface's)
        """Say nothing of a request."""
