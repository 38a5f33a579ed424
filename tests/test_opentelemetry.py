"""OpenTelemetry: what the SDK's reader in memory has, and nothing without an SDK."""

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from shoebox.archive import ArchiveWriter
from shoebox.metrics import (
    BUCKETS,
    LAST_STORED,
    ROLLS,
    SPOOL_AGE,
    SPOOL_ASIDE,
    SPOOL_BYTES,
    STORED,
    TOLD,
    WATCHED,
    WRITE,
)
from shoebox.opentelemetry import OpenTelemetryMetrics, name_of, unit_of
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingRollManager


@pytest.fixture
def reader():
    return InMemoryMetricReader()


@pytest.fixture
def metrics(reader):
    provider = MeterProvider([reader])
    yield OpenTelemetryMetrics(provider)
    provider.shutdown()


def read(reader):
    """Return what was gathered, by its name."""
    data = reader.get_metrics_data()
    scopes = [scope for it in data.resource_metrics for scope in it.scope_metrics]
    assert {it.scope.name for it in scopes} <= {"shoebox"}
    return {metric.name: metric for scope in scopes for metric in scope.metrics}


def values(metric):
    return {tuple(it.attributes.items()): it.value for it in metric.data.data_points}


def test_every_metric_has_its_name_unit_and_description_there(metrics, reader, tmp_path):
    metrics.watch(tmp_path)
    for metric in TOLD:
        metrics.tell(metric, 1, "x" if metric.label else "")
    found = read(reader)
    assert set(found) == {name_of(it) for it in (*TOLD, *WATCHED)}
    for metric in (*TOLD, *WATCHED):
        it = found[name_of(metric)]
        assert (it.unit, it.description) == (unit_of(metric), metric.help)


@pytest.mark.parametrize(
    ("metric", "name", "unit"),
    [
        (STORED, "shoebox.stored_archives", "{archive}"),
        (ROLLS, "shoebox.rolls", "{roll}"),
        (WRITE, "shoebox.write", "s"),
        (LAST_STORED, "shoebox.last_stored_timestamp", "s"),
        (SPOOL_AGE, "shoebox.spool_oldest_age", "s"),
        (SPOOL_BYTES, "shoebox.spool_bytes", "By"),
        (SPOOL_ASIDE, "shoebox.spool_aside_files", "{file}"),
    ],
)
def test_names_are_those_that_an_exporter_makes_prometheus_of(metric, name, unit):
    assert (name_of(metric), unit_of(metric)) == (name, unit)


def test_what_a_writer_writes_is_counted(metrics, reader, tmp_path):
    with WritingRollManager(
        "a%f", NeverRollChecker(), tmp_path, durability="roll", metrics=metrics
    ) as writer:
        writer.write_many(({}, "x" * 100) for _ in range(1000))
    found = read(reader)
    assert values(found["shoebox.records"]) == {(): 1000}
    assert values(found["shoebox.rolls"]) == {(("reason", "closed"),): 1}
    (sync,) = found["shoebox.sync"].data.data_points
    assert (sync.count, sync.explicit_bounds) == (1, BUCKETS)
    size = sum(it.stat().st_size for it in tmp_path.iterdir())
    assert values(found["shoebox.spool_bytes"]) == {(("directory", str(tmp_path)),): size}
    assert values(found["shoebox.spool_aside_files"]) == {(("directory", str(tmp_path)),): 0}


def test_spools_are_told_apart_and_one_that_is_gone_is_left_out(metrics, reader, tmp_path):
    folders = [tmp_path / name for name in "abc"]
    for folder in folders[:2]:
        folder.mkdir()
    with ArchiveWriter(folders[0] / "a") as writer:
        writer.write({}, "x")
    for folder in folders:
        metrics.watch(folder)
    found = values(read(reader)["shoebox.spool_oldest_age"])
    assert set(found) == {(("directory", str(it)),) for it in folders[:2]}
    assert found[(("directory", str(folders[1])),)] == 0


def test_without_an_sdk_nothing_comes_of_it(tmp_path):
    metrics = OpenTelemetryMetrics()
    with WritingRollManager("a%f", NeverRollChecker(), tmp_path, metrics=metrics) as writer:
        writer.write({}, "x")
    assert len(list(tmp_path.iterdir())) == 1
