"""`shoebox ship`, `check-config` and `plugins`: what the ini says, and what is done with it."""

import json
import os
import resource
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shoebox.archive import ArchiveWriter
from shoebox.cli.shipping_load import Load
from shoebox.delivery import POISON, Deliveries, Stand
from shoebox.metrics import TOLD, WATCHED
from shoebox.shipper import Waiting
from shoebox.spool import Spool
from tests.program import COMMAND, bound_by_modes, environment, on_terminal, run, start
from tests.web import get


@pytest.fixture
def spool(tmp_path):
    path = tmp_path / "spool"
    path.mkdir(0o700)
    return path


@pytest.fixture
def ini(tmp_path, spool):
    """Return the path of an ini with storage in the folder `store`."""
    path = tmp_path / "shoebox.conf"
    path.write_text(
        f"[shoebox]\ndirectory = {spool}\nstorage = cold:local\n"
        f"[shoebox_storage_cold]\npath = {tmp_path / 'store'}\n"
    )
    return path


def sealed(spool, name):
    with ArchiveWriter(spool / name) as writer:
        writer.write({}, name)


def abandoned(spool, name):
    left = ArchiveWriter(spool / name)
    left.write({}, name)
    left.sync()
    left.release()


def test_what_the_spool_holds_is_shipped_and_removed(tmp_path, spool, ini):
    (tmp_path / "store").mkdir()
    sealed(spool, "a")
    abandoned(spool, "b")
    ended = run("ship", "--config-file", ini)
    assert (ended.code, ended.err) == (0, "")
    assert ended.text.splitlines() == [
        f"{spool}/b: sealed, 1 records",
        "2 archives shipped (0.0 MB)",
    ]
    assert list(spool.iterdir()) == []
    assert run("cat", tmp_path / "store").text == "a\nb\n"
    assert run("ship", "--config-file", ini).text == "0 archives shipped (0.0 MB)\n"


def test_what_can_not_be_shipped_in_time_waits(tmp_path, spool, ini):
    sealed(spool, "a")
    ended = run("ship", "--config-file", ini, "--timeout", "0")
    assert ended.code == 3
    assert ended.text.startswith("0 archives shipped (0.0 MB)\na waits for cold: ")
    for _ in range(2):  # what was noted of it is no refusal
        assert run("ship", "--config-file", ini, "--timeout", "0.5").code == 3
    assert "Traceback" not in ended.err
    assert (spool / "a").exists()
    (tmp_path / "store").mkdir()
    assert run("ship", "--config-file", ini).code == 0


def test_an_archive_that_storage_refuses_is_the_archives_fault(tmp_path, spool, ini):
    ini.write_text(ini.read_text() + "key_template = taken\n")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "taken").write_bytes(b"other content")
    sealed(spool, "a")
    ended = run("ship", "--config-file", ini)
    assert (ended.code, ended.err) == (1, "")
    assert "a waits for cold: " in ended.text
    assert "other content" in ended.text
    assert (tmp_path / "store" / "taken").read_bytes() == b"other content"


def test_an_archive_that_is_put_into_quarantine_is_told_with_what_to_do(tmp_path, spool, ini):
    ini.write_text(ini.read_text() + "key_template = {name}\n")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "a").write_bytes(b"other content")
    sealed(spool, "a")
    sealed(spool, "b")
    deliveries = Deliveries(Spool(spool))
    deliveries.offer("a")
    deliveries.note("a", "cold", Stand(refusals=POISON - 1))
    ended = run("ship", "--config-file", ini)
    assert (ended.code, ended.err) == (1, "")
    shipped, told = ended.text.splitlines()
    assert shipped == "1 archive shipped (0.0 MB)"
    assert told.startswith(f"a is in quarantine as {spool}/a.corrupt, since it was refused each")
    assert "other content" in told
    assert told.endswith("; put that right, and rename it back")


def test_what_another_user_left_is_told_and_not_passed_over(tmp_path, spool, ini):
    (tmp_path / "store").mkdir()
    for name in ("a", "b", "c"):
        sealed(spool, name)
    Deliveries(Spool(spool)).offer("b")
    (spool / "a").chmod(0)
    ended = run("ship", "--config-file", ini, limit=bound_by_modes)
    assert ended.code == 1
    assert f"{spool}/a: can't be offered now: [Errno 13] Permission denied" in ended.err
    assert ended.text == "2 archives shipped (0.0 MB)\n"
    (spool / "a").chmod(0o600)
    Deliveries(Spool(spool)).offer("a")
    (spool / "a").chmod(0)
    ended = run("ship", "--config-file", ini, "--timeout", "0.5", limit=bound_by_modes)
    assert ended.code == 1
    assert "a waits for cold: " in ended.text
    assert "Permission denied" in ended.text


