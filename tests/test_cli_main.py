"""The program around its commands: help, options, errors, exit codes."""

import os
import re
import signal
import subprocess
import sys
from importlib.metadata import entry_points, version

import pytest

from shoebox.archive import ArchiveWriter
from tests.program import environment, run

COMMANDS = sorted(entry_points(group="shoebox.commands").names)


@pytest.fixture
def install(tmp_path):
    """Return a function that makes a folder in which a package declares a command."""

    def install(package, name, target, source):
        site = tmp_path / package
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[shoebox.commands]\n{name} = {target}\n")
        (site / f"{target.partition(':')[0]}.py").write_text(source)
        return site

    return install


HELLO = """
from cliff.command import Command

class Hello(Command):
    "Greet."
    def take_action(self, parsed_args):
        print("hello")
        return 7
"""


def test_help_names_every_command_with_what_it_does():
    ended = run("--help")
    assert ended.code == 0
    for name in COMMANDS:
        assert re.search(rf"^  {name} +[A-Z]", ended.text, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_a_description(name):
    ended = run(name, "--help")
    assert ended.code == 0
    usage, description = ended.text.split("\n\n")[:2]
    assert usage.startswith(f"usage: shoebox {name}")
    assert description[0].isupper()
    assert "." in description


def test_help_for_a_command_is_asked_for_in_three_ways():
    shown = run("cat", "--help")
    assert run("--help", "cat") == run("help", "cat") == shown
    assert run("cat", "--format", "jsonl", "x", "-h") == shown


def test_help_imports_nothing_that_is_slow():
    script = (
        "import sys; from shoebox.cli.main import main; main(['--help']); "
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=environment(), check=True
    )
    slow = {"boto3", "swiftclient", "cmd2", "oslo_config", "rich", "zstandard", "prettytable"}
    assert slow.isdisjoint(done.stderr.decode().split())


def test_the_version_is_told():
    assert run("--version").text == f"shoebox {version('shoebox')}\n"


def test_without_a_command_the_overview_is_an_error():
    ended = run()
    assert (ended.code, ended.out) == (2, b"")
    assert "commands:" in ended.err
    assert run("help").code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["caat", "x"], "there is no command 'caat'; did you mean 'cat'?"),
        (["frobnicate"], "there is no command 'frobnicate'; see shoebox --help"),
        (["--frobnicate"], "there is no option --frobnicate before the command"),
        (["cat"], "SOURCE"),
        (["cat", "--frobnicate", "x"], "--frobnicate"),
        (["cat", "--conf", "x", "y"], "--conf"),
        (["cat", "--format", "xml", "x"], "xml"),
        (["cat", "--where", "k", "x"], "'k' is not of the form KEY=VALUE"),
        (["cat", "--since", "soon", "x"], "'soon' is no time"),
        (["cat", "--limit", "-1", "x"], "--limit"),
        (["write", "--roll-size-mb", "0"], "'0' is not more than 0"),
        (["write", "--roll-size-mb", "1e-4"], "--roll-size-mb: '0.0001' is no number of 0.001 or"),
        (["write", "--metadata", "=v"], "'=v' is not of the form KEY=VALUE"),
        (["write", "--metadata", b"k=\xff"], "is not UTF-8"),
        (["write", "--metadata-from", "k="], "names no path"),
        (["ship", "--timeout", "-1"], "--timeout"),
        (["ship", "--timeout", "1", "--watch"], "not allowed with"),
        (["ls", "-f", "xml", "x"], "xml"),
        (["check-config"], "--config-file FILE"),
        (["check-config", "--config-file", "/nowhere.conf"], "/nowhere.conf"),
        (["cat", "acme://bucket/prefix"], "no storage plugin is called 'acme'"),
        (["cat", "local://"], "names no bucket"),
        (["recover", "/nowhere"], "/nowhere: there is no such directory"),
    ],
)
def test_what_can_not_be_followed_is_told_in_words(arguments, told):
    ended = run(*map(os.fsdecode, arguments))
    assert (ended.code, ended.out) == (2, b"")
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_the_configuration_stands_before_or_after_the_command(tmp_path):
    (tmp_path / "one.conf").write_text(f"[shoebox]\ndirectory = {tmp_path}\n")
    (tmp_path / "two.conf").write_text("[shoebox]\ncompression = gzip\n")
    first, second = (("--config-file", tmp_path / name) for name in ("one.conf", "two.conf"))
    before = run(*first, *second, "check-config")
    after = run("check-config", *first, *second)
    between = run(*first, "check-config", *second)
    assert before == after == between
    assert "compression = gzip" in before.text


@pytest.mark.parametrize("name", COMMANDS)
def test_an_ini_file_that_is_not_there_is_told_by_every_command(tmp_path, name):
    missing, place = tmp_path / "missing.conf", tmp_path / "x"
    alone = {"check-config", "listen", "plugins", "ship", "spool", "write"}
    places = {"fetch": [place, place]}.get(name, [] if name in alone else [place])
    ended = run("--config-file", missing, name, *places)
    assert (ended.code, ended.out) == (2, b"")
    assert ended.err == (
        f"shoebox: {missing}: can't be read: No such file or directory; name an ini file\n"
    )


