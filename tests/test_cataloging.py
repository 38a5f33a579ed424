"""A catalog is brought up to date, and a search with one finds what it finds without."""

from datetime import UTC, datetime

import pytest

from benchmarks.counting import CountingBackend
from shoebox import cataloging
from shoebox.archive import ArchiveWriter
from shoebox.catalog import Catalog
from shoebox.errors import InvalidName
from shoebox.format.catalog import ANYTHING
from shoebox.roll_manager import ReadingRollManager
from shoebox.selection import Not
from shoebox.spool import render
from shoebox.storage import validate_key
from shoebox.testing import MemoryBackend


class Store(MemoryBackend):
    """A store that keeps which objects were opened."""

    def __init__(self):
        super().__init__()
        self.opened = []

    def open(self, key):
        self.opened.append(key)
        return super().open(key)


@pytest.fixture
def add(tmp_path):
    """Return a function that puts an archive of records whose ids begin with its number."""

    def add(store, number, *, prefix="a/", **options):
        path = tmp_path / f"{number}"
        with ArchiveWriter(path, clock=lambda: number, **options) as writer:
            for at in range(10):
                metadata = {"id": f"{number}-{at}", "parity": "even" if number % 2 == 0 else "odd"}
                writer.write(metadata, f"{number} {at}", number * 100 + at)
        store.put(f"{prefix}{number:03}.events", path)

    return add


@pytest.fixture
def store(add):
    store = Store()
    for number in range(6):
        add(store, number)
    return store


def search(store, **selection):
    store.opened.clear()
    with ReadingRollManager("a/", storage=store, **selection) as reader:
        found = list(reader.records())
    read = [key for key in store.opened if not key.endswith(".catalog")]
    return found, sorted({key[2:5] for key in read})


def catalogs(store):
    return [it.key for it in store.list() if it.key.endswith(".catalog")]


@pytest.mark.parametrize(
    ("selection", "read"),
    [
        ({"where": {"id": "3-7"}}, ["003"]),
        ({"where": {"id": "3-?"}}, ["000", "001", "002", "003", "004", "005"]),
        ({"where": {"id": "3-7", "parity": "even"}}, []),
        ({"where": {"parity": "odd"}, "since": 200}, ["003", "005"]),
        ({"where": {"parity": Not("odd")}, "until": 200}, ["000", "001"]),
        ({"where": {"other": "*"}}, []),
    ],
)
def test_only_archives_that_can_match_are_read(store, selection, read):
    without, _ = search(store, **selection)
    cataloging.refresh(store, "a/")
    assert search(store, **selection) == (without, read)


def test_records_come_in_the_same_order_with_a_catalog_as_without(store):
    without, _ = search(store)
    cataloging.refresh(store, "a/")
    assert search(store)[0] == without
    with ReadingRollManager("a/", storage=store) as reader:
        assert len(reader.archives) == 6


def test_the_catalog_is_one_object_that_is_no_archive(store):
    done = cataloging.refresh(store, "a/", "s3://b/")
    assert (done.archives, done.added, done.removed, done.left_out) == (6, 6, 0, ())
    assert catalogs(store) == [validate_key(done.key)]
    with pytest.raises(InvalidName):
        render("x.catalog", datetime.now(UTC))


def test_a_refresh_reads_what_is_new_and_forgets_what_has_gone(store, add):
    first = cataloging.refresh(store, "a/")
    add(store, 8)
    store.delete("a/002.events")
    store.opened.clear()
    done = cataloging.refresh(store, "a/")
    assert (done.archives, done.added, done.removed) == (6, 1, 1)
    assert set(store.opened) == {"a/008.events", first.key}
    assert catalogs(store) == [done.key] != [first.key]
    for number, read in ((1, ["001"]), (2, []), (8, ["008"])):
        assert search(store, where={"id": f"{number}-0"})[1] == read


def test_a_refresh_that_changes_nothing_writes_nothing(store):
    first = cataloging.refresh(store, "a/")
    there = store.stat(first.key)
    assert cataloging.refresh(store, "a/").key == first.key
    assert store.stat(first.key).modified == there.modified


