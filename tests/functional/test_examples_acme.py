"""The example of a third party's package: built, installed and used as by a stranger.

pip builds a wheel of it and installs that into a fresh environment, which sees the packages of
this one, shoebox among them, so that they need not be installed again.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import venv
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.program import COMMAND, ROOT, run

EXAMPLE = ROOT / "examples" / "shoebox-acme"
LINES = [
    {"event": "boot", "vm": {"state": "active"}},
    {"event": "halt", "vm": {"state": "deleted"}},
    {"event": "boot", "vm": {"state": "active"}},
    {"event": "boot", "vm": {"state": "active"}},
    {"event": "ping"},
]
RECORDS = "".join(f"{json.dumps(line)}\n" for line in LINES)


@dataclass(frozen=True)
class Stranger:
    """An environment in which the package is installed, and the copy of it that was built."""

    python: Path
    package: Path

    def run(
        self, *arguments: str | Path, folder: Path, stdin: str = ""
    ) -> subprocess.CompletedProcess:
        """Run its interpreter to the end."""
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [self.python, *arguments],
            cwd=folder,
            env=clean,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def shoebox(self, *arguments: str | Path, folder: Path, stdin: str = "") -> str:
        """Run the command line, and return what it has printed."""
        done = self.run(*COMMAND[1:], *arguments, folder=folder, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """Build the wheel, and install it by pip alone."""
    folder = tmp_path_factory.mktemp("stranger")
    shutil.copytree(EXAMPLE, folder / "package")
    wheels = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "."]
    subprocess.run([*wheels, folder / "package"], cwd=folder, check=True)
    [wheel] = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=True, with_pip=True)
    python = folder / "venv" / "bin" / "python"
    [packages] = (folder / "venv" / "lib").glob("python3*/site-packages")
    others = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    # What is development's own way to be found there counts as well.
    lines = [f"import site; site.addsitedir({it!r})\n" for it in sorted(others)]
    (packages / "others.pth").write_text("".join(lines))
    installing = ["-m", "pip", "install", "--quiet", "--no-index"]
    subprocess.run([python, *installing, wheel], cwd=folder, check=True)
    return Stranger(python, folder / "package")


@dataclass
class Webhook:
    """What was posted, and where."""

    url: str
    posted: list = field(default_factory=list)


@pytest.fixture
def webhook():
    """Run a server that takes what is posted to it."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            hook.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        hook = Webhook(f"http://127.0.0.1:{server.server_port}/archives")
        threading.Thread(target=server.serve_forever).start()
        yield hook
        server.shutdown()


@pytest.fixture
def folder(tmp_path, webhook):
    """Return a folder with the example's ini, its webhook here, and the directories it names."""
    for name in ("spool", "share/audit"):
        (tmp_path / name).mkdir(0o700, parents=True)
    text = (EXAMPLE / "acme.conf").read_text()
    here = text.replace("http://127.0.0.1:8080/archives", webhook.url)
    assert here != text
    (tmp_path / "acme.conf").write_text(here)
    return tmp_path


def write(stranger, folder):
    arguments = ("write", "--metadata-from", "event_type=event")
    stranger.shoebox("--config-file", "acme.conf", *arguments, folder=folder, stdin=RECORDS)


def test_its_own_tests_pass(stranger):
    done = stranger.run("-m", "pytest", "-q", folder=stranger.package)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_it_is_listed_with_package_version_and_options(stranger, tmp_path):
    rows = json.loads(stranger.shoebox("plugins", "-f", "json", folder=tmp_path))
    assert [row for row in rows if row["package"] != "shoebox"] == [
        {"package": "shoebox-acme", "version": "1.0", "error": None, **row}
        for row in (
            {"kind": "roll_checker", "name": "acme-payload", "options": ["field", "value"]},
            {"kind": "callback", "name": "acme-webhook", "options": ["url", "timeout"]},
            {"kind": "storage", "name": "acme-share", "options": ["department", "share"]},
            {"kind": "command", "name": "acme", "options": None},
        )
    ]


def test_the_ini_alone_changes_when_archives_roll_and_where_they_go(stranger, folder, webhook):
    write(stranger, folder)
    assert list((folder / "spool").iterdir()) == []
    stored = [it for it in (folder / "share" / "audit").iterdir() if it.suffix == ".events"]
    assert len(stored) == 2
    assert [told["records"] for told in webhook.posted] == [2, 3]
    assert {told["size"] for told in webhook.posted} == {it.stat().st_size for it in stored}
    assert all(any(told["archive"] in it.name for it in stored) for told in webhook.posted)


def test_without_it_in_the_ini_one_archive_stays_in_the_spool(stranger, folder, webhook):
    (folder / "acme.conf").write_text("[shoebox]\ndirectory = spool\n")
    write(stranger, folder)
    assert len(list((folder / "spool").iterdir())) == 1
    assert webhook.posted == []


def test_its_command_reads_what_its_storage_has(stranger, folder):
    write(stranger, folder)
    counting = ("--config-file", "acme.conf", "acme", "-f", "json")
    counted = stranger.shoebox(*counting, "acme-share://audit/", folder=folder)
    assert json.loads(counted) == [
        {"value": "boot", "records": 3},
        {"value": "halt", "records": 1},
        {"value": "ping", "records": 1},
    ]
    assert stranger.shoebox("acme", "-f", "json", "share/audit", folder=folder) == counted


def test_its_configuration_is_in_force_and_its_secret_masked(stranger, folder, webhook):
    shown = stranger.shoebox("check-config", "--config-file", "acme.conf", folder=folder)
    assert "[shoebox_callback_acme-webhook]\nurl = ****\ntimeout = 5.0\n" in shown
    assert webhook.url not in shown


def test_its_storage_passes_the_checks_of_a_real_one(stranger, folder):
    checking = ("--config-file", "acme.conf", "check-backend", "acme-share", "-f", "json")
    assert stranger.run(*COMMAND[1:], *checking, folder=folder).returncode == 0


def test_where_it_is_not_installed_the_start_says_so(folder):
    ended = run("check-config", "--config-file", folder / "acme.conf")
    assert ended.code == 2
    for name in ("roll_checker plugin is called 'acme-payload'", "'acme-webhook'", "'acme-share'"):
        assert name in ended.err
