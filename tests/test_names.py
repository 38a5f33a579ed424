"""Names of files: numbered where they are taken, and hidden where they are temporary."""

import itertools

import pytest

from shoebox.names import is_temporary, numbered, temporary_name


@pytest.mark.parametrize(
    ("name", "first", "expected"),
    [
        ("a.events", 0, ["a.events", "a-0001.events", "a-0002.events"]),
        ("a", 2, ["a-0002", "a-0003", "a-0004"]),
        ("a.b.c", 1, ["a.b-0001.c", "a.b-0002.c", "a.b-0003.c"]),
        ("a.", 0, ["a.", "a-0001.", "a-0002."]),
        ("a", 9999, ["a-9999", "a-10000", "a-10001"]),
    ],
)
def test_a_name_is_numbered_before_its_extension(name, first, expected):
    assert list(itertools.islice(numbered(name, first), 3)) == expected


def test_temporary_names_are_hidden_and_never_the_same():
    assert temporary_name() != temporary_name()
    assert temporary_name().startswith(".")


@pytest.mark.parametrize("name", ["a.tmp", ".a.tmp", f".{'A' * 32}.tmp", f"x.{'a' * 32}.tmp"])
def test_what_others_call_temporary_is_not_taken_for_ours(name):
    assert is_temporary(temporary_name())
    assert not is_temporary(name)