def test_a_stale_catalog_hides_nothing(store, add, tmp_path):
    cataloging.refresh(store, "a/")
    add(store, 8)
    store.delete("a/003.events")
    with ArchiveWriter(tmp_path / "other") as writer:
        writer.write({"id": "3-7"}, "another archive")
    store.put("a/001.events.new", tmp_path / "other")
    store.delete("a/001.events")
    store.put("a/001.events", tmp_path / "other")
    found, read = search(store, where={"id": "3-7"})
    assert [it.payload for it in found] == ["another archive"] * 2
    assert read == ["001", "008"]


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_a_catalog_that_can_not_be_used_hides_nothing(store, damage, caplog):
    key = cataloging.refresh(store, "a/").key
    data = bytearray(store.raw_get(key))
    data[5] ^= 0xFF
    store.raw_put(key, bytes(data) if damage == "changed" else b"")
    found, _ = search(store, where={"id": "3-7"})
    assert [it.payload for it in found] == ["3 7"]
    assert "make a new one" in caplog.text
    done = cataloging.refresh(store, "a/")
    assert done.added == 6
    assert search(store, where={"id": "3-7"})[1] == ["003"]


def test_what_says_nothing_of_itself_is_left_out_and_asked_each_time(store, add):
    add(store, 6, format_version=1)
    whole = store.raw_get("a/005.events")
    store.raw_put("a/007.events", whole[:-20])
    store.raw_put("a/008.events", whole + store.raw_get("a/004.events"))
    store.raw_put("a/009.events", b"no archive")
    done = cataloging.refresh(store, "a/", "s3://b/")
    assert done.left_out == tuple(f"s3://b/a/00{number}.events" for number in (6, 7, 8, 9))
    found, read = search(store, where={"id": "6-1"})
    assert [it.payload for it in found] == ["6 1"]
    assert read == ["006", "007", "008", "009"]


def test_of_too_many_values_any_may_be_there(store, monkeypatch):
    monkeypatch.setattr(cataloging, "MAX_VALUES", 9)
    done = cataloging.refresh(store, "a/")
    table = Catalog(store, done.key).table
    assert table.keys == ["id", "parity"]
    assert [row.values for row in table.rows] == [[ANYTHING, 1]] * 6
    assert len(search(store, where={"id": "3-7"})[1]) == 6
    assert search(store, where={"id": "3-7", "parity": "odd"})[1] == ["001", "003", "005"]


def test_when_all_together_are_too_many_the_largest_are_left_out(store, monkeypatch, add):
    cataloging.refresh(store, "a/")
    monkeypatch.setattr(cataloging, "MAX_TOTAL", 50)
    add(store, 8)
    done = cataloging.refresh(store, "a/")
    assert [row.values for row in Catalog(store, done.key).table.rows] == [[ANYTHING, 1]] * 7
    assert search(store, where={"id": "3-7", "parity": "odd"})[1] == ["001", "003", "005"]


def test_each_prefix_has_a_catalog_of_its_own(store, add):
    add(store, 7, prefix="b/")
    for prefix in ("a/", "b/", ""):
        cataloging.refresh(store, prefix)
    assert len(catalogs(store)) == 3
    with ReadingRollManager("", storage=store, where={"id": "7-1"}) as reader:
        assert [payload for _, payload in reader] == ["7 1"]
    assert cataloging.refresh(store, "").archives == 7


def test_an_empty_prefix_has_an_empty_catalog():
    store = Store()
    assert cataloging.refresh(store, "a/").archives == 0
    assert search(store, where={"id": "1"}) == ([], [])


def test_a_search_takes_a_few_requests_however_many_archives_there_are(add):
    """One for the list, three for the catalog, and of the archive one for its size and one more."""
    store = CountingBackend()
    for number in range(100):
        add(store, number)
    for catalog, most in ((False, 401), (True, 6)):
        if catalog:
            cataloging.refresh(store, "a/")
        store.reset()
        with ReadingRollManager("a/", storage=store, where={"id": "42-7"}) as reader:
            assert [payload for _, payload in reader] == ["42 7"]
        assert store.requests <= most
