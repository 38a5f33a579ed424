"""`shoebox write`: lines in, records in sealed archives, and what is said of them."""

import json
import os
import resource
import shutil
import signal
from pathlib import Path

import pytest

from shoebox.archive import ArchiveReader
from shoebox.roll_manager import ReadingRollManager
from tests.program import on_terminal, run, start

MANY = [f"line {number:06d} {'x' * 80}".encode() for number in range(20_000)]


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def ini(tmp_path, spool):
    """Return a function that writes an ini with local storage and the lines given."""

    def ini(*lines, store="store"):
        spool.mkdir(0o700, exist_ok=True)
        path = tmp_path / "shoebox.conf"
        path.write_text(
            f"[shoebox]\ndirectory = {spool}\nstorage = cold:local\n"
            f"[shoebox_storage_cold]\npath = {tmp_path / store}\n" + "\n".join(lines)
        )
        return path

    return ini


def records(spool):
    with ReadingRollManager("*.events", directory=spool) as reader:
        return [(it.metadata, it.payload) for it in reader.records()]


def test_each_line_is_a_record_and_comes_back_byte_for_byte(spool):
    content = b"\n".join(MANY) + b"\n"
    ended = run("write", "--directory", spool, "--roll-size-mb", "0.01", stdin=content)
    assert (ended.code, ended.err) == (0, "")
    assert ended.text.startswith(f"20000 records (1.8 MB) written to {spool}\n")
    sealed = list(spool.glob("events_*.events"))
    assert len(sealed) > 1
    assert f"{spool} holds {len(sealed)} sealed archives\n" in ended.text
    assert run("cat", spool).out == content


def test_a_spool_that_is_made_is_private(spool):
    umask = os.umask(0)
    try:
        run("write", "--directory", spool, stdin=b"a\n")
    finally:
        os.umask(umask)
    assert spool.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("content", "payloads"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\n\nb", ["a", "", "b"]),
        (b"a\r\nb\x0bc\x85\n", ["a\r", b"b\x0bc\x85"]),
        ("ä\u2028b\n".encode(), ["ä\u2028b"]),
        (b"\xff\na\n", [b"\xff", "a"]),
    ],
)
def test_a_line_ends_at_a_newline_and_nowhere_else(spool, content, payloads):
    assert run("write", "--directory", spool, stdin=content).code == 0
    assert [payload for _, payload in records(spool)] == payloads


def test_files_and_standard_input_are_read_in_their_order(spool, tmp_path):
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "three").write_bytes(b"3\n")
    files = (tmp_path / "one", "-", tmp_path / "three")
    assert run("write", "--directory", spool, *files, stdin=b"2").code == 0
    assert [payload for _, payload in records(spool)] == ["1", "2", "3"]


def test_a_file_that_is_missing_is_told_before_anything_is_written(spool, tmp_path):
    ended = run("write", "--directory", spool, "-", tmp_path / "missing", stdin=b"a\n")
    assert ended.code == 1
    assert (
        ended.err
        == f"shoebox: {tmp_path / 'missing'}: No such file or directory; nothing was written\n"
    )
    assert not spool.exists()


def test_input_that_can_not_be_read_leaves_what_was_before_it(spool, tmp_path):
    (tmp_path / "one").write_bytes(b"1\n")
    ended = run("write", "--directory", spool, tmp_path / "one", tmp_path)
    assert ended.code == 1
    assert ended.err == (
        f"shoebox: {tmp_path}:1: Is a directory; the 1 record before is safe, and from this line "
        "on nothing is sure to be written\n"
    )
    assert records(spool) == [({}, "1")]


def test_the_template_names_the_archives(spool):
    run("write", "--directory", spool, "--template", "day.%f.log", stdin=b"a\n")
    [archive] = spool.iterdir()
    assert archive.match("day.*.log")


