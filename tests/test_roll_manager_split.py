"""Splits give together what one reader gives, in any process, each record and fault once."""

import logging
import multiprocessing
import os
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from itertools import count, pairwise

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.counting import CountingBackend
from shoebox.archive import ArchiveWriter
from shoebox.callback import Callback
from shoebox.errors import ArchiveError, ConfigError, NoMoreFiles, NoValidFile, StorageDenied
from shoebox.format import index
from shoebox.roll_manager import ReadingRollManager, Split
from shoebox.testing import Fault, FaultyBackend, MemoryBackend
from shoebox_plugins.storage.local import LocalBackend
from tests import golden
from tests.archives import read, write, write_blocks

KEYS = st.sampled_from(["a", "b"])
ROWS = st.tuples(
    st.dictionaries(KEYS, st.sampled_from("123"), max_size=2),
    st.text("xyz", max_size=60),
    st.integers(0, 9),
)
BLOCKS = st.lists(st.lists(ROWS, min_size=1, max_size=3), min_size=1, max_size=12)
OPTIONS = st.fixed_dictionaries(
    {}, optional={"format_version": st.just(1), "compression": st.just("zstd")}
)
FILES = st.lists(
    st.lists(st.tuples(BLOCKS, OPTIONS), min_size=1, max_size=3), min_size=1, max_size=4
)
SELECTED = st.fixed_dictionaries(
    {},
    optional={
        "where": st.dictionaries(KEYS, st.sampled_from(["1", "[12]", "no such"]), max_size=1),
        "since": st.integers(0, 9),
        "until": st.integers(0, 9),
    },
)
DAMAGE = st.sampled_from([None, None, None, "flip", "flip twice", "cut", "open"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("splits")


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL)


def made(folder, files, damage, draw):
    """Write the files anew, each of one archive or several, and damage some of them."""
    shutil.rmtree(folder)
    folder.mkdir()
    before, index.FANOUT = index.FANOUT, 2
    ids = count(1)
    try:
        for number, archives in enumerate(files):
            data = b"".join(
                golden.write_blocks(
                    folder / "part", blocks, archive_id=bytes([next(ids)] * 16), **options
                ).read_bytes()
                for blocks, options in archives
                if not (folder / "part").unlink(missing_ok=True)
            )
            (folder / "part").unlink()
            name, data = damaged(f"{number}.events", data, damage[number % len(damage)], draw)
            (folder / name).write_bytes(data)
    finally:
        index.FANOUT = before


def damaged(name, data, how, draw):
    if how == "open":
        return f"{name}.open", data[: draw(st.integers(0, len(data)))]
    if how == "cut":
        return name, data[: draw(st.integers(0, len(data)))]
    data = bytearray(data)
    for _ in range(0 if how is None else how.count("flip") + how.count("twice")):
        data[draw(st.integers(0, len(data) - 1))] ^= draw(st.integers(1, 255))
    return name, bytes(data)


def whole(folder, **options):
    with ReadingRollManager("*.events", folder, **options) as reader:
        return list(reader.records()), reader.faults


def together(splits):
    """Read all splits, as they come out of a pickle."""
    records, faults = [], []
    for split in pickle.loads(pickle.dumps(splits)):  # noqa: S301 - our own
        with split.open() as reader:
            records += reader.records()
            faults += reader.faults
    return records, faults


def parted(folder, number, **options):
    with ReadingRollManager("*.events", folder, **options) as reader:
        return reader.splits(number)


@given(files=FILES, number=st.integers(1, 9), damage=st.lists(DAMAGE, min_size=1), data=st.data())
@settings(max_examples=100)
def test_together_they_give_what_one_reader_gives(folder, files, number, damage, data):
    """Records with all that is known of each, in their order, and faults."""
    made(folder, files, damage, data.draw)
    splits = parted(folder, number)
    assert len(splits) <= number
    assert together(splits) == whole(folder)


@given(files=FILES, number=st.integers(1, 9), damage=st.lists(DAMAGE, min_size=1), data=st.data())
@settings(max_examples=100)
def test_together_they_find_what_one_reader_finds(folder, files, number, damage, data):
    """With no faults but those that one reader meets; of damage that is left out none tells."""
    made(folder, files, damage, data.draw)
    options = data.draw(SELECTED)
    records, faults = together(parted(folder, number, **options))
    expected, known = whole(folder, **options)
    assert records == expected
    assert all(it in known for it in faults)


ITEMS = [f"{number:02}" for number in range(40)]
PADDING = "." * 1000


def write_forty(folder, name="a.events", **options):
    """Write forty blocks of a record each, of the same size; return the path."""
    with ArchiveWriter(folder / name, **{"compression": "none"} | options) as writer:
        for item in ITEMS:
            # A time of now may have to be escaped, and take a byte more.
            writer.write({"n": item}, item + PADDING, int(item))
            writer.flush()
    return writer.path


def items(split, **options):
    with split.open(**options) as reader:
        return [metadata["n"] for metadata, _ in reader]


def test_a_sealed_archive_is_cut_between_its_blocks(tmp_path):
    path = write_forty(tmp_path)
    splits = parted(tmp_path, 4)
    assert [it.archives for it in splits] == [[str(path)]] * 4
    shares = [items(it) for it in splits]
    assert sum(shares, []) == ITEMS  # noqa: RUF017 - four of them
    assert all(8 <= len(it) <= 12 for it in shares)
    assert sum(it.size for it in splits) == path.stat().st_size
    assert len(pickle.dumps(splits)) < 2000


def test_shares_are_of_about_as_many_bytes(tmp_path):
    for name in "abcdef":
        write_forty(tmp_path, f"{name}.events")
    sizes = [it.size for it in parted(tmp_path, 4)]
    assert max(sizes) - min(sizes) < 3 * len(PADDING)
    assert [len(it.archives) for it in parted(tmp_path, 3)] == [2, 2, 2]


def test_of_a_selection_only_what_can_match_is_shared(tmp_path):
    """Otherwise the last reader would have it all, and the others nothing."""
    write(tmp_path, "x.events", ["nothing of it"])
    with ArchiveWriter(tmp_path / "a.events", compression="none") as writer:
        for second in range(40):
            writer.write({"n": f"{second}"}, PADDING, second)
            writer.flush()
    splits = parted(tmp_path, 2, since=30, until=39, where={"n": "*"})
    assert [items(it) for it in splits] == [[*map(str, range(30, 34))], [*map(str, range(34, 39))]]
    assert {*splits[0].archives, *splits[1].archives} == {str(tmp_path / "a.events")}
    assert parted(tmp_path, 2, where={"n": "no such"}) == []


def test_there_are_fewer_where_there_is_less(tmp_path):
    assert parted(tmp_path, 3) == []
    write_blocks(tmp_path, "a.events", ["abc"])
    assert len(parted(tmp_path, 3)) == 1
    write_blocks(tmp_path, "b.events", ["d"])
    assert len(parted(tmp_path, 9)) == 2


@pytest.mark.parametrize("kind", ["version 1", "open", "torn", "compressed"])
def test_what_has_no_index_is_not_cut(tmp_path, kind):
    path = write_forty(tmp_path, **{"format_version": 1} if kind == "version 1" else {})
    if kind == "open":
        path = path.rename(f"{path}.open")
    elif kind == "torn":
        path.write_bytes(path.read_bytes()[:-1])
    elif kind == "compressed":
        path.write_bytes(zstandard.compress(path.read_bytes()))
    [split] = parted(tmp_path, 4)
    assert items(split) == ITEMS
    write_forty(tmp_path, "b.events")
    assert len(parted(tmp_path, 2)) == 2


def test_a_share_can_be_read_in_every_way(tmp_path):
    write_forty(tmp_path)
    split = parted(tmp_path, 2)[1]
    expected = items(split)
    with split.open() as reader:
        assert reader.archives == split.archives
        assert [it.metadata["n"] for it in reader.find()] == expected
    with split.open() as reader:
        assert [it.metadata["n"] for it in reader.records()] == expected
    with split.open() as reader:
        assert [reader.read()[0]["n"] for _ in expected] == expected
        with pytest.raises(NoMoreFiles):
            reader.read()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("taken", [0, 1, 15, 39, 40])
def test_what_was_read_before_it_was_split_is_in_no_share(tmp_path, taken, version):
    write_forty(tmp_path, format_version=version)
    with ReadingRollManager("*", tmp_path) as reader:
        given_ = [reader.read()[0]["n"] for _ in range(taken)]
        splits = reader.splits(3)
    assert given_ + [it for split in splits for it in items(split)] == ITEMS


@pytest.mark.parametrize("taken", [0, 1, 9, None])
def test_a_share_is_resumed_where_its_reader_was(tmp_path, taken):
    write_forty(tmp_path)
    split = parted(tmp_path, 2)[1]
    taken = len(items(split)) if taken is None else taken
    with split.open() as reader:
        given_ = [reader.read()[0]["n"] for _ in range(taken)]
        position = reader.position
    assert given_ + items(split, position=position) == items(split)


@pytest.mark.parametrize("number", range(40))
def test_damage_is_told_by_the_reader_of_its_share_alone(tmp_path, number):
    path = write_forty(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(f"{ITEMS[number]}...".encode())] ^= 1
    path.write_bytes(data)
    splits = parted(tmp_path, 4)
    assert len(splits) == 4
    left = [it for split in splits for it in items(split)]
    assert left == [it for it in ITEMS if it != ITEMS[number]]
    _, faults = together(splits)
    assert [it.kind for it in faults] == ["corrupt"]
    with pytest.raises(ArchiveError):
        together(parted(tmp_path, 4, strict=True))


def test_damage_over_a_cut_is_told_by_each_for_its_own_bytes(tmp_path):
    """It came after they were split: an index does not tell of it."""
    path = write_forty(tmp_path)
    splits = parted(tmp_path, 2)
    with ReadingRollManager("*", tmp_path) as reader:
        places = [it.position.offset for it in reader.find()]
    cut = splits[1]._archives[0].span.start.at
    start, end = places[places.index(cut) - 1], places[places.index(cut) + 1]
    data = bytearray(path.read_bytes())
    data[start:end] = bytes(end - start)
    path.write_bytes(data)
    records, faults = together(splits)
    assert len(records) == 38
    assert [(it.start, it.end) for it in faults] == [(start, cut), (cut, end)]


def test_blocks_that_changed_places_are_given_where_they_are(tmp_path):
    """By one reader, or by two of whom each misses a record that the other has."""
    path = write_forty(tmp_path)
    data = path.read_bytes()
    with ReadingRollManager("*", tmp_path) as reader:
        places = [it.position.offset for it in reader.find()]
    parts = [data[start:end] for start, end in pairwise([0, *places, len(data)])]
    parts[5], parts[35] = parts[35], parts[5]
    path.write_bytes(b"".join(parts))
    splits = parted(tmp_path, 2)
    assert len(splits) == 2
    records, faults = together(splits)
    assert records == whole(tmp_path)[0]
    assert len(records) == 40
    assert [it.kind for it in faults] == ["gap", "gap"]


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("version", [1, 2])
def test_an_archive_that_is_gone_is_no_end(tmp_path, replaced, version):
    """It was shipped, and its name may even be another archive's now."""
    path = write_forty(tmp_path, format_version=version)
    write_forty(tmp_path, "b.events")
    splits = parted(tmp_path, 2)
    path.unlink()
    if replaced:
        write(tmp_path, "a.events", "something else")
    with next(it for it in splits if str(path) in it.archives).open() as reader:
        for _ in range(3):
            with pytest.raises(NoValidFile, match="split anew"):
                reader.read()
    with pytest.raises(NoValidFile):
        together(splits)


def test_an_open_archive_may_grow_and_be_sealed_meanwhile(tmp_path):
    with ArchiveWriter(tmp_path / "a.events") as writer:
        writer.write({}, "a")
        writer.flush()
        [split] = parted(tmp_path, 2)
        writer.write({}, "b")
    with split.open() as reader:
        assert [payload for _, payload in reader] == ["a", "b"]
        assert reader.faults == []


def test_what_was_missing_when_it_was_split_is_one_fault(tmp_path):
    """As for the reader that was split."""
    path = write_forty(tmp_path)
    with ReadingRollManager([path, tmp_path / "missing"]) as reader:
        records, faults = together(reader.splits(3))
    assert len(records) == 40
    assert [it.reason for it in faults] == ["there is no such file"]


def test_what_went_while_it_was_split_is_in_no_share(tmp_path, monkeypatch):
    path = write_forty(tmp_path)
    reader = ReadingRollManager("*.events", tmp_path)
    archives = reader._unread.archives()
    path.unlink()
    monkeypatch.setattr(reader._unread, "archives", lambda: archives)
    assert reader.splits(2) == []


def test_a_foreign_file_is_a_fault_of_one_share_and_not_its_end(tmp_path):
    write_forty(tmp_path)
    (tmp_path / "b.events").write_text("something else altogether" * 2000)
    first, *others = parted(tmp_path, 2)
    assert [it.kind for it in together([first, *others])[1]] == ["foreign"]
    with first.open() as reader, pytest.raises(NoMoreFiles):
        reader.read()


def test_what_can_not_be_read_is_a_fault_of_one_share(tmp_path):
    os.mkfifo(tmp_path / "a.events")
    write_forty(tmp_path, "b.events")
    assert ["can't be read" in it.reason for it in together(parted(tmp_path, 2))[1]] == [True]


class Hears(Callback):
    pass


@pytest.mark.parametrize("options", [{"follow": True}, {"archive_callback": Hears()}])
def test_a_reader_that_follows_or_has_a_callback_is_not_split(tmp_path, options):
    with pytest.raises(ConfigError, match="can't be split"):
        parted(tmp_path, 2, **options)


def test_a_share_is_not_split_again(tmp_path):
    write_forty(tmp_path)
    with parted(tmp_path, 2)[0].open() as reader, pytest.raises(ConfigError):
        reader.splits(2)


@pytest.mark.parametrize("number", [0, -1])
def test_nobody_is_no_number_of_readers(tmp_path, number):
    with pytest.raises(ConfigError, match="at least 1"):
        parted(tmp_path, number)


@pytest.mark.parametrize("options", [{}, {"where": {"n": "[012]*"}}])
def test_archives_in_a_store_are_split_by_their_url(tmp_path, options):
    write_forty(tmp_path)
    with ReadingRollManager(f"local://{tmp_path}", **options) as reader:
        splits = reader.splits(3)
    assert len(splits) == 3
    assert splits[0].archives == [f"local://{tmp_path}/a.events"]
    wanted = ITEMS[:30] if options else ITEMS
    records, faults = together(splits)
    assert [it.metadata["n"] for it in records] == wanted
    assert faults == []
    (tmp_path / "a.events").unlink()
    with pytest.raises(NoValidFile):
        together(splits)


def test_a_store_that_was_opened_for_a_share_is_closed_with_it(tmp_path, monkeypatch):
    write_forty(tmp_path)
    with ReadingRollManager(f"local://{tmp_path}") as reader:
        [split] = reader.splits(1)
    closed = []

    def close(self):
        closed.append(self)

    monkeypatch.setattr(LocalBackend, "close", close)
    with split.open():
        assert not closed
    assert len(closed) == 1


def test_of_a_backend_each_process_makes_its_own(tmp_path):
    store = MemoryBackend()
    store.put("a/a.events", write_forty(tmp_path))
    with ReadingRollManager("a/", storage=store) as reader:
        splits = pickle.loads(pickle.dumps(reader.splits(2)))  # noqa: S301 - our own
    with pytest.raises(ConfigError, match="a/a.events.*storage="):
        splits[0].open()
    assert items(splits[0], storage=store) + items(splits[1], storage=store) == ITEMS
    assert store.stat("a/a.events")  # not closed: it is the caller's
    with pytest.raises(StorageDenied):
        items(splits[1], storage=FaultyBackend(store, [Fault("open", "denied")]))
    store.delete("a/a.events")
    with pytest.raises(NoValidFile):
        items(splits[1], storage=store)


def test_who_reads_a_share_need_not_ask_for_its_order(tmp_path):
    """One request for an archive to begin with, and not one for each."""
    store = CountingBackend()
    path = write_forty(tmp_path)
    for number in range(20):
        store.put(f"a/{number:02}", path)
    with ReadingRollManager("a/", storage=store) as reader:
        [split] = reader.splits(1)
    store.reset()
    with split.open(storage=store) as reader:
        reader.read()
    assert store.requests < 5


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_two_processes_read_what_one_does(tmp_path, method):
    write_forty(tmp_path)
    splits = parted(tmp_path, 2)
    # Only "spawn" has nothing of this process; a fork of one with threads is warned of.
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, context) as pool:
        first, second = pool.map(items, splits)
    assert first + second == ITEMS
    assert first
    assert second


def test_its_type_has_a_public_name(tmp_path):
    write_forty(tmp_path)
    assert all(isinstance(it, Split) for it in parted(tmp_path, 2))
    assert read("*", tmp_path)
