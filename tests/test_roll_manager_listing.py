"""The listing: which archives there are, by any of their names."""

import os
from dataclasses import replace

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.callback import Callback
from shoebox.errors import StorageDenied, StorageUnavailable
from shoebox.roll_manager import ReadingRollManager
from shoebox.roll_manager.listing import Folder, Named, Planned, Store, in_order, listing_of
from shoebox.sources import base_name, is_being_written
from shoebox.stores import Location
from shoebox.testing import Fault, FaultyBackend, MemoryBackend


def names(listing):
    return [it.path.name for it in in_order(listing.there())]


@pytest.mark.parametrize(
    ("template", "name", "matches"),
    [
        ("a_%c.events", "a_Sun_Nov_22.events", True),
        ("a_%c.events", "b_Sun.events", False),
        ("a_%c.events", "a_Sun.events.open", True),
        ("%Y_a.events", "2026_a-0001.events", True),
        ("a.events", "a-0001.events.open", True),
        ("a.events", "a-12345.events", True),
        ("a.events", "a-0001-0002.events", True),
        ("a-2026.events", "a-2026-0001.events", True),
        ("a.events", "a-x.events", False),
        ("a", "a-0002", True),
        ("a b/c:d", "a_b_c_d", True),
        ("*", "a.events.torn", False),
        ("*", "a.events.corrupt", False),
        ("*", "a.events.delivery", False),
        ("*", ".0123.tmp", False),
        ("*", ".hidden", False),
        ("[ab].events", "b.events", True),
        ("A.events", "a.events", False),
    ],
)
def test_a_template_matches_the_names_that_a_writer_gives(tmp_path, template, name, matches):
    (tmp_path / name).touch()
    assert names(Folder(template, tmp_path)) == ([name] if matches else [])


def test_one_writer_s_archives_stay_in_order_when_the_clock_was_set_back(tmp_path):
    for number, created in enumerate([100, 50, 75]):
        with ArchiveWriter(
            tmp_path / f"{9 - number}.events",
            writer_id=bytes(16),
            sequence=number,
            clock=lambda created=created: created,
        ) as writer:
            writer.write({}, "x")
    assert names(Folder("*", tmp_path)) == ["9.events", "8.events", "7.events"]


def test_an_archive_that_is_renamed_while_names_are_listed_is_found(tmp_path, monkeypatch):
    (tmp_path / "a.events.open").touch()
    listing = Folder("*", tmp_path)
    listings = iter([[], ["a.events"]])
    monkeypatch.setattr(listing, "_names", lambda: next(listings))
    assert names(listing) == ["a.events"]


def test_one_that_is_listed_under_both_names_is_one(tmp_path, monkeypatch):
    listing = Folder("*", tmp_path)
    listings = iter([["a.events.open"], ["a.events"]])
    monkeypatch.setattr(listing, "_names", lambda: next(listings))
    assert names(listing) == ["a.events"]


def test_an_open_archive_is_being_written_as_long_as_its_writer_lives(tmp_path):
    writer = ArchiveWriter(tmp_path / "a.events")
    path = writer.path
    assert base_name(path.name) == "a.events"
    assert is_being_written(path)
    writer.write({}, "x")
    writer.flush()
    writer.release()
    assert not is_being_written(path)
    path.unlink()
    assert not is_being_written(path)
    assert not is_being_written(tmp_path / "a.events")


def test_nothing_is_left_open(tmp_path):
    (tmp_path / "a.events").touch()
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    names(Folder("*", tmp_path))
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.fixture
def store(tmp_path):
    """Two archives whose names are not in the order of their creation."""
    backend = MemoryBackend()
    for created, key in ((1, "2026/z.events"), (2, "2026/a.events"), (3, "2027/m.events")):
        with ArchiveWriter(tmp_path / f"{created}", clock=lambda created=created: created) as it:
            it.write({"key": key}, key)
        backend.put(key, it.path)
    return backend


def test_archives_in_a_store_are_in_the_order_of_their_headers(store):
    found = in_order(Store(store, "2026/", Location("s3", "b", "2026/")).there())
    assert [it.name for it in found] == ["s3://b/2026/z.events", "s3://b/2026/a.events"]


def test_a_reader_takes_a_prefix_or_a_glob_in_a_store(store):
    with ReadingRollManager("%Y/*.events", storage=store) as reader:
        assert [payload for _, payload in reader] == [
            "2026/z.events",
            "2026/a.events",
            "2027/m.events",
        ]
    assert store.stat("2026/z.events")  # not closed: it is the caller's