def test_metadata_is_the_same_for_all_or_comes_from_each_line(spool):
    lines = [
        {"type": "start", "deep": {"est": "x"}},
        {"type": 1.50, "deep": [1, {"est": 2}]},
        {"type": None, "deep": {"est": {"a": True}}},
        {"type": "\u00e4"},
        3,
    ]
    content = "\n".join(map(json.dumps, lines)).encode()
    ended = run(
        *("write", "--directory", spool, "--metadata", "host=a=b", "--metadata", "type=none"),
        *("--metadata-from", "type=type", "--metadata-from", "deep=deep.est"),
        stdin=content,
    )
    assert ended.code == 0
    assert [metadata for metadata, _ in records(spool)] == [
        {"host": "a=b", "type": "start", "deep": "x"},
        {"host": "a=b", "type": "1.5"},
        {"host": "a=b", "type": "null", "deep": '{"a": true}'},
        {"host": "a=b", "type": "ä"},
        {"host": "a=b", "type": "none"},
    ]
    assert run("cat", spool).out == content + b"\n"


def test_a_line_that_is_no_json_is_named_and_the_others_are_written(spool, tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_bytes(b'{"k": "1"}\nnot json\n{"k": "2"}\n\n\xff\n{"k": "3"}')
    ended = run("write", "--directory", spool, "--metadata-from", "k=k", file)
    assert ended.code == 1
    assert [line.split(": is not JSON: ")[0] for line in ended.err.splitlines()] == [
        f"shoebox: {file}:{number}" for number in (2, 4, 5)
    ]
    assert "3 lines refused" in ended.text
    assert [metadata for metadata, _ in records(spool)] == [{"k": "1"}, {"k": "2"}, {"k": "3"}]


def test_a_line_that_is_too_long_is_named_and_the_others_are_written(spool):
    long = b"x" * (1 << 21)
    content = b"a\n" + long + b"\nb\n" + b'{"k": "%s"}' % long + b"\nc\n"
    ended = run("write", "--directory", spool, stdin=content)
    assert ended.code == 0
    assert run("cat", spool).out == content
    again = spool.with_name("again")
    ended = run("write", "--directory", again, "--metadata-from", "k=k", stdin=content)
    assert ended.code == 1
    assert "stdin:4: metadata of" in ended.err
    assert records(again) == []


def test_what_is_written_by_an_ini_is_shipped(spool, tmp_path, ini):
    (tmp_path / "store").mkdir()
    ended = run("write", "--config-file", ini(), stdin=b"a\nb\n")
    assert (ended.code, ended.err) == (0, "")
    assert f"everything is shipped, nothing waits in {spool}\n" in ended.text
    assert list(spool.iterdir()) == []
    assert records(tmp_path / "store") == [({}, "a"), ({}, "b")]


def test_what_can_not_be_shipped_waits_and_is_safe(spool, tmp_path, ini):
    ended = run("write", "--config-file", ini(store="gone"), "--timeout", "0", stdin=b"a\n")
    assert (ended.code, ended.err) == (0, "")
    assert f"\n1 archive waits in {spool} for cold: " in ended.text
    assert records(spool) == [({}, "a")]


def test_who_does_not_wait_for_shipping_is_told_what_is_sealed(spool, ini):
    with start("write", "--config-file", ini(store="gone"), "--timeout", "600", "-v") as program:
        program.stdin.write(b"a\n")
        program.stdin.close()
        assert b"sealed with 1 records" in program.stderr.readline()
        program.send_signal(signal.SIGINT)
        assert b"1 record " in program.stdout.readline()
        assert b"interrupted: what was read before stdin:2 is sealed" in program.stderr.read()
    assert program.returncode == 130
    assert records(spool) == [({}, "a")]


def test_arguments_go_before_the_ini(tmp_path, ini):
    (tmp_path / "store").mkdir()
    conf = ini("[shoebox_roll_checker_few]", "roll_records = 50000")
    conf.write_text(conf.read_text().replace("[shoebox]", "[shoebox]\nroll_checkers=few:records"))
    other = tmp_path / "other"
    arguments = ("--directory", other, "--template", "x%f.log", "--roll-size-mb", "0.01")
    ended = run("write", "--config-file", conf, *arguments, stdin=b"\n".join(MANY))
    assert (ended.code, ended.err) == (0, "")
    stored = list((tmp_path / "store").glob("x*.log"))
    assert len(stored) > 1
    assert list(other.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name the spool with --directory DIRECTORY, or an ini file with --config-file FILE"),
        (("--directory", "{}/no/spool"), "no/spool: can't be made: No such file or directory"),
        (("--directory", "{}/file"), "file: is a file"),
        (("--directory", "{}/link"), "link: is a symbolic link"),
        (("--directory", "{}/new", "--template", "%Q"), "filename_template"),
    ],
)
def test_where_it_can_not_write_it_says_what_to_do(tmp_path, arguments, told):
    (tmp_path / "file").touch()
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    ended = run("write", *(it.format(tmp_path) for it in arguments), stdin=b"a\n")
    assert (ended.code, ended.out) == (2, b"")
    assert told in ended.err
    assert not (tmp_path / "new").exists()