def test_one_that_was_damaged_before_it_was_sealed_is_a_fault_in_the_data(tmp_path, spool, ini):
    (tmp_path / "store").mkdir()
    with ArchiveWriter(spool / "a") as writer:
        for payload in ("first", "second"):
            writer.write({}, payload)
            writer.sync()
        writer.release()
    with (spool / "a.open").open("r+b") as file:
        file.seek(file.read().index(b"first"))
        file.write(b"worst")
    ended = run("ship", "--config-file", ini)
    assert ended.code == 1
    assert ended.text.splitlines()[0].startswith(f"{spool}/a.corrupt: corrupt, 0 records before")
    assert run("ship", "--config-file", ini).code == 0


def test_what_could_not_be_recovered_is_a_fault_in_the_data(tmp_path, spool, ini):
    (tmp_path / "store").mkdir()
    (spool / "a.open").write_text("nothing that was ever an archive")
    ended = run("ship", "--config-file", ini)
    assert ended.code == 1
    assert "it does not begin as an archive does" in ended.text


def test_one_that_somebody_removed_is_a_fault_in_the_data_and_not_shipped(tmp_path, spool, ini):
    (tmp_path / "store").mkdir()
    sealed(spool, "a")
    Deliveries(Spool(spool)).offer("a")
    (spool / "a").unlink()
    ended = run("ship", "--config-file", ini)
    assert (ended.code, ended.text) == (1, "0 archives shipped (0.0 MB)\n")
    assert ended.err == "shoebox: a: was removed before it was stored everywhere\n"


def test_a_bar_is_shown_on_a_terminal_only(tmp_path, spool, ini):
    (tmp_path / "store").mkdir()
    sealed(spool, "a")
    assert "shipping, 1 of 1 archive stored" in on_terminal("ship", "--config-file", ini)
    sealed(spool, "b")
    assert on_terminal("ship", "--quiet", "--config-file", ini) == ""
    assert sorted(it.name[0] for it in (tmp_path / "store").glob("[ab]*")) == ["a", "b"]


def test_the_bar_counts_an_archive_for_each_destination_that_lacks_it(spool):
    (spool / "a").write_bytes(b"123")
    (spool / "b").write_bytes(b"12345")
    load, seen = Load(), []
    waits = [("a", "cold"), ("a", "hot"), ("b", "hot"), ("gone", "hot")]
    waiting = [Waiting(name, destination, "", final=False) for name, destination in waits]
    load.take(Spool(spool), ["a", "b", "gone"], waiting)
    assert (load.total, load.label) == (11, "shipping, 0 of 2 archives stored")
    load.advance = lambda size, label: seen.append((size, label.split()[1]))
    for name, destination in [*waits, ("new", "hot")]:
        load.stored(name, destination)
    assert seen == [(3, "0"), (3, "1"), (5, "2")]


def test_watching_ships_until_it_is_interrupted(tmp_path, spool, ini):
    (tmp_path / "store").mkdir()
    sealed(spool, "a")
    with start("ship", "--watch", "--config-file", ini, "-v") as program:
        assert b"a: stored in cold as a-" in program.stderr.readline()
        program.send_signal(2)
        program.wait(60)
    assert program.returncode == 130


