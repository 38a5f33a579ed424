"""A catalog says which archives can hold what is wanted; one that is unsound says nothing."""

import io
import logging
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoebox.catalog import Catalog
from shoebox.errors import FormatError
from shoebox.format import catalog
from shoebox.format.catalog import ABSENT, ANYTHING, Row, hash_of
from shoebox.selection import Not, Selection
from shoebox.testing import MemoryBackend

KEYS = ["a", "b"]
VALUES = st.sets(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), max_size=9)
ARCHIVES = st.lists(st.fixed_dictionaries({"a": VALUES, "b": VALUES}), min_size=1, max_size=6)


def row(number, counts, first=0, last=9):
    return Row(f"k{number}", 100, "", "", number, 0, 1, first, last, counts)


def packed(keys, rows, values):
    """Return a catalog of these rows; `values` has those of each key and row."""
    file = io.BytesIO()
    numbers = (
        array("Q", [hash_of(value) << 32 | at for at, held in enumerate(of_key) for value in held])
        for of_key in values
    )
    catalog.write(file, keys, rows, numbers)
    return file.getvalue()


def opened(data):
    backend = MemoryBackend()
    backend.raw_put("x.catalog", data)
    return Catalog(backend, "x.catalog")


@given(archives=ARCHIVES, key=st.sampled_from(KEYS), value=st.text("ab", max_size=2))
def test_what_has_a_value_is_never_ruled_out_and_what_has_not_is(archives, key, value):
    rows = [row(at, [len(it[name]) for name in KEYS]) for at, it in enumerate(archives)]
    data = packed(KEYS, rows, [[it[name] for it in archives] for name in KEYS])
    able = opened(data).able(Selection({key: value}))
    assert able == {at for at, it in enumerate(archives) if value in it[key]}


@pytest.mark.parametrize(
    ("selection", "able"),
    [
        (Selection({"a": "1"}), {0, 3}),
        (Selection({"a": "2"}), {1, 3}),
        (Selection({"a": "?"}), {0, 1, 3}),
        (Selection({"a": Not("1")}), {0, 1, 2, 3}),
        (Selection({"a": ["1", Not("2")]}), {0, 3}),
        (Selection({"b": "*"}), set()),
        (Selection({"a": "1", "b": "1"}), set()),
        (Selection({"no such": "1"}), set()),
        (Selection(since=20), {2}),
        (Selection({"a": "*"}, until=0), set()),
    ],
)
def test_times_values_and_keys_rule_archives_out(selection, able):
    rows = [row(0, [1, 0]), row(1, [1, 0]), row(2, [ABSENT, 0], 20, 29), row(3, [ANYTHING, 0])]
    found = opened(packed(KEYS, rows, [["1", "2", "", ""], ["", "", "", ""]]))
    assert found.able(selection) == able
    for number in range(4):
        assert found.rules_out(f"k{number}", 100, selection) == (number not in able)


def test_only_an_archive_of_that_key_and_size_is_known():
    found = opened(packed(KEYS, [row(0, [1, 0])], [["1"], [""]]))
    nothing = Selection({"a": "2"})
    assert found.row("k0", 100).created == 0
    assert found.rules_out("k0", 100, nothing)
    for key, size in (("k0", 101), ("k1", 100)):
        assert found.row(key, size) is None
        assert not found.rules_out(key, size, nothing)


def test_many_values_are_in_many_parts(monkeypatch):
    monkeypatch.setattr(catalog, "PART", 10)
    monkeypatch.setattr(catalog, "_FIRST", 64)
    values = [{f"{row}-{value}" for value in range(40)} for row in range(5)]
    data = packed(["a"], [row(at, [40]) for at in range(5)], [values])
    assert len(catalog.decode(io.BytesIO(data)).parts[0]) == 32
    found = opened(data)
    for number in range(5):
        assert found.able(Selection({"a": f"{number}-17"})) == {number}
    assert found.able(Selection({"a": "9-17"})) == set()
    assert len(found.everything()["a"]) == 200


def test_a_catalog_that_was_changed_anywhere_rules_nothing_out_that_it_should_not(caplog):
    caplog.set_level(logging.ERROR)
    data = packed(["a"], [row(0, [1])], [["1"]])
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x55
        found = opened(bytes(changed))
        assert not found.rules_out("k0", 100, Selection({"a": "1"})), at
        assert found.everything() is None


@pytest.mark.parametrize("data", [b"", b"x", bytes(60)])
def test_what_is_no_catalog_is_refused(data):
    with pytest.raises(FormatError):
        catalog.decode(io.BytesIO(data))


def test_one_that_has_gone_knows_nothing(caplog):
    found = Catalog(MemoryBackend(), "x.catalog")
    assert found.row("k0", 100) is None
    assert not found.rules_out("k0", 100, Selection({"a": "1"}))
    assert "x.catalog: the catalog can't be used, make a new one" in caplog.text
