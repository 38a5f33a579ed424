"""`shoebox cat`: records out, in order, and what is said of damage."""

import base64
import json
import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from shoebox.archive import ArchiveWriter
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingRollManager
from tests import golden
from tests.program import COMMAND, environment, run, start

DAY = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""
SECOND = 1_000_000_000


def archive(path, records, **options):
    """Write an archive of records; a bare payload is one without metadata."""
    with ArchiveWriter(path, **options) as writer:
        for record in records:
            writer.write(*record if isinstance(record, tuple) else ({}, record))
    return path


def damage(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


def test_payloads_come_as_they_are_one_a_line(tmp_path):
    path = archive(tmp_path / "a", ["text ä", b"\xff\x00", ""])
    ended = run("cat", path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "text ä\n".encode() + b"\xff\x00\n\n"


def test_json_lines_hold_all_of_a_record(tmp_path):
    path = archive(tmp_path / "a", [({"k": "ä"}, "text\n", DAY), ({}, b"\xff\n", -1)])
    ended = run("cat", "--format", "jsonl", path)
    assert [json.loads(line) for line in ended.out.splitlines()] == [
        {"metadata": {"k": "ä"}, "payload": "text\n", "timestamp": DAY},
        {"metadata": {}, "payload_base64": base64.b64encode(b"\xff\n").decode(), "timestamp": -1},
    ]


@pytest.mark.parametrize("path", sorted(golden.DATA.glob("*.events")), ids=lambda path: path.stem)
def test_archives_of_every_kind_are_read(path):
    ended = run("cat", "--format", "jsonl", path)
    assert (ended.code, ended.err) == (0, "")
    expected = path.with_suffix(".expected.jsonl").read_text().splitlines()
    shown = [json.loads(line) for line in ended.out.splitlines()]
    wanted = [json.loads(line) for line in expected]
    keys = {"metadata", "payload", "payload_base64", "timestamp"}
    assert shown == [
        {"timestamp": None, **{k: v for k, v in it.items() if k in keys}} for it in wanted
    ]


def test_order_comes_from_the_archives_and_not_from_their_names(tmp_path):
    archive(tmp_path / "b", ["1"], clock=lambda: 1)
    archive(tmp_path / "a", ["2"], clock=lambda: 2)
    assert run("cat", tmp_path).text == "1\n2\n"
    assert run("cat", tmp_path / "a", tmp_path / "b").text == "1\n2\n"
    assert run("cat", f"local://{tmp_path}").text == "1\n2\n"


def test_archives_of_one_name_in_two_directories_are_two(tmp_path):
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        archive(tmp_path / str(number) / "same", [str(number)], clock=lambda now=number: now)
    assert run("cat", tmp_path / "0", tmp_path / "1").text == "0\n1\n"


@pytest.fixture
def days(tmp_path):
    """Return an archive with a record for each of three seconds, in each of two types."""
    records = [
        ({"type": kind, "n": str(number)}, f"{kind}{number}", DAY + number * SECOND)
        for number in range(3)
        for kind in ("Start", "stop")
    ]
    return archive(tmp_path / "a", records)


@pytest.mark.parametrize(
    ("arguments", "payloads"),
    [
        ((), "Start0 stop0 Start1 stop1 Start2 stop2"),
        (("--where", "type=S*"), "Start0 Start1 Start2"),
        (("--where", "type=s*"), "stop0 stop1 stop2"),
        (("--where", "type=st?p", "--where", "n=[12]"), "stop1 stop2"),
        (("--where", "type="), ""),
        (("--where", "nope=*"), ""),
        (("--since", "2026-01-01T00:00:01Z"), "Start1 stop1 Start2 stop2"),
        (("--since", "2026-01-01T01:00:01+01:00"), "Start1 stop1 Start2 stop2"),
        (("--until", "2026-01-01T00:00:01"), "Start0 stop0"),
        (("--until", str(DAY + 1)), "Start0 stop0"),
        (("--since", "20260101", "--until", "2026-01-01T00:00:00.5Z"), "Start0 stop0"),
        (("--limit", "1"), "Start0"),
        (("--limit", "0"), ""),
        (("--limit", "1", "--where", "type=stop"), "stop0"),
    ],
)
def test_what_is_wanted_is_selected(days, arguments, payloads):
    ended = run("cat", days, *arguments)
    assert (ended.code, ended.err) == (0, "")
    assert ended.text.split() == payloads.split()
    assert run("cat", f"local://{days.parent}", *arguments).out == ended.out


def test_what_is_sound_is_printed_and_each_fault_is_told_once(tmp_path):
    archive(tmp_path / "a", ["1"], clock=lambda: 1)
    archive(tmp_path / "c", ["3"], clock=lambda: 3)
    archive(tmp_path / "b", ["2"], clock=lambda: 2)
    damage(tmp_path / "b", (tmp_path / "b").read_bytes().index(b"2", 200))
    (tmp_path / "empty").touch()
    (tmp_path / "foreign").write_bytes(b"nothing of ours" * 10)
    unknown = archive(tmp_path / "unknown", ["4"])
    unknown.write_bytes(
        unknown.read_bytes().replace(b"\x84\x78\x86\x69\x02", b"\x84\x78\x86\x69\x09")
    )
    for source in (str(tmp_path), f"local://{tmp_path}"):
        ended = run("cat", source)
        assert ended.code == 1
        assert ended.text == "1\n3\n"
        told = sorted(line.split(": ", 2)[1:] for line in ended.err.splitlines())
        names = [name.rpartition("/")[2] for name, _ in told]
        assert names == ["b", "empty", "foreign", "unknown"]
        reasons = [reason.split(" ")[0] for _, reason in told]
        assert reasons == ["corrupt", "torn", "foreign", "foreign"]
        assert "version 9 of the format is not known" in told[3][1]


def test_an_archive_that_may_not_be_read_is_told_and_the_others_are_read(tmp_path):
    archive(tmp_path / "a", ["1"])
    (tmp_path / "b").symlink_to(tmp_path / "gone")
    ended = run("cat", tmp_path / "a", tmp_path / "b")
    assert (ended.code, ended.text) == (1, "1\n")
    assert f"{tmp_path / 'b'}: " in ended.err
    assert "there is no such file" in ended.err


def test_an_open_archive_is_read_up_to_where_it_is_whole(tmp_path):
    with WritingRollManager("a", NeverRollChecker(), directory=tmp_path) as writer:
        writer.write({}, "1")
        writer.flush()
        with (tmp_path / "a.open").open("ab") as file:
            file.write(b"\x84\x78\x86\x69\x02\x00half a frame")
        ended = run("cat", tmp_path)
        assert (ended.code, ended.text, ended.err) == (0, "1\n", "")
        os.truncate(tmp_path / "a.open", (tmp_path / "a.open").stat().st_size - 18)


def test_the_torn_tail_of_a_writer_that_died_is_told(tmp_path):
    path = archive(tmp_path / "a", ["1"])
    torn = tmp_path / "a.open"
    torn.write_bytes(path.read_bytes()[:-120])
    path.unlink()
    ended = run("cat", tmp_path)
    assert (ended.code, ended.text) == (1, "1\n")
    assert f"{torn}: torn at bytes " in ended.err


def test_a_source_is_a_file_a_directory_a_glob_or_a_url(tmp_path):
    names = ("a.events", "b.events", "b.events.corrupt", "b.events.torn", "c[1].log")
    for number, name in enumerate(names):
        kept = archive(tmp_path / "kept", [name], clock=lambda now=number: now)
        kept.rename(tmp_path / name)
    (tmp_path / "a.events.delivery").write_text("{}")
    (tmp_path / ".hidden.tmp").write_text("half")
    (tmp_path / "deep").mkdir()
    archive(tmp_path / "deep" / "d.events", ["deep"], clock=lambda: 200)

    def shown(*sources):
        ended = run("cat", *sources)
        assert (ended.code, ended.err) == (0, "")
        return ended.text.split()

    assert shown(tmp_path) == ["a.events", "b.events", "c[1].log"]
    assert shown(f"{tmp_path}/*.events") == ["a.events", "b.events"]
    assert shown(f"{tmp_path}/**/*.events") == ["a.events", "b.events", "deep"]
    assert shown(f"{tmp_path}/*") == ["a.events", "b.events", "c[1].log"]
    assert shown(tmp_path / "c[1].log") == ["c[1].log"]
    assert shown(tmp_path / "a.events.delivery", tmp_path / "a.events") == ["a.events"]
    assert shown(tmp_path / "a.events", f"{tmp_path}/a*") == ["a.events"]
    assert shown(tmp_path / "b.events.corrupt") == ["b.events.corrupt"]
    assert shown(tmp_path / "b.events.torn") == ["b.events.torn"]
    assert shown(f"local://{tmp_path}/deep") == ["deep"]


@pytest.mark.parametrize("command", ["cat", "ls", "info", "verify"])
@pytest.mark.parametrize("source", ["{}", "{}/missing", "{}/*.events", "local://{}"])
def test_a_source_that_matches_nothing_is_told_in_a_sentence(tmp_path, command, source):
    source = source.format(tmp_path)
    ended = run(command, source)
    assert (ended.code, ended.out.strip()) == (1, b"")
    assert ended.err == (
        f"shoebox: {source}: matches no archive; name a file, directory, glob or URL that does\n"
    )


def test_of_several_sources_the_others_are_read(tmp_path):
    ended = run("cat", tmp_path / "missing", archive(tmp_path / "a", ["1"]))
    assert (ended.code, ended.text) == (1, "1\n")


def test_storage_that_can_not_be_reached_has_its_own_exit_code(tmp_path):
    ended = run("cat", f"local://{tmp_path / 'missing'}")
    assert ended.code == 3
    assert "No such file or directory" in ended.err


def test_a_bucket_takes_its_options_from_the_ini(tmp_path):
    conf = tmp_path / "conf"
    conf.write_text(
        f"[shoebox]\nstorage = cold:local\n[shoebox_storage_cold]\npath = {tmp_path}\nnope = 1\n"
    )
    ended = run("cat", "--config-file", conf, f"local://{tmp_path}")
    assert ended.code == 2
    assert "[shoebox_storage_cold] nope: there is no such option" in ended.err
    archive(tmp_path / "other", ["1"])
    conf.write_text(conf.read_text().replace("nope = 1\n", ""))
    (tmp_path / "spool").mkdir()
    archive(tmp_path / "spool" / "a", ["2"])
    assert run("cat", "--config-file", conf, f"local://{tmp_path / 'spool'}").text == "2\n"


def test_a_closed_pipe_is_no_error(tmp_path):
    archive(tmp_path / "a", ["x" * 1000] * 5000)
    with start("cat", tmp_path) as program:
        assert program.stdout.read(1001) == b"x" * 1000 + b"\n"
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == 0


def test_output_that_can_not_be_written_is_an_error(tmp_path):
    archive(tmp_path / "a", ["1"])
    with Path("/dev/full").open("wb") as full:
        ended = run("cat", tmp_path, stdout=full.fileno())
    assert ended.code == 1
    assert ended.err == "shoebox: standard output: No space left on device\n"


def test_on_a_terminal_control_characters_are_escaped(tmp_path):
    archive(tmp_path / "a", ["\x1b[31mred\nä", b"\xff\x07"])
    terminal, end = os.openpty()
    subprocess.run([*COMMAND, "cat", tmp_path], stdout=end, env=environment(), check=True)
    os.close(end)
    shown = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert shown == "\\u001b[31mred\\u000aä\r\n\\xff\\u0007\r\n"


def test_following_gives_what_is_written_later(tmp_path):
    with WritingRollManager("a_%f", NeverRollChecker(), directory=tmp_path) as writer:
        writer.write({}, "1")
        writer.flush()
        with start("cat", "--follow", tmp_path) as program:
            assert program.stdout.readline() == b"1\n"
            writer.write({}, "2")
            writer.roll()
            assert program.stdout.readline() == b"2\n"
            writer.write({}, "3")
            writer.flush()
            assert program.stdout.readline() == b"3\n"
            program.send_signal(2)
            assert program.stderr.read() == b"shoebox: interrupted\n"
    assert program.returncode == 130


@pytest.mark.parametrize("sources", [("a", "b"), ("local:///tmp",)])
def test_only_one_directory_can_be_followed(sources):
    ended = run("cat", "--follow", *sources)
    assert ended.code == 2
    assert "--follow goes on with one SOURCE" in ended.err


def test_json_lines_are_what_a_json_reader_takes(tmp_path):
    archive(tmp_path / "a", ["\x7f\x85\u2028\ud7ff"])
    line = run("cat", "--format", "jsonl", tmp_path).out
    assert msgspec.json.decode(line)["payload"] == "\x7f\x85\u2028\ud7ff"


@pytest.mark.parametrize("command", ["cat", "ls", "info", "plugins"])
def test_an_output_that_is_closed_or_full_is_told_by_its_name(tmp_path, command):
    sources = [] if command == "plugins" else [archive(tmp_path / "a", ["1"])]
    ended = run(command, *sources, limit=lambda: os.close(1))
    assert (ended.code, ended.err) == (1, "shoebox: standard output is closed\n")
    with Path("/dev/full").open("wb") as full:
        ended = run(command, *sources, stdout=full.fileno())
    assert ended.code == 1
    assert ended.err == "shoebox: standard output: No space left on device\n"
    assert run(command, *sources, limit=lambda: os.closerange(1, 3)).code == 1


def test_what_was_found_counts_where_nobody_hears_of_it(tmp_path):
    path = archive(tmp_path / "a", ["1"])
    assert run("verify", path, limit=lambda: os.close(1)).code == 0
    path.write_bytes(path.read_bytes()[:-10])
    assert run("verify", path, limit=lambda: os.closerange(0, 3)).code == 1


def test_what_is_not_there_can_not_be_followed(tmp_path):
    missing = tmp_path / "missing"
    assert run("cat", "--follow", missing) == run("cat", missing)
