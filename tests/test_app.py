"""From an ini file to a writer that works, or to an error that names section and key."""

import os
import re
import socket
import subprocess
import sys
import time

import pytest

from shoebox import app
from shoebox.archive import ArchiveWriter
from shoebox.archive.identity import Identity
from shoebox.callback import CallbackList
from shoebox.errors import BadWorkingDirectory, ConfigError
from shoebox.metrics import SILENT
from shoebox.opentelemetry import OpenTelemetryMetrics
from shoebox.prometheus import PrometheusMetrics
from shoebox.roll_checker import AnyRollChecker, NeverRollChecker
from shoebox.roll_manager import ReadingRollManager
from tests.program import environment
from tests.web import get

BACKEND = """
from shoebox_plugins.storage.local import LocalBackend

CLOSED = []

class Backend(LocalBackend):
    OPTIONS = None

    def close(self):
        CLOSED.append(self)
"""


@pytest.fixture
def spool(tmp_path):
    path = tmp_path / "spool"
    path.mkdir(0o700)
    return path


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "store"
    path.mkdir()
    return path


def test_what_a_configured_writer_writes_is_stored_and_leaves_the_spool(ini, spool, store):
    conf = ini(
        f"[shoebox]\ndirectory = {spool}\nstorage = cold:local\nfilename_template = a%f.events\n"
        f"[shoebox_storage_cold]\npath = {store}\nkey_template = day/{{stem}}-{{id}}{{suffix}}\n"
    )
    with app.build_writer(conf) as writer:
        writer.write({"k": "v"}, "payload")
    assert list(spool.iterdir()) == []
    with ReadingRollManager("*.events", directory=store / "day") as reader:
        assert list(reader) == [({"k": "v"}, "payload")]


def test_without_storage_sealed_archives_stay_in_the_spool(ini, spool):
    with app.build_writer(ini(f"[shoebox]\ndirectory = {spool}\n")) as writer:
        writer.write({"k": "v"}, b"payload")
    with ReadingRollManager("events_*.events", directory=spool) as reader:
        assert list(reader) == [({"k": "v"}, b"payload")]


def test_any_of_several_checkers_rolls(ini, spool):
    conf = ini(
        f"[shoebox]\ndirectory = {spool}\nroll_checkers = never, few:records\n"
        "[shoebox_roll_checker_few]\nroll_records = 2\n"
    )
    with app.build_writer(conf) as writer:
        for number in range(5):
            writer.write({}, str(number))
    assert len(list(spool.iterdir())) == 3


def test_callbacks_are_called_in_their_order(ini, spool):
    conf = ini(
        f"[shoebox]\ndirectory = {spool}\ncallbacks = change_extension, pack:compress\n"
        "[shoebox_callback_pack]\ncompression = gzip\n"
    )
    with app.build_writer(conf) as writer:
        writer.write({}, "payload")
    [path] = spool.iterdir()
    assert path.name.endswith(".done.gz")


def test_a_writer_of_another_group_is_built_from_that_groups_sections(ini, spool):
    conf = ini(
        f"[shoebox]\ndirectory = /nowhere\n[audit]\ndirectory = {spool}\n"
        "roll_checkers = records\n[audit_roll_checker_records]\nroll_records = 1\n"
    )
    with app.build_writer(conf, group="audit") as writer:
        writer.write({}, "1")
        writer.write({}, "2")
    assert len(list(spool.iterdir())) == 2


def test_a_missing_spool_is_told_as_such(ini, tmp_path):
    with pytest.raises(BadWorkingDirectory):
        app.build_writer(ini(f"[shoebox]\ndirectory = {tmp_path / 'missing'}\n"))


def test_no_checker_one_checker_and_several_make_one(ini):
    assert isinstance(app.build_checker(ini("[shoebox]\nroll_checkers =\n")), NeverRollChecker)
    assert app.build_checker(ini("[shoebox]\n")).reason == "size: 100 MB reached"
    assert isinstance(
        app.build_checker(ini("[shoebox]\nroll_checkers = size, time\n")), AnyRollChecker
    )


def test_no_callback_is_none_and_any_number_make_one(ini):
    assert app.build_callback(ini("[shoebox]\n")) is None
    callback = app.build_callback(ini("[shoebox]\ncallbacks = delete\n"))
    assert isinstance(callback, CallbackList)
    assert not callback.keeps_file


def test_a_backend_is_built_from_its_section(ini, store):
    conf = ini(f"[shoebox]\nstorage = cold:local\n[shoebox_storage_cold]\npath = {store}\n")
    (store / "file").write_bytes(b"payload")
    with app.build_backend(conf, "cold") as backend, backend.open("file") as file:
        assert file.read() == b"payload"


def test_a_destination_has_its_name_and_the_template_of_its_keys(ini, store):
    conf = ini(
        f"[shoebox]\nstorage = hot:local\n[shoebox_storage_hot]\npath = {store}\n"
        "key_template = x/{id}\n"
    )
    [destination] = app.build_destinations(conf)
    assert (destination.name, destination.key("name.events", Identity("7", 2))) == ("hot", "x/7")