def test_a_full_disk_is_told_and_what_was_written_before_is_intact(spool):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    content = b"\n".join(os.urandom(60).hex().encode() for _ in range(5000))
    ended = run("write", "--directory", spool, stdin=content, limit=limit)
    assert (ended.code, ended.out) == (1, b"")
    [told] = ended.err.splitlines()
    assert told.startswith("shoebox: stdin:")
    assert told.count("File too large") == told.count("may not be safe") == 1
    assert f"{spool}: File too large; raise the limit on a file's size (ulimit -f); the " in told
    assert run("recover", spool).code == 0
    written = run("cat", spool).out
    assert content.startswith(written)


def test_a_full_disk_at_the_last_block_is_no_success(spool):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))

    assert run("write", "--directory", spool, stdin=b"a\n" * 100, limit=limit).code == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_seals_what_was_written(spool, number):
    program = start("write", "--directory", spool)
    # A pipe holds far less: when this returns, most of it has been read.
    program.stdin.write(b"\n".join(MANY) + b"\n")
    program.stdin.flush()
    program.send_signal(number)
    program.wait(60)
    out, err = program.stdout.read().decode(), program.stderr.read().decode()
    for pipe in (program.stdin, program.stdout, program.stderr):
        pipe.close()
    assert program.returncode == 130
    written = [payload.encode() for _, payload in records(spool)]
    assert len(written) > len(MANY) // 2
    assert written == MANY[: len(written)]
    assert out.startswith(f"{len(written)} records ")
    assert err == (
        f"shoebox: interrupted: what was read before stdin:{len(written) + 1} is sealed\n"
    )


def test_progress_is_shown_on_a_terminal_only(spool, tmp_path):
    file = tmp_path / "lines"
    file.write_bytes(b"\n".join(MANY))
    assert run("write", "--directory", spool, file).err == ""
    assert "writing" in on_terminal("write", "--directory", spool, file)
    assert on_terminal("write", "--quiet", "--directory", spool, file) == ""


def test_an_archive_of_a_stopped_run_is_recovered_by_the_next(spool):
    program = start("write", "--directory", spool)
    program.stdin.write(b"\n".join(MANY) + b"\n")
    program.stdin.flush()
    program.kill()
    program.wait(60)
    for pipe in (program.stdin, program.stdout, program.stderr):
        pipe.close()
    [left] = spool.iterdir()
    assert left.suffix == ".open"
    ended = run("write", "--directory", spool, stdin=b"next\n")
    assert ended.code == 0
    assert "sealed" in ended.err
    *first, last = (payload for _, payload in records(spool))
    assert last == "next"
    assert [payload.encode() for payload in first] == MANY[: len(first)]
    for path in spool.glob("*.events"):
        with ArchiveReader(path) as reader:
            reader.verify()
            assert reader.faults == []


