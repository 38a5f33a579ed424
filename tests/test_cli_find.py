"""`shoebox find` and `shoebox catalog`: where records lie, and what makes it quick to see."""

import json

import pytest

from shoebox.archive import ArchiveWriter
from tests.program import run

DAY = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        with ArchiveWriter(tmp_path / f"{number}", clock=lambda now=number: now) as writer:
            for at in range(4):
                metadata = {"id": f"{number}-{at}", "host": f"web{at}"}
                writer.write(metadata, "x" * 100, DAY + at)
                writer.flush()
    return tmp_path


def found(*arguments):
    ended = run("find", "-f", "json", *arguments)
    return ended.code, json.loads(ended.out)


def test_each_match_is_told_with_its_place_time_and_metadata(folder):
    code, [row] = found(folder, "--where", "id=1-2")
    assert code == 0
    offset = row.pop("offset")
    assert (folder / "1").read_bytes()[offset:].startswith(b"\x84\x78\x86\x69\x02\x00\x02")
    assert row == {
        "archive": str(folder / "1"),
        "place": 0,
        "timestamp": DAY + 2,
        "metadata": {"id": "1-2", "host": "web2"},
    }
    table = run("find", folder, "--where", "id=1-2").text
    assert "2026-01-01T00:00:00.000000Z" in table
    assert "host=web2" in table


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["--where", "host=web[12]", "--where", "id!=?-2"], ["0-1", "1-1", "2-1"]),
        (["--where", "host!=web*"], []),
        (["--where", "other!=x", "--limit", "2"], ["0-0", "0-1"]),
        (["--since", str(DAY + 3)], ["0-3", "1-3", "2-3"]),
        (["--since", "2027-01-01"], []),
        (["--until", str(DAY + 1), "--where", "id!=1-*"], ["0-0", "2-0"]),
    ],
)
def test_it_selects_as_cat_does(folder, arguments, ids):
    assert [row["metadata"]["id"] for row in found(folder, *arguments)[1]] == ids
    lines = run("cat", "--format", "jsonl", folder, *arguments).out.splitlines()
    assert [json.loads(line)["metadata"]["id"] for line in lines] == ids


def test_version_1_has_no_time(tmp_path):
    with ArchiveWriter(tmp_path / "a", format_version=1) as writer:
        writer.write({"k": "v"}, "x")
    [row] = found(tmp_path, "--where", "k=v")[1]
    assert row["timestamp"] is None


def test_a_fault_is_told_and_the_others_are_found(folder):
    path = folder / "1"
    path.write_bytes(path.read_bytes()[:-10])
    ended = run("find", folder, "--where", "host=web0", "-f", "value", "-c", "archive")
    assert ended.code == 1
    assert ended.text.split() == [str(folder / name) for name in "012"]
    assert ended.err.startswith(f"shoebox: {path}: torn at bytes ")
    assert run("find", folder / "missing", "--where", "a=b").code == 1


def test_a_condition_that_is_none_is_refused(folder):
    assert run("find", folder, "--where", "host").code == 2


def test_with_a_catalog_the_same_is_found(folder):
    url = f"local://{folder}"
    before = found(url, "--where", "id=2-1")
    ended = run("catalog", url)
    assert (ended.code, ended.err) == (0, "")
    name = next(it.name for it in folder.iterdir() if it.name.endswith(".catalog"))
    assert ended.text == f"{url}/{name}: 3 archives, 3 added, 0 removed\n"
    assert found(url, "--where", "id=2-1") == before
    assert found(url, "--where", "id=none") == (0, [])
    for command in ("ls", "verify", "cat", "find"):
        assert name not in run(command, url).text
        assert run(command, folder).code == 0
        assert name not in run(command, folder).text


def test_what_is_left_out_of_a_catalog_is_told(folder):
    (folder / "1").write_bytes(b"no archive")
    ended = run("catalog", f"local://{folder}")
    assert ended.code == 0
    assert f"local://{folder}/1: is left out" in ended.err


@pytest.mark.parametrize("source", ["folder", "local://x/*.events", "local://x/%Y"])
def test_a_catalog_is_of_a_prefix_in_a_store(source):
    ended = run("catalog", source)
    assert ended.code == 2
    assert "is no prefix in a store" in ended.err