@pytest.mark.parametrize("build", [app.check, app.build_writer])
@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("typo = 1", r"\[shoebox\] typo: "),
        ("filename_template = %Q", r"\[shoebox\] filename_template: "),
        ("filename_template = ..", r"\[shoebox\] filename_template: "),
        (
            "roll_checkers = cron\n[shoebox_roll_checker_cron]\ncron = soon",
            r"\[shoebox_roll_checker_cron\]: ",
        ),
        (
            "callbacks = c:change_extension\n[shoebox_callback_c]\nnew_extension = a/b",
            r"\[shoebox_callback_c\]: ",
        ),
        (
            "storage = local\n[shoebox_storage_local]\npath = /\nkey_template = ../{id}",
            "storage local: key_template",
        ),
        (
            "storage = local\ncallbacks = delete\n[shoebox_storage_local]\npath = /",
            r"\[shoebox\] callbacks: one of them moves or deletes",
        ),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(ini, spool, build, lines, told):
    with pytest.raises(ConfigError, match=told):
        build(ini(f"[shoebox]\ndirectory = {spool}\n{lines}\n"))
    assert list(spool.iterdir()) == []


def test_a_check_leaves_the_spool_alone(ini, tmp_path):
    app.check(ini(f"[shoebox]\ndirectory = {tmp_path / 'missing'}\n"))


@pytest.mark.parametrize("more", ["storage = acme\n", "storage = acme, local\n"])
def test_backends_are_closed_when_no_writer_comes_of_it(install, ini, tmp_path, store, more):
    site = install("acme", "storage", "acme", "acme_backend:Backend", BACKEND)
    conf = ini(
        f"[shoebox]\ndirectory = {tmp_path / 'missing'}\n{more}"
        f"[shoebox_storage_acme]\npath = {store}\n"
        f"[shoebox_storage_local]\npath = {store}\nkey_template = ..\n"
    )
    with pytest.raises((BadWorkingDirectory, ConfigError)):
        app.build_writer(conf)
    import acme_backend  # noqa: PLC0415 - installed by the test, in `site`

    assert acme_backend.__file__.startswith(str(site))
    assert len(acme_backend.CLOSED) == 1


@pytest.mark.parametrize(
    ("name", "kind"), [("prometheus", PrometheusMetrics), ("opentelemetry", OpenTelemetryMetrics)]
)
def test_all_writers_of_a_process_have_the_same_metrics(ini, name, kind):
    conf = ini(f"[shoebox]\nmetrics = {name}\n[audit]\nmetrics = {name}\n")
    found = app.build_metrics(conf)
    assert type(found) is kind
    assert app.build_metrics(conf, "audit") is found


def test_nobody_hears_of_a_writer_that_says_nothing_of_metrics(ini):
    assert app.build_metrics(ini("[shoebox]\n")) is SILENT


@pytest.mark.parametrize(
    ("name", "package"),
    [("prometheus", "prometheus_client"), ("opentelemetry", "opentelemetry")],
)
def test_a_package_that_is_not_installed_is_told_before_anything_is_written(
    tmp_path, name, package
):
    program = (
        f"import sys\nsys.modules[{package!r}] = None\n"
        "from oslo_config import cfg\nfrom shoebox import app, errors\n"
        "conf = cfg.ConfigOpts()\nconf(['--config-file', sys.argv[1]])\n"
        "try:\n    app.check(conf)\nexcept errors.ConfigError as error:\n    print(error)"
    )
    path = tmp_path / "shoebox.conf"
    path.write_text(f"[shoebox]\ndirectory = {tmp_path}\nmetrics = {name}\n")
    told = subprocess.run(
        [sys.executable, "-c", program, path],
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert told.startswith(f"[shoebox] metrics: {name} can't be had: ")
    assert told.endswith(f"; install shoebox[{name}]\n")


def records_of(text):
    """Return the records that all writers of this process have taken."""
    found = re.search(r"^shoebox_records_total (.+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_an_embedded_writer_can_be_scraped(ini, spool):
    conf = ini(f"[shoebox]\ndirectory = {spool}\nmetrics = prometheus\nmetrics_port = 0\n")
    with app.serve_metrics(conf) as url:
        before = records_of(get(url)[1])
        with app.build_writer(conf) as writer:
            writer.write({}, "x")
        text = get(url)[1]
    assert records_of(text) == before + 1
    assert f'shoebox_spool_bytes{{directory="{spool}"}}' in text


@pytest.mark.parametrize("name", ["none", "opentelemetry"])
def test_without_prometheus_nothing_is_listened_at(ini, spool, name):
    with app.serve_metrics(ini(f"[shoebox]\ndirectory = {spool}\nmetrics = {name}\n")) as url:
        assert url is None


def test_each_worker_has_a_port_of_its_own(ini, spool):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        conf = ini(
            f"[shoebox]\ndirectory = {spool}\nmetrics = prometheus\nmetrics_port = {port - 3}\n"
        )
        with (
            pytest.raises(ConfigError, match=f"at 127.0.0.1, port {port}: "),
            app.serve_metrics(conf, worker=3),
        ):
            pass


@pytest.mark.parametrize(
    ("storage", "answer"), [("", (200, "ok\n")), ("storage = local\n", (503, None))]
)
def test_health_turns_bad_by_an_archive_that_is_to_be_shipped(ini, spool, storage, answer):
    conf = ini(
        f"[shoebox]\ndirectory = {spool}\nmetrics = prometheus\nmetrics_port = 0\n"
        f"health_max_age = 60\n{storage}"
    )
    with ArchiveWriter(spool / "a.events") as writer:
        writer.write({}, "x")
    with app.serve_metrics(conf) as url:
        health = url.replace("metrics", "healthz")
        assert get(health) == (200, "ok\n")
        os.utime(spool / "a.events", (time.time() - 100,) * 2)
        code, text = get(health)
    assert code == answer[0]
    assert text.startswith("a.events waits in " if answer[1] is None else answer[1])
