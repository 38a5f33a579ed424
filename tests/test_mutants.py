"""What is said of mutants that survive: by a list that can be checked."""

import ast
from pathlib import Path

import pytest

from tests.mutants import LEAST, LIST, Change, change_of, complaints, function_of, known, table

ROOT = Path(__file__).parent.parent
DIFF = """--- src/shoebox/spool.py
+++ src/shoebox/spool.py
@@ -1,3 +1,3 @@
 def _size(entry):
     try:
-        return 0
+        return 1
"""
ONE = Change("shoebox.spool._size", "return 0", "return 1")
NAMES = [f"shoebox.spool.x__size__mutmut_{number}" for number in range(10)]
MOST = dict.fromkeys(NAMES, "killed") | {NAMES[0]: "survived"}


def source_of(function):
    """Return the lines of a function, by its name with those of its module and class."""
    path, names = ROOT, function.split(".")
    while path.is_dir():
        path /= names.pop(0)
        path = path if path.is_dir() else path.with_suffix(".py")
    found = ast.parse(path.read_text())
    for name in names:
        found = next(it for it in found.body if getattr(it, "name", None) == name)
    lines = path.read_text().splitlines()[found.lineno - 1 : found.end_lineno]
    return [line.strip() for line in lines]


@pytest.mark.parametrize("change", known(), ids=lambda it: it.function)
def test_each_line_of_the_list_stands_in_its_function_and_has_a_reason(change):
    assert source_of(change.function).count(change.right) == 1
    assert change.wrong != change.right
    assert len(known()[change]) > 20


def test_the_list_says_nothing_twice():
    assert len(known()) == len(LIST.read_text().splitlines()) > 0


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("shoebox.format.v1.x_decode__mutmut_7", "shoebox.format.v1.decode"),
        ("shoebox.spool.x__size__mutmut_12", "shoebox.spool._size"),
        ("shoebox.spool.xǁSpoolǁ__init____mutmut_3", "shoebox.spool.Spool.__init__"),
    ],
)
def test_a_mutant_is_one_of_a_function(name, function):
    assert function_of(name) == function


def test_a_mutant_is_told_by_its_function_and_the_line_that_it_changes():
    assert change_of(NAMES[0], DIFF) == ONE


def test_the_table_has_a_line_for_each_module_and_one_for_all():
    states = MOST | {"shoebox.format.v1.x_encode__mutmut_1": "timeout"}
    _, *rows = [line.split() for line in table(states)]
    assert rows == [
        ["shoebox.format.v1", "1", "1", "0", "100.0%"],
        ["shoebox.spool", "10", "9", "1", "90.0%"],
        ["all", "11", "10", "1", "90.9%"],
    ]


def test_survivors_that_the_list_knows_are_no_complaint():
    assert list(complaints(MOST, [ONE], {ONE: "why"})) == []


def test_a_survivor_that_the_list_does_not_know_is_one():
    assert list(complaints(MOST, [ONE], {})) == [
        "survived: shoebox.spool._size: return 0 -> return 1"
    ]


def test_so_is_one_of_the_list_that_was_killed():
    assert list(complaints(MOST, [], {ONE: "why"})) == [
        "did not survive: shoebox.spool._size: return 0 -> return 1"
    ]


def test_so_is_a_share_below_the_least():
    states = MOST | {NAMES[1]: "survived"}
    (complaint,) = complaints(states, [ONE], {ONE: "why"})
    assert complaint == f"80.0% of the mutants were killed; at least {LEAST:.0%} should be"


@pytest.mark.parametrize("states", [MOST | {"shoebox.spool.x_new__mutmut_1": "not checked"}, {}])
def test_so_is_a_run_that_was_not_made_or_not_to_its_end(states):
    (complaint,) = complaints(states, [], {ONE: "why"})
    assert "run mutmut to its end first" in complaint