def test_watching_goes_on_when_the_spool_could_not_be_looked_at(tmp_path, spool, ini):
    """No file could be opened; then there is a limit that lets it."""
    (tmp_path / "store").mkdir()
    sealed(spool, "a")
    impatient = "from shoebox.cli import shipping; shipping._LOOK_AGAIN = 0.05"
    command = [sys.executable, "-c", f"{impatient}; {COMMAND[-1]}"]
    with subprocess.Popen(
        [*command, "ship", "--watch", "--config-file", ini, "-v"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as program:
        assert b"a: stored in cold as a-" in program.stderr.readline()
        soft, hard = resource.prlimit(program.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (0, hard))
        lines = iter(program.stderr.readline, b"")
        assert any(b"can't be looked at now: [Errno 24]" in line for line in lines)
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (soft, hard))
        sealed(spool, "b")
        assert any(b"b: stored in cold as b-" in line for line in lines)
        program.send_signal(2)
        program.wait(60)
    assert program.returncode == 130


def test_watching_says_once_what_can_not_be_recovered(tmp_path, spool, ini):
    (tmp_path / "store").mkdir()
    (spool / "a.open").write_text("nothing that was ever an archive")
    impatient = "from shoebox.cli import shipping; shipping._LOOK_AGAIN = 0.01"
    command = [sys.executable, "-c", f"{impatient}; {COMMAND[-1]}"]
    with subprocess.Popen(
        [*command, "ship", "--watch", "--config-file", ini],
        stdout=subprocess.PIPE,
        env=environment(),
    ) as program:
        said = [program.stdout.readline()]
        for name in ("b", "c"):
            abandoned(spool, name)
            said.append(program.stdout.readline())
        program.send_signal(2)
        program.wait(60)
    texts = [f"{spool}/{text}" for text in ("a.open: left, 0", "b: sealed, 1", "c: sealed, 1")]
    for line, text in zip(said, texts, strict=True):
        assert line.decode().startswith(f"{text} records")


@contextmanager
def watched(ini):
    """Watch with metrics; yield the URL that is said."""
    ini.write_text(
        ini.read_text().replace(
            "[shoebox]\n",
            "[shoebox]\nmetrics = prometheus\nmetrics_port = 0\nhealth_max_age = 600\n",
            1,
        )
    )
    with start("ship", "--watch", "--config-file", ini) as program:
        try:
            said = program.stdout.readline().decode()
            assert said.startswith("metrics at http://127.0.0.1:")
            yield said.split()[-1]
        finally:
            program.send_signal(2)
            program.communicate(timeout=60)
    assert program.returncode == 130


def scraped(url, name, wanted):
    """Return all values by name and label, as soon as this one is at least what is wanted."""
    deadline = time.monotonic() + 60
    while True:
        code, text = get(url)
        assert code == 200
        samples = [it for found in text_string_to_metric_families(text) for it in found.samples]
        values = {(it.name, *it.labels.values()): it.value for it in samples}
        if values.get((name, "cold"), 0) >= wanted or time.monotonic() > deadline:
            return values


def test_prometheus_reads_what_is_shipped_while_watching(tmp_path, spool, ini):
    (tmp_path / "store").mkdir()
    sealed(spool, "a")
    sealed(spool, "b")
    with watched(ini) as url:
        values = scraped(url, "shoebox_stored_archives_total", 2)
        assert get(url.replace("metrics", "healthz")) == (200, "ok\n")
    assert values["shoebox_stored_archives_total", "cold"] == 2
    assert values["shoebox_failed_archives_total", "cold"] == 0
    assert 0 <= time.time() - values["shoebox_last_stored_timestamp_seconds", "cold"] < 600
    assert values["shoebox_spool_oldest_age_seconds", str(spool)] < 600
    names = {name.removesuffix("_count") for name, *_ in values}
    assert {it.name for it in (*TOLD, *WATCHED) if it.label != "reason"} <= names


def test_health_turns_bad_by_an_archive_that_can_not_be_shipped(spool, ini):
    sealed(spool, "a")
    os.utime(spool / "a", (time.time() - 700,) * 2)
    with watched(ini) as url:
        values = scraped(url, "shoebox_failed_archives_total", 1)
        code, sentence = get(url.replace("metrics", "healthz"))
    assert code == 503
    assert sentence.startswith(f"a waits in {spool} since ")
    assert values["shoebox_spool_oldest_age_seconds", str(spool)] > 600
    assert values["shoebox_failed_archives_total", "cold"] >= 1
    assert ("shoebox_last_stored_timestamp_seconds", "cold") not in values


def test_an_address_that_is_taken_is_told_at_the_start(tmp_path, spool, ini):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        more = tmp_path / "more.conf"
        more.write_text(f"[shoebox]\nmetrics = prometheus\nmetrics_port = {port}\n")
        ended = run("ship", "--watch", "--config-file", ini, "--config-file", more)
    assert ended.code == 2
    assert f"metrics can't be given at 127.0.0.1, port {port}: " in ended.err


def test_without_storage_there_is_nothing_to_ship_to(spool, ini):
    assert run("ship").code == 2
    ini.write_text(f"[shoebox]\ndirectory = {spool}\n")
    ended = run("ship", "--config-file", ini)
    assert ended.code == 2
    assert ended.err == (
        "shoebox: [shoebox] storage: is empty; name where archives are to be shipped\n"
    )


def test_the_configuration_in_force_is_shown(tmp_path, spool, ini):
    (tmp_path / "store").mkdir()
    ended = run("check-config", "--config-file", ini)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.text.splitlines()
    assert lines[0] == "[shoebox]"
    assert f"directory = {spool}" in lines
    assert "compression = zstd" in lines
    assert lines.index("[shoebox_storage_cold]") < lines.index(f"path = {tmp_path / 'store'}")


def test_a_spool_that_can_not_be_used_is_told_by_the_check(tmp_path, spool, ini):
    (tmp_path / "store").mkdir()
    spool.rmdir()
    ended = run("check-config", "--config-file", ini)
    assert (ended.code, ended.out) == (2, b"")
    assert ended.err == f"shoebox: {spool}: there is no such directory; make it first\n"


def test_local_storage_that_is_not_there_is_told_by_the_check(tmp_path, ini):
    ended = run("check-config", "--config-file", ini)
    assert (ended.code, ended.out) == (3, b"")
    assert str(tmp_path / "store") in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("kind", ["binary", "folder"])
def test_a_configuration_that_is_no_text_is_told_by_its_name(tmp_path, ini, kind):
    other = tmp_path / kind
    other.mkdir() if kind == "folder" else other.write_bytes(b"\x7fELF\xff\x00" * 9)
    ended = run("check-config", "--config-file", ini, "--config-file", other)
    assert (ended.code, ended.out) == (2, b"")
    assert ended.err.startswith(f"shoebox: {other}: ")
    assert len(ended.err.splitlines()) == 1


def test_all_that_is_wrong_is_told_with_its_place(ini):
    ini.write_text(
        ini.read_text() + "paht = x\n[shoebox_callbak_x]\n[shoebox]\ncompression = zip\n"
    )
    ended = run("check-config", "--config-file", ini)
    assert (ended.code, ended.out) == (2, b"")
    text = ended.err
    assert f"shoebox: {ini}: [shoebox_storage_cold] paht: there is no such option" in text
    assert "did you mean 'path'?" in text
    assert f"{ini}: [shoebox] compression: " in text
    assert f"{ini}: [shoebox_callbak_x]: " in text


def test_a_line_that_is_no_ini_is_told_by_its_place_alone(ini):
    ini.write_text("[shoebox]\nstorage = cold\nsecret without an equals sign\n")
    ended = run("check-config", "--config-file", ini)
    assert ended.code == 2
    assert f"shoebox: {ini}:3: is neither [section] nor key = value" in ended.err
    assert "secret without" not in ended.err
    assert "secret without" not in run("check-config", "--debug", "--config-file", ini).err


def test_secrets_are_masked(tmp_path, spool, ini):
    site = tmp_path / "site"
    info = site / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[shoebox.storage_backends]\nacme = acme:Backend\n")
    (site / "acme.py").write_text(
        "from oslo_config import cfg\n"
        "from shoebox_plugins.storage.local import LocalBackend\n"
        "class Backend(LocalBackend):\n"
        "    OPTIONS = (cfg.StrOpt('path'), cfg.StrOpt('token', secret=True))\n"
    )
    ini.write_text(
        f"[shoebox]\ndirectory = {spool}\nstorage = acme\n"
        "[shoebox_storage_acme]\npath = /p\ntoken = hush\n"
    )
    ended = run("check-config", "--config-file", ini, folders=(site,))
    assert ended.code == 0
    assert "token = ****" in ended.text
    assert "hush" not in ended.text


def test_what_is_installed_is_listed_with_its_package():
    rows = json.loads(run("plugins", "-f", "json").out)
    found = {(row["kind"], row["name"]): row for row in rows}
    assert found["roll_checker", "size"]["package"] == "shoebox"
    assert {("callback", "move"), ("storage", "local"), ("command", "cat")} <= set(found)
    assert found["callback", "move"]["options"] == ["destination_folder"]
    assert found["roll_checker", "never"]["options"] == []
    assert found["command", "cat"]["options"] is None
    assert all(row["error"] is None for row in rows)


def test_options_are_listed_on_one_line_for_a_table_and_a_spreadsheet():
    shown = run("plugins", "-f", "csv").text
    assert '"roll_checker","cron","shoebox",' in shown
    assert ',"cron, timezone",""\n' in shown
    assert "| cron, timezone " in run("plugins").text
    lines = on_terminal("plugins", stream="stdout", columns=100).splitlines()
    assert "connect_timeout" in "".join(lines)
    assert max(map(len, lines)) <= 100


def test_what_fails_to_load_is_listed_with_the_cause(tmp_path):
    site = tmp_path / "site"
    info = site / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[shoebox.callbacks]\nacme = acme_gone:Callback\n[shoebox.commands]\nhello = acme_gone:C\n"
    )
    ended = run("plugins", "-f", "json", folders=(site,))
    assert ended.code == 0
    broken = [row for row in json.loads(ended.out) if row["error"] is not None]
    assert [(row["kind"], row["name"], row["package"], row["version"]) for row in broken] == [
        ("callback", "acme", "acme", "1.0"),
        ("command", "hello", "acme", "1.0"),
    ]
    assert all("No module named 'acme_gone'" in row["error"] for row in broken)


