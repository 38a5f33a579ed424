"""Metrics: what is told, to whom, and that none of it hurts anybody."""

import json
import logging
import re
import threading
from pathlib import Path

import pytest

from shoebox import metrics
from shoebox.errors import ConfigError
from shoebox.metrics import RECORDS, SILENT, TOLD, WATCHED, Guarded, Metrics, guarded, reason_label
from tests.metering import Kept
from tests.program import ROOT

ALL = (*TOLD, *WATCHED)
DASHBOARD = json.loads((ROOT / "etc/grafana/shoebox.json").read_text())
DOCS = (ROOT / "docs/metrics.md").read_text()


class Raises(Metrics):
    def tell(self, metric, value=1, label=""):
        raise RuntimeError("no room for numbers")

    def watch(self, directory):
        raise RuntimeError("blind")


def test_every_metric_is_told_or_watched():
    declared = {it for it in vars(metrics).values() if isinstance(it, metrics.Metric)}
    assert declared == {*ALL}
    assert len({it.name for it in ALL}) == len(ALL)


@pytest.mark.parametrize("metric", ALL, ids=lambda it: it.name)
def test_names_are_as_prometheus_wants_them(metric):
    assert re.fullmatch(r"shoebox_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    if metric.kind == "histogram":
        assert metric.name.endswith("_seconds")
    assert metric.help.endswith(".")


def test_what_raises_is_logged_once_with_its_class(caplog):
    found = guarded(Raises())
    for _ in range(3):
        found.tell(RECORDS)
        found.watch(Path("spool"))
    assert [it.levelno for it in caplog.records] == [logging.ERROR]
    assert "Raises failed" in caplog.text
    assert "no room for numbers" in caplog.text


def test_what_is_guarded_is_not_guarded_again():
    found = guarded(SILENT)
    assert guarded(found) is found


def test_what_is_no_metrics_is_refused():
    with pytest.raises(ConfigError, match="metrics is 'prometheus'; give a Metrics"):
        guarded("prometheus")


def test_a_spool_is_watched_under_a_path_that_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = Kept()
    guarded(kept).watch(Path("spool"))
    assert kept.watched == [tmp_path / "spool"]


def test_what_logs_a_failure_may_tell_something_itself(caplog):
    """As a service does that archives its own log."""
    found = guarded(Raises())

    class Archives(logging.Handler):
        def emit(self, record):
            found.tell(RECORDS)

    logger = logging.getLogger("shoebox.metrics")
    handler = Archives()
    logger.addHandler(handler)
    try:
        found.tell(RECORDS)
    finally:
        logger.removeHandler(handler)
    assert len(caplog.records) == 1


def test_a_lock_that_a_fork_held_is_free_in_the_child():
    kept = Kept()
    found = Guarded(kept)
    found.lock.acquire()
    found.after_fork()
    other = threading.Thread(target=found.tell, args=(RECORDS,), daemon=True)
    other.start()
    other.join(30)
    assert kept.sums == {(RECORDS.name, ""): 1}


@pytest.mark.parametrize(
    ("reason", "label"),
    [
        ("size: 100 MB reached", "size"),
        ("asked for", "asked"),
        ("closed", "closed"),
        ("its records were in doubt", "doubt"),
        ("payload 4711 came", "checker"),
        ("", "checker"),
    ],
)
def test_reasons_have_few_labels(reason, label):
    assert reason_label(reason) == label


def expressions():
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_the_dashboard_shows_each_metric_and_no_other():
    series = {it.name for it in ALL} | {f"{it.name}_bucket" for it in ALL if it.kind == "histogram"}
    shown = set(re.findall(r"shoebox_\w+", " ".join(expressions())))
    assert shown <= series
    assert {it.removesuffix("_bucket") for it in shown} == {it.name for it in ALL}


@pytest.mark.parametrize("expression", expressions())
def test_the_dashboard_groups_by_labels_that_there_are(expression):
    name = re.search(r"shoebox_\w+", expression)[0]
    metric = next(it for it in ALL if it.name == name.removesuffix("_bucket"))
    by = re.findall(r"by \((\w+)\)", expression)
    assert set(by) <= {metric.label, "instance", "le" if metric.kind == "histogram" else "instance"}
    if metric.label:
        assert metric.label in by
    if metric.kind == "counter":
        assert re.search(rf"(rate|increase)\({name}\b", expression)


def test_the_dashboard_asks_about_metrics_that_there_are():
    asked = re.findall(r"shoebox_\w+", json.dumps(DASHBOARD["templating"]))
    assert asked
    assert set(asked) <= {it.name for it in ALL}


def test_the_panels_of_the_dashboard_lie_beside_each_other():
    places = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_docs_have_a_row_for_each_metric_and_no_other():
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (?:`(\w+)`)? ?\|", DOCS, re.MULTILINE)
    assert rows == [(it.name, it.kind, it.label) for it in ALL]


def test_the_names_in_the_docs_exist():
    assert set(re.findall(r"shoebox_\w+_\w+", re.sub(r"\[shoebox_\w+\]", "", DOCS))) <= {
        it.name for it in ALL
    }


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)


def test_the_service_of_the_docs_writes_and_ships(tmp_path, ini):
    """Only the directories and the port are this test's."""
    for name in ("spool", "archives"):
        (tmp_path / name).mkdir()
    text = blocks("ini")[0].replace("/var/spool/shoebox", f"{tmp_path}/spool")
    text = text.replace("/srv", str(tmp_path)).replace("9465", "0")
    exec(blocks("python")[0], {"conf": ini(text)})
    assert len(list((tmp_path / "archives").glob("*.events"))) == 1


def test_the_writer_of_the_docs_tells_of_its_records(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(blocks("python")[1], {})
    assert capsys.readouterr().out == "1 more records\n"
