"""The documentation builds without a warning, and has whatever users can name.

The references are made of the code: what is missing there lacks a description, or its page
leaves it out.
"""

import errno
import os
import re
import subprocess
import sys
import textwrap
import zlib
from argparse import SUPPRESS
from collections import Counter
from fcntl import LOCK_EX, flock
from importlib import import_module
from importlib.metadata import entry_points
from inspect import getdoc, getmembers, isclass, isfunction
from pathlib import Path

import pytest

from shoebox import config, errors, plugins
from shoebox.archive import ArchiveReader, ArchiveWriter
from shoebox.cli.commands import Commands
from shoebox.cli.main import Shoebox
from shoebox.cli.spool import Spool
from tests.program import ROOT

PUBLIC = [
    "shoebox.archive",
    "shoebox.callback",
    "shoebox.errors",
    "shoebox.roll_checker",
    "shoebox.roll_manager",
    "shoebox.storage",
    "shoebox.testing",
]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
FAILURES = OPERATIONS.partition("## What to do when")[2].partition("\n## ")[0]
MESSAGES = [
    message
    for row in re.findall(r"^\| (`[^|]+`) \|", FAILURES, re.MULTILINE)
    for message in re.findall(r"`([^`]+)`", row)
]
SOURCES = "".join(
    path.read_text()
    for package in ("shoebox", "shoebox_plugins")
    for path in (ROOT / package).rglob("*.py")
)
NOT_FOR_USERS = {"shoebox.roll_checker.positive", "shoebox.storage.RangedFile"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site, built as `tox -e docs` does: by the first that asks."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, built = shared / "site", shared / "site.built"
    with (shared / "site.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not built.exists():
            build(folder)
            built.touch()
    return folder


def build(folder: Path) -> None:
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--builder", "html"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, ROOT / "docs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def named(site: Path) -> set[str]:
    """Return what can be linked to: names of the API, and options of commands.

    The format is that of Sphinx: four lines, and then compressed ones with name, kind,
    priority, place and title.
    """
    compressed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(compressed).decode().splitlines()
    return {re.sub(r" \S+:\S+ -?\d+ \S* .*", "", line) for line in lines}


def headings(page: Path, level: int) -> list[str]:
    return re.findall(rf"<h{level}>([^<]+)", page.read_text())


def test_each_option_of_the_ini_is_documented(site: Path) -> None:
    page = (site / "reference" / "options.html").read_text()
    missing = [
        f"[{section}] {option.dest}"
        for section, options in config.list_opts()
        for option in options
        if not option.help or f'id="{section}.{option.dest}"' not in page
    ]
    assert missing == []


def test_each_plugin_is_documented(site: Path) -> None:
    names = [name for kind in plugins.GROUPS for name in plugins.names(kind)]
    page = site / "reference" / "plugins.html"
    assert Counter(headings(page, 3)) == Counter(names)
    assert "No documentation found" not in page.read_text()


def test_each_command_is_documented(site: Path) -> None:
    names = [it.name.replace("_", " ") for it in entry_points(group="shoebox.commands")]
    assert sorted(headings(site / "reference" / "commands.html", 3)) == sorted(names)


def test_each_argument_of_a_command_is_documented(named: set[str]) -> None:
    missing = [
        f"{command} {argument}"
        for command, argument, text in arguments()
        if not text or f"{command.replace(' ', '-')}.{argument}" not in named
    ]
    assert missing == []


def arguments():
    """Yield command, name and help of each argument, those of all commands among them."""
    app = Shoebox()
    parsers = {"shoebox": app.parser}
    for name, entry in Commands("shoebox.commands"):
        command = entry.load()(app, None, cmd_name=name)
        parsers[f"shoebox {name}"] = command.get_parser(f"shoebox {name}")
    for program, parser in parsers.items():
        shown = [it for it in parser._actions if it.help != SUPPRESS and it.dest != "help"]
        for action in shown:
            for argument in action.option_strings or [action.metavar or action.dest]:
                yield program, argument, action.help


def test_each_exception_is_documented(named: set[str]) -> None:
    missing = [
        name
        for name, error in getmembers(errors, isclass)
        if not vars(error).get("__doc__") or f"shoebox.errors.{name}" not in named
    ]
    assert missing == []


@pytest.mark.parametrize("module", PUBLIC)
def test_each_public_name_is_documented(named: set[str], module: str) -> None:
    missing = {name for name, places in public_names(module) if not named & places}
    assert missing - NOT_FOR_USERS == set()


def public_names(module):
    """Yield each name that a module offers, and the places where it may be documented."""
    found = import_module(module)
    names = getattr(found, "__all__", None)
    if names is None:
        members = getmembers(found, lambda it: isclass(it) or isfunction(it))
        names = [name for name, it in members if it.__module__ == module and name[0] != "_"]
    for name in names:
        it = getattr(found, name)
        if callable(it):
            yield f"{module}.{name}", {f"{module}.{name}", f"{it.__module__}.{it.__qualname__}"}


def test_operations_explains_each_state_that_the_spool_is_listed_with() -> None:
    sentence = getdoc(Spool).replace("\n", " ").partition("The state is ")[2].partition(". ")[0]
    states = re.split(r", | or ", re.sub(r" \([^)]*\)", "", sentence))
    assert {"open", "torn tail"} < {*states}
    assert {*states} <= {*re.findall(r"^\| ([a-z ]+) \|", OPERATIONS, re.MULTILINE)}


@pytest.mark.parametrize("message", MESSAGES)
def test_operations_explains_what_is_really_said(message: str) -> None:
    assert message in SOURCES or message in map(os.strerror, errno.errorcode)


def test_operations_brings_what_is_sound_of_a_damaged_archive_back(tmp_path, monkeypatch, ini):
    """Only the ini, which the block names, is this test's."""
    (block,) = re.findall(r"^ *```python\n(.*?)^ *```$", FAILURES, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    with ArchiveWriter("NAME") as writer:
        for payload in ("first", "second", "third"):
            writer.write({"n": payload}, payload, 1_795_608_000_000_000_000)
            writer.sync()
    damaged = Path("NAME").read_bytes().replace(b"second", b"sacond")
    Path("NAME.corrupt").write_bytes(damaged)
    (tmp_path / "spool").mkdir()
    ini(f"[shoebox]\ndirectory = {tmp_path}/spool\n")  # it writes shoebox.conf here
    exec(textwrap.dedent(block), {})
    (path,) = (tmp_path / "spool").iterdir()
    with ArchiveReader(path) as reader:
        found = [(it.metadata, it.payload, it.timestamp) for it in reader.records()]
    assert found == [({"n": it}, it, 1_795_608_000_000_000_000) for it in ("first", "third")]
