"""What the README shows is run as it stands there."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from shoebox import app
from shoebox.archive import ArchiveWriter
from tests.program import COMMAND, ROOT, environment

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_first_example_gives_the_ten_records_back_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usage example runs unchanged in an empty directory."""
    monkeypatch.chdir(tmp_path)
    body = blocks("python")[0].replace(
        "    except", "        collected.append((metadata, json_payload))\n    except"
    )
    collected: list[tuple[dict[str, str], str]] = []
    exec(body, {"collected": collected})
    assert collected == [({"index": str(n)}, f"payload_{n}") for n in range(10)]


def test_the_command_that_runs_the_main_job_does(tmp_path: Path) -> None:
    """All of it but the installation, which CI does as it stands, in an empty directory."""
    command = re.sub(r"^python3.*? && mkdir", "mkdir", blocks("sh")[0], flags=re.DOTALL)
    command = command.replace(".venv/bin/shoebox", shlex.join(COMMAND))
    command = command.replace("examples/", f"{ROOT}/examples/")
    done = subprocess.run(
        ["bash", "-ec", command],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [json.loads(record["payload"]) for record in records] == [
        {"event": "boot"},
        {"event": "halt"},
    ]
    assert {record["metadata"]["host"] for record in records} == {"web1"}
    assert not list((tmp_path / "spool").iterdir())


def test_the_ini_file_writes_and_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ini: Callable[..., cfg.ConfigOpts]
) -> None:
    """The ini and the code beside it work; only the directories are this test's."""
    for name in ("spool", "archives"):
        (tmp_path / name).mkdir()
    text = blocks("ini")[0].replace("/var/spool/shoebox", f"{tmp_path}/spool")
    app.check(ini(text.replace("/srv", str(tmp_path))))
    monkeypatch.chdir(tmp_path)
    exec(blocks("python")[1], {})
    assert [path.suffix for path in (tmp_path / "archives").glob("events_*")] == [".events"]
    assert not list((tmp_path / "spool").iterdir())


def test_the_ini_file_for_s3_and_swift_is_in_order(ini: Callable[..., cfg.ConfigOpts]) -> None:
    """Nothing is asked of a service before there is something to ship."""
    app.check(ini(blocks("ini")[1]))


def test_the_ini_files_for_notifications_are_in_order(
    tmp_path: Path, ini: Callable[..., cfg.ConfigOpts]
) -> None:
    """The driver takes the one, and the listener the other."""
    for text in blocks("ini")[2:4]:
        app.check(ini(text.replace("/var/spool/shoebox", str(tmp_path))))


def test_a_reader_of_a_store_is_handed_its_selection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example reads what matches; only the store is this test's."""
    with ArchiveWriter(tmp_path / "a.events") as writer:
        writer.write({"host": "web1"}, "matches")
        writer.write({"host": "db1"}, "does not")
    url = "s3://audit/year=2026/month=11/*.events"
    exec(blocks("python")[2].replace(url, f"local://{tmp_path}"), {})
    assert capsys.readouterr().out == "matches\n"


def test_the_plugin_rolls_after_an_error(
    tmp_path: Path, install: Callable[..., Path], ini: Callable[..., cfg.ConfigOpts]
) -> None:
    """The plugin of the README is found by its entry point and does what it says."""
    install("acme", "roll_checker", "errors", "acme:ErrorRollChecker", blocks("python")[3])
    conf = ini(
        f"[shoebox]\ndirectory = {tmp_path}/spool\nfilename_template = a.events\n"
        "roll_checkers = errors\n"
    )
    (tmp_path / "spool").mkdir()
    with app.build_writer(conf) as writer:
        for level in ("info", "error", "info"):
            writer.write({"level": level}, "")
    names = sorted(path.name for path in (tmp_path / "spool").iterdir())
    assert names == ["a-0001.events", "a.events"]


@pytest.mark.parametrize(
    "command", sorted(it.name for it in entry_points(group="shoebox.commands"))
)
def test_each_command_is_in_the_table(command: str) -> None:
    """A command that is not in the README is not known."""
    assert f"`shoebox {command}" in README


def test_ci_runs_both_commands_as_they_stand() -> None:
    """Nobody has to keep a second copy of them."""
    script: Any = (ROOT / ".ci" / "run").read_text()
    assert "README.md" in script
    assert len(blocks("sh")) == 2
    assert blocks("sh")[1].strip().endswith("pytest")


def test_it_leads_to_each_page_of_the_documentation_and_to_nothing_that_is_not_there() -> None:
    """A page that nothing leads to is not read; the site alone leads to its index."""
    links = re.findall(r"\]\(([^):#]+)\)", README)
    assert [it for it in links if not (ROOT / it).exists()] == []
    pages = {f"docs/{it.name}" for it in (ROOT / "docs").glob("*.md")}
    assert pages - {"docs/index.md", "docs/release-notes.md"} <= {*links}
