"""Text of others on standard output and error: every line can be shown, whatever the command."""

import json
import shutil

import pytest

from shoebox.archive import ArchiveWriter
from tests.faults.hostile.text import HOSTILE, HUGE, NAME, SURROGATE, unsound
from tests.program import on_terminal, run

pytestmark = pytest.mark.usefixtures("limited")

METADATA = {HOSTILE: HOSTILE, "huge": HUGE[:100_000], "": "", "plain": "yes", "\x00": "\x00"}
FORMATS = ("table", "json", "csv", "value", "yaml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder whose archives have hostile names, metadata and payloads."""
    folder = tmp_path_factory.mktemp("places") / "spool"
    folder.mkdir(mode=0o700)
    with ArchiveWriter(folder / "a.events", metadata=METADATA) as writer:
        writer.write(METADATA, HOSTILE)
        writer.write(METADATA, HOSTILE.encode() + b"\xff\x9b")
    shutil.copy(writer.path, folder / f"{NAME}.events")
    (folder / f"{NAME}.events.delivery").write_text(
        json.dumps({"destinations": {HOSTILE: {"key": HOSTILE, "error": HUGE, "refusals": 1}}})
    )
    (folder / f"cut{NAME}.events").write_bytes(writer.path.read_bytes()[:-50])
    (folder / f"foreign{NAME}.events").write_text(HUGE)
    (folder / f"link{NAME}.events").symlink_to(NAME)
    (folder / f"left{NAME}.events.open").write_bytes(b"\x84\x78\x86\x69\x09\x00" + bytes(99))
    return folder


def assert_sound(ended, *beginnings, code=1):
    assert ended.code == code, ended.err
    assert ended.out or ended.err
    assert unsound(ended.text, *beginnings, longest=10**6) == []
    assert unsound(ended.err, "shoebox: ", "  ") == []


def assert_listed(wanted, *arguments, code):
    """Programs get names as they are, in formats that are lines too; a terminal never does."""
    arguments = [arguments[0], "-vv", "--debug", "-f", wanted, *arguments[1:]]
    ended = run(*arguments)
    if wanted in {"csv", "value", "shell"}:
        assert NAME in ended.text
        assert unsound(ended.err, "shoebox: ", "  ") == []
        shown = on_terminal(*arguments, stream="stdout", code=code)
        assert unsound(shown.replace("\r\n", "\n"), longest=10**6) == []
    else:
        assert_sound(ended, code=code)


@pytest.mark.parametrize("wanted", FORMATS)
def test_a_list_of_archives(folder, wanted):
    assert_listed(wanted, "ls", folder, code=1)


@pytest.mark.parametrize("wanted", ["table", "json", "shell", "value", "yaml"])
def test_what_is_in_an_archive(folder, wanted):
    path = folder / f"{NAME}.events"
    assert_listed(wanted, "info", path, code=0)


@pytest.mark.parametrize("wanted", FORMATS)
def test_the_states_of_a_spool(folder, wanted):
    assert_listed(wanted, "spool", "--directory", folder, code=0)


@pytest.mark.parametrize("wanted", FORMATS)
def test_what_is_found(folder, wanted):
    assert_listed(wanted, "find", folder, "--where", "plain=yes", code=1)


@pytest.mark.parametrize("command", ["verify", "cat", "fetch"])
def test_what_is_wrong_in_archives(folder, tmp_path, command):
    more = {"cat": ["--format", "jsonl", "--where", "none=*"], "fetch": [tmp_path / "to"]}
    assert_sound(run(command, "-vv", "--debug", folder, *more.get(command, [])))


def test_what_recovery_says(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "spool", symlinks=True)
    assert_sound(run("recover", "-vv", "--debug", tmp_path / "spool"))


def test_a_file_that_is_written_line_by_line(tmp_path):
    (tmp_path / NAME).write_text("{}\n\x1b[2J\n")
    arguments = ["--directory", tmp_path / "spool", "--metadata-from", "k=a.b", tmp_path / NAME]
    assert_sound(run("write", "-vv", "--debug", *arguments))
    assert_sound(run("write", "-vv", "--debug", *arguments[:-1], tmp_path / NAME / "none"))


def test_arguments_that_are_none_of_ours():
    """As a shell's glob gives them, of files that others have named."""
    for arguments in (["cat", f"--{NAME}"], [NAME], ["ls", "-f", NAME, "x"], ["info", NAME, NAME]):
        ended = run(*arguments)
        assert ended.code in {1, 2}
        assert unsound(ended.err) == [], arguments


HOSTILE_PLUGIN = f"raise RuntimeError({HOSTILE!r} * 10_000)"


@pytest.mark.parametrize("command", ["plugins", "check-config", "ship", "check-backend a"])
def test_plugins_that_can_not_be_imported(install, tmp_path, command):
    site = install("acme", "storage", "acme", "acme:Backend", HOSTILE_PLUGIN)
    (tmp_path / "spool").mkdir()
    ini = tmp_path / "ini"
    ini.write_text(f"[shoebox]\ndirectory = {tmp_path / 'spool'}\nstorage = a:acme\n")
    ended = run("--config-file", ini, *command.split(), "-vv", folders=(site,))
    assert_sound(ended, code=0 if command == "plugins" else 2)


def test_what_stands_in_an_ini(tmp_path):
    evil = "\x1b[2J\u202e\x9b"
    (tmp_path / "spool").mkdir()
    ini = tmp_path / f"{NAME}.ini"
    ini.write_text(
        f"[shoebox]\ndirectory = {tmp_path}/spool\nfilename_template = {evil}\n{evil} = {evil}\n"
        f"roll_checkers = size, {evil}\ndurability = {evil}\n[shoebox_{evil}]\nx = {evil}\n"
        f"[shoebox_roll_checker_size]\nroll_size_mb = {evil}\n"
    )
    ended = run("--config-file", ini, "check-config", "-vv")
    assert_sound(ended, code=2)
    assert len(ended.err.splitlines()) > 3
    ini.write_text(f"[shoebox]\ndirectory = {tmp_path}/spool\n{evil}\n")
    assert_sound(run("--config-file", ini, "check-config", "-vv"), code=2)
    local = (
        f"[shoebox]\ndirectory = {tmp_path}/spool\nstorage = a:local\n"
        f"[shoebox_storage_a]\npath = {tmp_path}/{evil}\n"
    )
    (tmp_path / evil).mkdir()
    ini.write_text(local)
    assert_sound(run("--config-file", ini, "check-config", "-vv"), code=0)
    ini.write_text(f"{local}key_template = {{id}}{evil}\n")
    assert_sound(run("--config-file", ini, "check-config", "-vv"), code=2)


@pytest.mark.parametrize("wanted", ["payload", "jsonl"])
def test_records_on_a_terminal(folder, wanted):
    shown = on_terminal("cat", folder / "a.events", "--format", wanted, stream="stdout")
    assert unsound(shown.replace("\r\n", "\n"), longest=10**6) == []
    assert len(shown.splitlines()) == 2


def test_records_in_a_pipe_are_what_was_written(folder):
    assert run("cat", folder / "a.events").out == (
        HOSTILE.encode() + b"\n" + HOSTILE.encode() + b"\xff\x9b\n"
    )
    lines = run("cat", folder / "a.events", "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["metadata"] for line in lines] == [METADATA] * 2


def test_what_no_utf_8_holds(tmp_path):
    ended = run("cat", tmp_path / SURROGATE.replace("\ud800", ""))
    assert_sound(ended)