CHECKER = """
from oslo_config import cfg
from shoebox.roll_checker import RollChecker
from shoebox.callback import Callback

class Checker(RollChecker):
    def __init__(self, **_): pass
    def check(self, archive): return False
"""


@pytest.fixture
def stop(tmp_path, spool, ini):
    """Return a function that tells how commands end whose ini names a checker of a package."""

    def stop(source, *commands, packages=("acme",)):
        sites = [tmp_path / f"site-{package}" for package in packages]
        for package, site in zip(packages, sites, strict=True):
            info = site / f"{package}-1.0.dist-info"
            info.mkdir(parents=True)
            (info / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
            )
            (info / "entry_points.txt").write_text(
                "[shoebox.roll_checkers]\nacme = acme_checker:Checker\n"
            )
            (site / "acme_checker.py").write_text(source)
        ini.write_text(
            f"[shoebox]\ndirectory = {spool}\nroll_checkers = acme\nstorage = local\n"
            f"[shoebox_storage_local]\npath = {tmp_path}\n"
        )
        return [
            run(it, "--config-file", ini, stdin=b"record\n", folders=tuple(sites))
            for it in commands
        ]

    return stop


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("1 / 0", "can't be imported: ZeroDivisionError: division by zero; reinstall"),
        ("import fsspek", "No module named 'fsspek'; reinstall the package with what it needs"),
        ("raise SystemExit(0)", "can't be imported: SystemExit: 0; reinstall"),
        (f"{CHECKER}\nChecker = Callback", "no subclass of shoebox.roll_checker:RollChecker"),
        (f"{CHECKER}    OPTIONS = [cfg.StrOpt('a')]", "OPTIONS must be a tuple of oslo.config"),
        (f"{CHECKER}    OPTIONS = (cfg.StrOpt('a'), cfg.IntOpt('a'))", "declared twice"),
        (f"{CHECKER}    INTERFACE = 2", "was written for version 2 of the interfaces"),
        (CHECKER.replace("check(self, archive)", "check(self)"), "does not take the arguments"),
        (CHECKER.replace("(self, **_): pass", "(self, *, a): pass"), "refuses its options"),
    ],
)
def test_a_plugin_that_can_not_be_used_stops_the_start_and_not_the_first_roll(
    stop, spool, source, told
):
    [ended] = stop(source, "write")
    assert (ended.code, ended.out) == (2, b"")
    assert "the roll_checker plugin 'acme' of acme 1.0" in ended.err
    assert told in ended.err
    assert len(ended.err.splitlines()) == 1
    assert list(spool.iterdir()) == []


def test_whatever_starts_with_the_ini_says_so(stop):
    ends = stop("import fsspek", "check-config", "write", "ship")
    assert [it.code for it in ends] == [2, 2, 2]
    assert len({it.err for it in ends}) == 1


def test_a_name_that_two_packages_claim_stops_the_start(stop, spool):
    ends = stop(CHECKER, "check-config", "write", "ship", packages=("acme", "best"))
    assert [it.code for it in ends] == [2, 2, 2]
    told = "the roll_checker plugin 'acme' is claimed by acme 1.0 and best 1.0: uninstall all but"
    assert all(told in it.err for it in ends)
    assert list(spool.iterdir()) == []