def test_a_reader_takes_a_url(tmp_path):
    with ArchiveWriter(tmp_path / "a.events") as writer:
        writer.write({}, "x")
    heard = []

    class Hears(Callback):
        def on_open(self, path):
            heard.append(path)

    url = f"local://{tmp_path}"
    with ReadingRollManager(url, archive_callback=Hears()) as reader:
        assert reader.archives == [f"{url}/a.events"]
        assert reader.read() == ({}, "x")
    assert heard == []  # of what does not lie here


def test_a_store_that_can_not_be_read_is_no_end_of_the_records(store):
    """What is missing is not taken for what is not there."""
    for fault in (Fault("list", "denied"), Fault("open", "denied")):
        reader = ReadingRollManager("2026/", storage=FaultyBackend(store, [fault]))
        with pytest.raises(StorageDenied):
            reader.read()


def test_what_comes_later_is_found_when_following(store, tmp_path):
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            raise KeyboardInterrupt
        store.put("2026/later.events", tmp_path / "3")

    reader = ReadingRollManager("2026/", storage=store, follow=True, wait=wait)
    assert [reader.read()[1] for _ in range(3)][2] == "2027/m.events"
    with pytest.raises(KeyboardInterrupt):
        reader.read()
    assert waits == [10.0, 10.0]  # a store is not asked five times a second


def test_archives_can_be_named_one_by_one_wherever_they_lie(store, tmp_path):
    [first, *_] = Store(store, "2026/").there()
    found = Named([tmp_path / "1", "nowhere", first])
    assert found.named
    assert found.missing == {"nowhere"}
    assert [it.name for it in found.there()] == [str(tmp_path / "1"), "nowhere", first.name]


def test_what_a_reader_is_asked_for_says_where_to_look(store, tmp_path):
    assert isinstance(listing_of("*", tmp_path, None), Folder)
    assert isinstance(listing_of(["a"], tmp_path, None), Named)
    assert isinstance(listing_of(tmp_path / "a", tmp_path, None), Named)
    assert isinstance(listing_of("*", tmp_path, store), Store)
    assert isinstance(listing_of(f"local://{tmp_path}", ".", None), Store)


@pytest.mark.parametrize("method", ["list", "open"])
def test_a_reader_that_a_store_has_failed_does_not_say_that_all_was_read(store, method):
    reader = ReadingRollManager("", storage=FaultyBackend(store, [Fault(method, "unavailable")]))
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            reader.read()


def test_an_object_that_is_listed_and_gone_hides_no_other(store):
    class Lists(FaultyBackend):
        def list(self, prefix=""):
            infos = [*super().list(prefix)]
            return iter([*infos, replace(infos[-1], key="2027/z.events")])

    with ReadingRollManager("", storage=Lists(store, [])) as reader:
        assert len([*reader]) == 3
        assert reader.faults == []


def test_a_copy_of_an_open_archive_hides_no_sealed_one(store, tmp_path):
    (tmp_path / "junk").write_bytes(b"junk")
    store.put("2026/z.events.open", tmp_path / "junk")
    with ReadingRollManager("2026/", storage=store) as reader:
        assert [payload for _, payload in reader] == ["2026/z.events", "2026/a.events"]
        assert reader.faults == []


def test_an_archive_that_a_list_leaves_out_once_is_not_read_again(store, tmp_path):
    class Lags(FaultyBackend):
        lists = 0

        def list(self, prefix=""):
            self.lists += 1
            found = [*super().list(prefix)]
            return iter(found[:-1] if self.lists == 2 else found)

    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    reader = ReadingRollManager("", storage=Lags(store, []), follow=True, wait=wait)
    given = []
    with pytest.raises(KeyboardInterrupt):
        given.extend(iter_into(reader, given))
    assert len(given) == 3


def iter_into(reader, given):
    for pair in reader:
        given.append(pair)
    return ()


def test_what_is_planned_is_there_in_its_order_and_closes_its_own_store(store):
    closed = []

    class Closes(FaultyBackend):
        def close(self):
            closed.append(True)

    archives = Store(store, "").there()
    planned = Planned(archives[::-1], ["gone"], Closes(store, []))
    assert listing_of(planned, ".", None) is planned
    assert planned.there() == archives[::-1]
    assert planned.missing == {"gone"}
    planned.close()
    Planned(archives, (), None).close()
    assert closed == [True]
