"""The command, as `shoebox` runs it."""

import json

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.cli.main import main


@pytest.fixture
def folder(tmp_path):
    with ArchiveWriter(tmp_path / "a.events") as writer:
        for event in ("boot", "halt", "boot"):
            writer.write({"event_type": event, "host": "web1"}, "payload")
        writer.write({}, "payload")
    return tmp_path


def test_it_counts_by_event_type(folder, capsys):
    assert main(["acme", "-f", "json", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"value": "boot", "records": 2},
        {"value": "halt", "records": 1},
        {"value": None, "records": 1},
    ]


def test_it_counts_by_any_other_key(folder, capsys):
    assert main(["acme", "-f", "csv", "--key", "host", str(folder)]) == 0
    assert capsys.readouterr().out == '"value","records"\n"web1",3\n"",1\n'


def test_a_source_that_matches_nothing_is_complained_of(folder, capsys):
    assert main(["acme", str(folder / "none")]) == 1
    assert "none: matches no archive" in capsys.readouterr().err
