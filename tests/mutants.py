"""Mutation testing: what is changed in the sources, a line at a time, and fails no test.

`mutmut run` makes the mutants that pyproject.toml asks for, and tries them.
`python -m tests.mutants` prints then how many of each module's were killed, and fails where
one survived that tests/mutants.tsv does not know, where one that it knows was killed, and
where less than `LEAST` of all were killed. That list has a line for each survivor: the function,
its line, the line as it was changed, and why no test can tell the two apart.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

LIST = Path(__file__).with_suffix(".tsv")
LEAST = 0.9

_KILLED = {"killed", "timeout", "segfault"}
"""A mutant that never ends, or that ends the process, is noticed too."""
_UNTRIED = "not checked"


class Change(NamedTuple):
    """A mutant, said so that it is found again when other lines have changed."""

    function: str
    """With the names of its module, and of its class if it has one."""
    right: str
    wrong: str


def known() -> dict[Change, str]:
    """Return the survivors that the list has, and of each why nothing can tell it apart."""
    rows = (line.split("\t") for line in LIST.read_text().splitlines())
    return {Change(*fields): reason for *fields, reason in rows}


def function_of(name: str) -> str:
    """Return the function that a mutant, by mutmut's name, is one of."""
    module, _, mangled = name.rpartition(".")
    function = re.sub(r"^x_|__mutmut_\d+$", "", mangled)
    return f"{module}.{function.removeprefix('xǁ').replace('ǁ', '.')}"


def change_of(name: str, diff: str) -> Change:
    """Return what the diff of a mutant changes."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    right, wrong = (
        " ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    return Change(function_of(name), right, wrong)


def table(states: Mapping[str, str]) -> Iterator[str]:
    """Yield lines that say how many mutants each module has and how many were killed."""
    modules = {name: name.rpartition(".")[0] for name in states}
    made = Counter(modules.values())
    killed = Counter(modules[name] for name, state in states.items() if state in _KILLED)
    yield f"{'module':<26}{'mutants':>8}{'killed':>8}{'survived':>10}{'share':>8}"
    for module in (*sorted(made), "all"):
        of = sum(made.values()) if module == "all" else made[module]
        dead = sum(killed.values()) if module == "all" else killed[module]
        yield f"{module:<26}{of:>8}{dead:>8}{of - dead:>10}{dead / of:>8.1%}"


def complaints(
    states: Mapping[str, str], survivors: Iterable[Change], expected: Mapping[Change, str]
) -> Iterator[str]:
    """Yield a line for each thing that is not as it should be."""
    untried = sum(state == _UNTRIED for state in states.values())
    if untried or not states:
        yield f"{untried or 'all'} mutants were not tried: run mutmut to its end first"
        return
    share = sum(state in _KILLED for state in states.values()) / len(states)
    if share < LEAST:
        yield f"{share:.1%} of the mutants were killed; at least {LEAST:.0%} should be"
    found = set(survivors)
    for change in sorted(found - expected.keys()):
        yield f"survived: {change.function}: {change.right} -> {change.wrong}"
    for change in sorted(expected.keys() - found):
        yield f"did not survive: {change.function}: {change.right} -> {change.wrong}"


def main() -> int:
    """Print what came of the mutants; return 1 where something is not as it should be."""
    states = dict(
        line.strip().rsplit(": ", 1)
        for line in _mutmut("results", "--all", "true").splitlines()
        if ": " in line
    )
    print("\n".join(table(states)))
    alive = [name for name, state in states.items() if state not in {*_KILLED, _UNTRIED}]
    survivors = [change_of(name, _mutmut("show", name)) for name in alive]
    wrong = list(complaints(states, survivors, known()))
    print("\n".join(wrong or [f"each of the {len(survivors)} survivors is in {LIST.name}"]))
    return 1 if wrong else 0


def _mutmut(*arguments: str) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