def test_debug_shows_the_traceback_of_an_error():
    ended = run("--debug", "recover", "/nowhere")
    assert ended.code == 2
    assert "Traceback" in ended.err


def test_another_package_can_add_a_command(install):
    site = install("acme", "hello", "acme_hello:Hello", HELLO)
    assert "  hello         Greet\n" in run("--help", folders=(site,)).text
    ended = run("hello", folders=(site,))
    assert (ended.code, ended.text) == (7, "hello\n")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("raise RuntimeError('broken at birth')", "RuntimeError: broken at birth"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("Hello = print", "is no subclass of cliff.command.Command"),
        (HELLO + "    INTERFACE = 2\n", "was written for version 2 of the interfaces"),
    ],
)
def test_a_broken_command_is_named_and_breaks_no_other(install, source, told):
    site = install("acme", "hello", "acme_hello:Hello", source)
    overview = run("--help", folders=(site,))
    assert overview.code == 0
    assert "the command 'hello' of acme 1.0" in overview.text
    assert told in overview.text
    assert "  write " in overview.text
    asked = run("hello", folders=(site,))
    assert asked.code == 2
    assert told in asked.err
    assert run("plugins", folders=(site,)).code == 0


def test_a_command_that_two_packages_claim_is_refused(install):
    sites = tuple(
        install(package, "hello", f"{package}_hello:Hello", HELLO) for package in ("acme", "best")
    )
    ended = run("hello", folders=sites)
    assert ended.code == 2
    assert "claimed by acme 1.0 and best 1.0: uninstall all but one" in ended.err


def test_a_command_is_one_name_whether_it_is_spelt_with_a_space_or_not(install):
    sites = (
        install("acme", "say_hello", "acme_hello:Hello", HELLO),
        install("best", "say hello", "best_hello:Hello", HELLO),
    )
    ended = run("say", "hello", folders=sites)
    assert ended.code == 2
    assert "'say hello' is claimed by acme 1.0 and best 1.0" in ended.err


def test_another_packages_command_takes_sources_as_ours_do(install, tmp_path):
    source = """
from shoebox.cli.command import Command

class Hello(Command):
    def take_action(self, parsed_args):
        with self.archives([FOLDER + "/none", FOLDER + "/some"]) as archives:
            print(*(it.name for it in archives))
"""
    site = install("acme", "hello", "acme_hello:Hello", f"FOLDER = {str(tmp_path)!r}\n{source}")
    with ArchiveWriter(tmp_path / "some") as writer:
        writer.write({}, "x")
    ended = run("hello", folders=(site,))
    assert (ended.code, ended.text) == (1, f"{tmp_path}/some\n")
    assert f"{tmp_path}/none: matches no archive" in ended.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("ValueError('odd')", 1),
        ("OSError(28, 'No space left on device')", 1),
        ("errors.NoValidFile('none')", 1),
        ("errors.StorageRejected('no')", 1),
        ("errors.ConfigError('bad')", 2),
        ("errors.BadWorkingDirectory('gone')", 2),
        ("errors.StorageDenied('denied')", 3),
        ("errors.StorageUnavailable('down')", 3),
        ("KeyboardInterrupt()", 130),
        ("BrokenPipeError()", 141),
    ],
)
def test_every_error_has_its_exit_code_and_no_traceback(install, error, code):
    source = HELLO.replace('print("hello")', f"raise {error}")
    site = install("acme", "hello", "acme_hello:Hello", f"from shoebox import errors\n{source}")
    ended = run("hello", folders=(site,))
    assert (ended.code, ended.out) == (code, b"")
    assert "Traceback" not in ended.err
    assert len(ended.err.splitlines()) == (0 if code == 141 else 1)


def test_what_a_terminal_would_obey_is_escaped(tmp_path):
    ended = run("cat", tmp_path / "a\x1b[31m\n.events")
    assert ended.code == 1
    assert "a\\u001b[31m\\u000a.events" in ended.err


def test_the_library_warns_without_a_traceback(install):
    source = HELLO.replace(
        'print("hello")',
        "import logging; log = logging.getLogger('shoebox.x')\n"
        "        try: 1 / 0\n"
        "        except ZeroDivisionError: log.exception('odd\\x1b')\n"
        "        log.info('fine'); logging.getLogger('botocore').info('secret')",
    )
    site = install("acme", "hello", "acme_hello:Hello", source)
    assert run("hello", folders=(site,)).err == "shoebox: odd\\u001b\n"
    assert run("hello", "-v", folders=(site,)).err == "shoebox: odd\\u001b\nshoebox: fine\n"
    assert "secret" not in run("hello", "-vv", folders=(site,)).err
    assert "ZeroDivisionError" in run("hello", "--debug", folders=(site,)).err


def test_a_pipe_that_was_closed_is_no_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    ended = run("plugins", stdout=writing)
    os.close(writing)
    assert (ended.code, ended.err) == (141, "")


def test_sigterm_ends_as_an_interruption(install):
    source = HELLO.replace('print("hello")', "import os; os.kill(os.getpid(), 15)")
    site = install("acme", "hello", "acme_hello:Hello", source)
    ended = run("hello", folders=(site,))
    assert (ended.code, ended.err) == (128 + signal.SIGINT, "shoebox: interrupted\n")
