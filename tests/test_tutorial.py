"""The tutorial is run as it stands there, from its first command to its last."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.program import COMMAND, ROOT, environment

TEXT = (ROOT / "docs" / "tutorial.md").read_text()
BLOCK = re.compile(
    r"^```(?:(?P<kind>sh|text)|\{code-block\} \w+\n:caption: (?P<file>\S+)\n)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# As an installation has them on the PATH.
PROGRAMS = f'shoebox() {{ {shlex.join(COMMAND)} "$@"; }}; python() {{ {sys.executable} "$@"; }}\n'


class Step(NamedTuple):
    """What a reader is told to run, and is told that it prints."""

    commands: str
    shown: str


def steps(folder: Path):
    """Yield the steps, with the files that stand before each made in the folder."""
    commands = ""
    for block in BLOCK.finditer(TEXT):
        if block["file"]:
            (folder / block["file"]).write_text(block["body"])
        elif block["kind"] == "sh":
            assert not commands, f"it is not shown what this prints: {commands}"
            commands = block["body"]
        else:
            yield Step(commands, block["body"])
            commands = ""
    assert not commands


def test_each_command_prints_what_is_shown(tmp_path: Path) -> None:
    told = [*steps(tmp_path)]
    assert len(told) == TEXT.count("```sh") == TEXT.count("```text")
    for commands, shown in told:
        done = subprocess.run(
            ["bash", "-ec", f"set -o pipefail\n{PROGRAMS}{commands}"],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{commands}{done.stderr}"
        expected = re.escape(shown).replace("…", ".+")
        assert re.fullmatch(expected, done.stdout), f"{commands}{done.stdout}{done.stderr}"


def test_every_block_is_one_that_is_run() -> None:
    """A block of another kind would be taken for what was tried."""
    assert len(BLOCK.findall(TEXT)) == TEXT.count("\n```\n")
