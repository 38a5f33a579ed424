"""Prometheus: what its client reads at the endpoint, and what who asks for health is told."""

import os
import socket
import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from shoebox.errors import ConfigError
from shoebox.metrics import BUCKETS, FAILED, LAST_STORED, RECORDS, STORED, TOLD, WATCHED, WRITE
from shoebox.prometheus import PrometheusMetrics, serve
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingRollManager
from tests.program import environment
from tests.web import get

HERE = "127.0.0.1"


def healthy():
    return None


def samples(text):
    """Return the values by name and labels, as Prometheus' own parser reads them."""
    return {
        (it.name, *sorted(it.labels.items())): it.value
        for family in text_string_to_metric_families(text)
        for it in family.samples
    }


def scraped(registry):
    with serve(healthy, HERE, 0, registry) as url:
        status, text = get(url)
    assert status == 200
    return samples(text)


@pytest.fixture
def registry():
    return CollectorRegistry()


def test_every_metric_has_its_name_kind_and_help_there(registry, tmp_path):
    metrics = PrometheusMetrics(registry)
    metrics.watch(tmp_path)
    for metric in TOLD:
        metrics.tell(metric, 1, "x" if metric.label else "")
    with serve(healthy, HERE, 0, registry) as url:
        text = get(url)[1]
    families = {it.name: it for it in text_string_to_metric_families(text)}
    for metric in (*TOLD, *WATCHED):
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        labels = {key for it in family.samples for key in it.labels} - {"le"}
        assert labels == ({metric.label} if metric.label else set())
    assert len(families) - sum(name.endswith("_created") for name in families) == 11


def test_what_a_writer_writes_is_counted(registry, tmp_path):
    metrics = PrometheusMetrics(registry)
    with WritingRollManager("a%f", NeverRollChecker(), tmp_path, metrics=metrics) as writer:
        writer.write_many(({"n": str(n)}, "x" * 100) for n in range(20_000))
        writer.roll()
        writer.write({}, "last")
    found = scraped(registry)
    assert found["shoebox_records_total",] == 20_001
    assert found["shoebox_rolls_total", ("reason", "asked")] == 1
    assert found["shoebox_rolls_total", ("reason", "closed")] == 1
    size = sum(it.stat().st_size for it in tmp_path.iterdir())
    assert found["shoebox_spool_bytes", ("directory", str(tmp_path))] == size
    assert found["shoebox_spool_aside_files", ("directory", str(tmp_path))] == 0
    assert 0 < found["shoebox_bytes_total",] < size
    assert (
        found["shoebox_write_seconds_count",]
        == found["shoebox_write_seconds_bucket", ("le", "+Inf")]
    )
    assert found["shoebox_sync_seconds_count",] >= 2


def test_latencies_are_counted_in_buckets_of_a_disks_times(registry):
    metrics = PrometheusMetrics(registry)
    for seconds in (0.00005, 0.003, 7.0):
        metrics.tell(WRITE, seconds)
    found = scraped(registry)
    counts = [found["shoebox_write_seconds_bucket", ("le", str(bound))] for bound in BUCKETS]
    assert (counts[0], counts[BUCKETS.index(0.005)], counts[-1]) == (1, 2, 2)
    assert found["shoebox_write_seconds_sum",] == pytest.approx(7.00305)


def test_backends_are_told_apart(registry):
    metrics = PrometheusMetrics(registry)
    metrics.tell(STORED, 1, "hot")
    metrics.tell(STORED, 1, "hot")
    metrics.tell(FAILED, 1, "cold")
    metrics.tell(LAST_STORED, 1_795_608_000.5, "hot")
    found = scraped(registry)
    assert found["shoebox_stored_archives_total", ("backend", "hot")] == 2
    assert found["shoebox_failed_archives_total", ("backend", "cold")] == 1
    name = "shoebox_last_stored_timestamp_seconds"
    assert [value for key, value in found.items() if key[0] == name] == [1_795_608_000.5]


def test_a_spool_that_is_gone_has_no_numbers_and_the_others_have(registry, tmp_path):
    metrics = PrometheusMetrics(registry)
    metrics.watch(tmp_path / "gone")
    metrics.watch(tmp_path)
    found = [key for key in scraped(registry) if key[0] == "shoebox_spool_bytes"]
    assert found == [("shoebox_spool_bytes", ("directory", str(tmp_path)))]


@pytest.mark.parametrize("path", ["healthz", "health"])
def test_health_is_ok_or_a_sentence(registry, path):
    wrong = [None, "a.events waits"]
    with serve(lambda: wrong.pop(0), HERE, 0, registry) as url:
        address = url.replace("metrics", path)
        assert get(address) == (200, "ok\n")
        assert get(address) == (503, "a.events waits\n")


def test_other_paths_are_not_there(registry):
    with serve(healthy, HERE, 0, registry) as url:
        assert get(url.replace("metrics", ""))[0] == 404


def test_the_port_is_free_again_afterwards(registry):
    with serve(healthy, HERE, 0, registry) as url:
        port = int(url.split(":")[2].partition("/")[0])
    with serve(healthy, HERE, port, registry) as again:
        assert again == url


def test_a_version_6_address_is_one_too(registry):
    with serve(healthy, "::1", 0, registry) as url:
        assert url.startswith("http://[::1]:")
        assert get(url)[0] == 200


@pytest.mark.parametrize("port", [None, 70_000])
def test_an_address_that_can_not_be_had_is_named(registry, port):
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1] if port is None else port
        message = f"metrics can't be given at {HERE}, port {port}: .*; name another metrics_host"
        with pytest.raises(ConfigError, match=message), serve(healthy, HERE, port, registry):
            pass


def test_a_client_that_breaks_off_is_said_nothing_of(registry, capfd):
    with serve(healthy, HERE, 0, registry) as url:
        port = int(url.split(":")[2].partition("/")[0])
        for _ in range(3):
            with socket.create_connection((HERE, port)) as client:
                client.sendall(b"GET /met")
        assert get(url)[0] == 200
    assert capfd.readouterr() == ("", "")


def test_processes_of_one_service_add_up_in_its_own_endpoint(tmp_path):
    """In prometheus_client's own mode for that, which a service chooses by its environment."""
    told = (
        "from shoebox.prometheus import PrometheusMetrics\nfrom shoebox.metrics import *\n"
        "it = PrometheusMetrics()\nit.tell(RECORDS, 5)\nit.tell(LAST_STORED, {}, 'hot')\n"
    )
    read = (
        "from prometheus_client import CollectorRegistry, generate_latest, multiprocess\n"
        "registry = CollectorRegistry()\nmultiprocess.MultiProcessCollector(registry)\n"
        "print(generate_latest(registry).decode())"
    )
    variables = {**environment(), "PROMETHEUS_MULTIPROC_DIR": os.fspath(tmp_path)}
    out = [
        subprocess.run(
            [sys.executable, "-c", program], env=variables, check=True, capture_output=True
        ).stdout
        for program in (told.format(70), told.format(50), read)
    ]
    found = samples(out[-1].decode())
    assert found[RECORDS.name,] == 10
    assert found[LAST_STORED.name, ("backend", "hot")] == 70