@pytest.mark.parametrize("arguments", [(), ("--metadata-from", "k=k")])
def test_a_full_spool_is_told_once_with_how_many_records_are_safe(spool, ini, arguments):
    conf = ini()
    conf.write_text(f"[shoebox]\ndirectory = {spool}\nspool_limit_mb = 0.1\n")
    content = b"\n".join(b'{"k": "%s"}' % os.urandom(60).hex().encode() for _ in range(5000))
    ended = run("write", "--config-file", conf, *arguments, stdin=content)
    assert ended.code == 1
    [told] = ended.err.splitlines()
    assert told.count(str(spool)) == 1
    safe = len(records(spool))
    assert safe > 100
    assert f"the {safe} records before are safe" in told
    assert ended.text.startswith(f"{safe} records (")


@pytest.mark.parametrize("arguments", [(), ("--metadata-from", "k=k")])
@pytest.mark.parametrize("piped", [True, False])
def test_the_line_named_where_the_spool_is_full_is_the_first_that_was_not_taken(
    tmp_path, spool, ini, arguments, piped
):
    conf, source = ini(), tmp_path / "in.jsonl"
    conf.write_text(f"[shoebox]\ndirectory = {spool}\nspool_limit_mb = 0.2\n")
    lines = [b'{"k": "%s"}' % os.urandom(60).hex().encode() for _ in range(5000)]
    good = list(lines)
    if arguments:
        lines[3:3] = lines[1000:1000] = [b"not JSON"]
    source.write_bytes(b"\n".join(lines))
    name = "stdin" if piped else str(source)
    inputs = [] if piped else [source]
    full = run(
        "write",
        "--config-file",
        conf,
        *arguments,
        *inputs,
        stdin=source.read_bytes() if piped else b"",
    )
    told = full.err.splitlines()[-1]
    number = int(told.removeprefix(f"shoebox: {name}:").partition(":")[0])
    taken = [it.encode() for _, it in records(spool)]
    assert len(taken) > 1000
    assert taken == [it for it in lines[: number - 1] if it in good]
    rest = b"\n".join(lines[number - 1 :])
    assert run("write", "--directory", spool, *arguments, stdin=rest).code == 0
    assert [it.encode() for _, it in records(spool)] == good


def test_a_spool_that_is_removed_meanwhile_is_told_and_no_success(spool):
    with start("write", "--directory", spool) as program:
        program.stdin.write(b"\n".join(MANY) + b"\n")
        program.stdin.flush()
        shutil.rmtree(spool)
        program.stdin.write(b"last\n")
        program.stdin.close()
        assert program.stdout.read() == b""
        [told] = program.stderr.read().decode().splitlines()
    assert program.returncode == 1
    assert " may not be safe: " in told


def test_a_closed_standard_input_is_told(spool):
    ended = run("write", "--directory", spool, limit=lambda: os.close(0))
    assert (ended.code, ended.out) == (1, b"")
    assert ended.err == "shoebox: standard input is closed; nothing was written\n"
    assert not spool.exists()


@pytest.mark.parametrize("closed", [(1,), (2,), (1, 2)])
def test_records_are_safe_whether_or_not_somebody_hears_of_it(spool, closed):
    ended = run(
        *("write", "--directory", spool),
        stdin=b"a\n",
        limit=lambda: [os.close(number) for number in closed],
    )
    assert (ended.code, ended.err) == (0, "")
    assert records(spool) == [({}, "a")]


def test_a_full_output_does_not_make_the_records_unsafe(spool):
    with Path("/dev/full").open("wb") as full:
        ended = run("write", "--directory", spool, stdin=b"a\n", stdout=full.fileno())
    assert ended.code == 0
    assert ended.err == "shoebox: standard output: No space left on device\n"
