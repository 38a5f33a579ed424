"""`shoebox ls`, `info`, `verify` and `recover`: what archives are, and whether they are sound."""

import csv
import io
import json
import os
import subprocess

import pytest
import yaml

from shoebox.archive import ArchiveWriter
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingRollManager
from tests import golden
from tests.program import COMMAND, environment, on_terminal, run

CREATED = 1_767_225_600_000_000_000


def archive(path, count=3, **options):
    """Write an archive of so many records, a second apart."""
    with ArchiveWriter(path, clock=lambda: CREATED, **options) as writer:
        for number in range(count):
            writer.write({"k": str(number)}, f"payload {number}", CREATED + number * 10**9)
    return path


def abandoned(path):
    """Leave an open archive, as a writer that dies does."""
    writer = ArchiveWriter(path)
    for number in range(2):
        writer.write({}, str(number))
        writer.sync()
    writer.release()
    return path.with_name(path.name + ".open")


def change(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


def listed(*arguments):
    ended = run("ls", "-f", "json", *arguments)
    return ended, {os.path.basename(row["archive"]): row for row in json.loads(ended.out)}  # noqa: PTH119


def test_a_list_says_what_archives_say_of_themselves(tmp_path):
    path = archive(tmp_path / "a", metadata={"host": "h"})
    ended, rows = listed(tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert rows["a"] == {
        "archive": str(path),
        "state": "sealed",
        "version": 2,
        "records": 3,
        "bytes": path.stat().st_size,
        "created": "2026-01-01T00:00:00.000000Z",
        "first": "2026-01-01T00:00:00.000000Z",
        "last": "2026-01-01T00:00:02.000000Z",
    }
    assert "| sealed |" in run("ls", path).text


def test_version_1_has_no_times(tmp_path):
    archive(tmp_path / "a", format_version=1)
    _, rows = listed(tmp_path)
    row = rows["a"]
    assert (row["version"], row["records"]) == (1, 3)
    assert (row["created"], row["first"], row["last"]) == (None, None, None)


def test_archives_in_a_store_are_listed_by_their_urls(tmp_path):
    archive(tmp_path / "a")
    ended = run("ls", "-f", "value", "-c", "archive", "-c", "records", f"local://{tmp_path}")
    assert ended.text == f"local://{tmp_path}/a 3\n"


def test_the_state_says_who_has_to_do_something(tmp_path):
    archive(tmp_path / "sealed")
    (tmp_path / "torn").write_bytes((tmp_path / "sealed").read_bytes()[:-10])
    (tmp_path / "foreign").write_bytes(b"no archive at all" * 9)
    with WritingRollManager("live", NeverRollChecker(), directory=tmp_path) as writer:
        writer.write({}, "1")
        writer.flush()
        abandoned(tmp_path / "left")  # a writer that begins later would recover it
        ended, rows = listed(tmp_path)
    assert ended.code == 1
    assert {name: row["state"] for name, row in rows.items()} == {
        "sealed": "sealed",
        "left.open": "abandoned",
        "torn": "torn",
        "foreign": "foreign",
        "live.open": "open",
    }
    assert [line.split(": ")[2].split()[0] for line in ended.err.splitlines()] == [
        "foreign",
        "torn",
    ]


@pytest.mark.parametrize("command", ["ls", "verify"])
def test_what_can_not_be_opened_is_told_and_the_others_are_shown(tmp_path, command):
    archive(tmp_path / "a")
    (tmp_path / "b").symlink_to("gone")
    ended = run(command, tmp_path / "a", tmp_path / "b")
    assert ended.code == 1
    assert ended.err == f"shoebox: {tmp_path / 'b'}: No such file or directory\n"
    assert ended.text


READ = {
    "json": json.loads,
    "yaml": yaml.safe_load,
    "csv": lambda out: list(csv.DictReader(io.StringIO(out.decode(errors="surrogateescape")))),
    "value": lambda out: [{"archive": out[:-1].decode(errors="surrogateescape")}],
}
"""What programs make of each format."""


@pytest.mark.parametrize(
    ("command", "wanted"),
    # What shows one thing has no csv.
    [(it, wanted) for it in ("ls", "find", "spool") for wanted in READ]
    + [("info", wanted) for wanted in READ if wanted != "csv"],
)
def test_programs_get_a_name_as_it_is_and_people_escaped(tmp_path, command, wanted):
    path = archive(tmp_path / os.fsdecode(b"a\x1b\xff"), count=1)
    name, place = str(path), [path]
    if command == "spool":
        name, place = path.name, ["--directory", tmp_path]
    found = READ[wanted](run(command, "-f", wanted, "-c", "archive", *place).out)
    row = found if isinstance(found, dict) else found[0]
    assert os.fsencode(row["archive"]) == os.fsencode(name)
    assert "a\\u001b\\udcff" in run(command, *place).text


@pytest.mark.parametrize("command", ["ls", "info"])
def test_on_a_terminal_no_format_gives_what_it_would_obey(tmp_path, command):
    path = archive(tmp_path / "a\x1b", count=1)
    seen = on_terminal(command, "-f", "value", "-c", "archive", path, stream="stdout")
    assert seen == f"{tmp_path}/a\\u001b\r\n"


def test_info_shows_the_parts_of_an_archive(tmp_path):
    path = archive(tmp_path / "a", metadata={"host": "a\x1b"}, writer_id=bytes(16), sequence=7)
    ended = run("info", "-f", "json", path)
    assert (ended.code, ended.err) == (0, "")
    shown = json.loads(ended.out)
    assert shown["metadata"] == {"host": "a\x1b"}
    assert (shown["writer"], shown["sequence"], shown["records"]) == ("00" * 16, 7, 3)
    [block] = shown["blocks"]
    assert (block["records"], block["sequence"]) == (3, 7)
    assert block["first"] == "2026-01-01T00:00:00.000000Z"
    [index] = shown["index"]
    assert (index["entries"], index["keys"]) == (1, ["k"])
    table = run("info", path).text
    assert "host=a\\u001b" in table
    assert "\x1b" not in table


def test_info_shows_an_archive_of_many_blocks_and_one_of_version_1():
    tree = json.loads(run("info", "-f", "json", golden.DATA / "v2-tree.events").out)
    assert sum(block["records"] for block in tree["blocks"]) == tree["records"]
    assert max(index["level"] for index in tree["index"]) > 1
    old = json.loads(run("info", "-f", "json", golden.DATA / "v1.events").out)
    assert (old["version"], old["blocks"], old["index"]) == (1, [], [])


def test_info_is_of_one_archive(tmp_path):
    archive(tmp_path / "a")
    assert run("info", tmp_path).code == 0
    archive(tmp_path / "b")
    ended = run("info", tmp_path)
    assert ended.code == 2
    assert (
        ended.err == f"shoebox: {tmp_path}: matches 2 archives; name one (shoebox ls shows them)\n"
    )


def test_info_of_a_damaged_archive_shows_what_is_sound(tmp_path):
    path = archive(tmp_path / "a")
    path.write_bytes(path.read_bytes()[:-10])
    ended = run("info", "-f", "json", path)
    assert ended.code == 1
    assert json.loads(ended.out)["records"] == 3
    assert ended.err.startswith(f"shoebox: {path}: torn at bytes ")
    change(path, len(path.read_bytes()) - 110)
    assert json.loads(run("info", "-f", "json", path).out)["state"] == "torn"


def test_what_is_sound_is_verified(tmp_path):
    archive(tmp_path / "a")
    archive(tmp_path / "b", 1)
    ended = run("verify", tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.text == "2 of 2 archives sound, with 4 sound records\n"
    assert run("verify", f"local://{tmp_path}") == ended


def test_each_fault_is_a_line_of_its_own(tmp_path):
    archive(tmp_path / "a")
    path = archive(tmp_path / "b\x1b")
    change(path, path.read_bytes().index(b"payload 1"))
    (tmp_path / "c").write_bytes((tmp_path / "a").read_bytes()[:-10])
    ended = run("verify", tmp_path)
    assert (ended.code, ended.err) == (1, "")
    corrupt, torn, summary = ended.text.splitlines()
    assert corrupt.startswith(f"{tmp_path}/b\\u001b: corrupt at bytes ")
    assert torn.startswith(f"{tmp_path}/c: torn at bytes ")
    assert summary == "1 of 3 archives sound, with 6 sound records"


def test_a_growing_tail_is_no_fault_while_its_writer_lives(tmp_path):
    with WritingRollManager("live", NeverRollChecker(), directory=tmp_path) as writer:
        writer.write({}, "1")
        writer.flush()
        path = tmp_path / "live.open"
        size = path.stat().st_size
        with path.open("ab") as file:
            file.write(path.read_bytes()[:50])
        assert run("verify", tmp_path).text == "1 of 1 archive sound, with 1 sound record\n"
        os.truncate(path, size)
    left = abandoned(tmp_path / "left")
    os.truncate(left, left.stat().st_size - 5)
    assert run("verify", left).code == 1


def test_progress_is_shown_on_a_terminal_only(tmp_path):
    archive(tmp_path / "a", 1000)
    terminal, end = os.openpty()
    done = subprocess.run(
        [*COMMAND, "verify", tmp_path],
        stdout=subprocess.PIPE,
        stderr=end,
        env=environment(),
        check=True,
    )
    os.close(end)
    assert b"verifying" in os.read(terminal, 4096)
    os.close(terminal)
    assert done.stdout == b"1 of 1 archive sound, with 1000 sound records\n"


def test_faults_stay_on_standard_output_when_progress_is_shown(tmp_path):
    path = archive(tmp_path / "a")
    path.write_bytes(path.read_bytes()[:-10])
    terminal, end = os.openpty()
    done = subprocess.run(
        [*COMMAND, "verify", path],
        stdout=subprocess.PIPE,
        stderr=end,
        env=environment(),
        check=False,
    )
    os.close(end)
    os.close(terminal)
    assert done.returncode == 1
    assert done.stdout.decode().startswith(f"{path}: torn at bytes ")


def test_a_torn_tail_is_cut_off_and_that_is_success(tmp_path):
    left = abandoned(tmp_path / "a")
    with left.open("ab") as file:
        file.write(b"half a block")
    ended = run("recover", tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.text.startswith(
        f"{tmp_path}/a: sealed, 2 records, 12 torn bytes cut off and saved"
    )
    assert run("cat", tmp_path).text == "0\n1\n"
    assert (tmp_path / "a.torn").read_bytes() == b"half a block"
    assert f"what was cut off is in {tmp_path}/a.torn: shoebox cat {tmp_path}/a.torn" in ended.text
    again = run("recover", tmp_path)
    assert (again.code, again.text) == (0, f"{tmp_path}: there is nothing to recover\n")


def test_a_corrupt_archive_is_set_aside_and_that_is_a_fault(tmp_path):
    left = abandoned(tmp_path / "a")
    change(left, 150)
    abandoned(tmp_path / "b")
    ended = run("recover", tmp_path)
    assert (ended.code, ended.err) == (1, "")
    corrupt, path = ended.text.splitlines()[0], tmp_path / "a.corrupt"
    assert corrupt.startswith(f"{path}: corrupt, 0 records before the first damage: ")
    assert corrupt.endswith(
        f"; it is never shipped: shoebox cat {path} gives all that is sound in it"
    )
    assert "b: sealed, 2 records" in ended.text
    assert run("cat", tmp_path).text == "0\n1\n"
    assert run("cat", path).text == "1\n"


def test_what_a_living_writer_holds_is_not_recovered(tmp_path):
    with WritingRollManager("live", NeverRollChecker(), directory=tmp_path) as writer:
        writer.write({}, "1")
        ended = run("recover", tmp_path)
        assert (ended.code, ended.text) == (0, f"{tmp_path}: there is nothing to recover\n")


def test_an_unknown_column_is_told_with_those_that_there_are(tmp_path):
    path = archive(tmp_path / "a")
    for option in ("-c", "--sort-column"):
        ended = run("ls", path, option, "nope", "-c", "state")
        assert (ended.code, ended.out) == (2, b"")
        assert "there is no column 'nope'; there are archive, state, version," in ended.err
    assert "'nope'; there are archive," in run("info", path, "-c", "nope").err


def test_rows_are_sorted_by_a_column(tmp_path):
    for name, number in (("a", 2), ("b", 1), ("c", 3)):
        archive(tmp_path / name, number)
    archive(tmp_path / "d", 4, format_version=1)
    shown = ("ls", "-f", "value", "-c", "records", tmp_path, "--sort-column")
    assert run(*shown, "records").text.split() == ["1", "2", "3", "4"]
    assert run(*shown, "last").text.split() == ["1", "2", "3", "4"]


def test_where_there_is_nothing_to_say_programs_are_told_so_in_their_way(tmp_path):
    archive(tmp_path / "a", format_version=1)
    (tmp_path / "b").write_bytes(b"no archive at all" * 9)
    _, rows = listed(tmp_path)
    assert [row["version"] for row in rows.values()] == [1, None]
    columns = ("-c", "version", "-c", "created", tmp_path)
    assert run("ls", "-f", "value", *columns).text == "1 \n \n"
    assert run("ls", "-f", "csv", *columns).text == '"version","created"\n"1",""\n"",""\n'
    assert "None" not in run("info", "-f", "shell", tmp_path / "a").text
    assert run("ls", tmp_path / "missing").out == run("info", tmp_path / "missing").out == b""


def test_of_an_archive_in_a_store_a_list_reads_only_the_ends(tmp_path):
    """And says the same of it; what is damaged in between is for verify."""
    path = archive(tmp_path / "a", count=20_000, compression="none", metadata={"host": "h"})
    _, here = listed(tmp_path)
    _, there = listed(f"local://{tmp_path}")
    assert there["a"] | {"archive": ""} == here["a"] | {"archive": ""}
    change(path, path.stat().st_size // 2)
    assert listed(f"local://{tmp_path}")[1]["a"]["state"] == "sealed"
    assert listed(tmp_path)[1]["a"]["state"] == "sealed"
    assert run("verify", f"local://{tmp_path}").code == 1


def test_what_says_nothing_at_its_ends_is_gone_through(tmp_path):
    path = archive(tmp_path / "a", format_version=1)
    path.write_bytes(path.read_bytes()[:-1])
    _, rows = listed(f"local://{tmp_path}")
    assert (rows["a"]["state"], rows["a"]["version"], rows["a"]["records"]) == ("torn", 1, 2)


@pytest.mark.parametrize("name", ["v2-tree.events", "v2-zstd.events", "v1.events"])
def test_info_of_an_archive_in_a_store_says_the_same_from_its_index(tmp_path, name):
    """And looks at no block: what is wrong with one is for verify."""
    path = tmp_path / name
    path.write_bytes((golden.DATA / name).read_bytes())
    here = json.loads(run("info", "-f", "json", path).out)
    there = json.loads(run("info", "-f", "json", f"local://{tmp_path}").out)
    assert there | {"archive": ""} == here | {"archive": ""}
    change(path, 200)
    changed = run("info", "-f", "json", f"local://{tmp_path}")
    assert changed.code == (1 if name == "v1.events" else 0)


def test_info_of_an_archive_in_a_store_that_is_torn_goes_through_it(tmp_path):
    path = archive(tmp_path / "a")
    path.write_bytes(path.read_bytes()[:-1])
    ended = run("info", "-f", "json", f"local://{tmp_path}")
    assert ended.code == 1
    assert json.loads(ended.out)["state"] == "torn"
