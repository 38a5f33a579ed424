"""Plans: where archives are cut, and what is read for it."""

from itertools import pairwise

import pytest

from benchmarks.counting import CountingBackend
from shoebox.archive import ArchiveWriter
from shoebox.errors import StorageUnavailable
from shoebox.format import index
from shoebox.roll_manager.listing import Store
from shoebox.roll_manager.planning import plan
from shoebox.selection import Selection
from shoebox.sources import File
from shoebox.testing import Fault, FaultyBackend
from tests.archives import write_blocks

EVERYTHING = Selection()


def write_many(folder, name, count, **options):
    """Write an archive with as many blocks, of two index levels and more."""
    with ArchiveWriter(folder / name, **{"compression": "none"} | options) as writer:
        for number in range(count):
            writer.write({"n": f"{number}"}, "x" * 1000, number)
            writer.flush()
    return writer.path


def starts(pieces):
    return [it.archive.span.start for share in pieces for it in share]


def test_pieces_of_an_archive_meet(tmp_path, monkeypatch):
    monkeypatch.setattr(index, "FANOUT", 3)
    path = write_many(tmp_path, "a.events", 100)
    shares = plan([File(path)], (), EVERYTHING, 7)
    spans = [it.archive.span for share in shares for it in share]
    assert len(spans) == 7
    assert spans[0].start is None
    assert spans[-1].stop is None
    assert all(one.stop == other.start.at for one, other in pairwise(spans))
    sizes = [it.size for share in shares for it in share]
    assert sum(sizes) == path.stat().st_size
    assert max(sizes) - min(sizes) < 5000  # of blocks of 1,100, with pieces of the index between


def test_concatenated_archives_are_cut_between_and_within_them(tmp_path):
    parts = [write_many(tmp_path, f"{number}", 10).read_bytes() for number in range(6)]
    path = tmp_path / "all.events"
    path.write_bytes(b"".join(parts))
    found = starts(plan([File(path)], (), EVERYTHING, 12))
    assert len({it.archive_id for it in found if it}) == 6
    assert len(found) == 12


def test_archives_are_not_asked_where_no_share_ends(tmp_path):
    """Of a hundred archives in a store, one is looked into, and of that one way to one block."""
    store = CountingBackend()
    path = write_many(tmp_path, "a.events", 300)
    for number in range(101):
        store.put(f"{number:03}", path)
    archives = Store(store, "").there()
    store.reset()
    shares = plan(archives, (), EVERYTHING, 2)
    assert [len(it) for it in shares] == [51, 51]
    assert store.requests < 10


def test_a_cut_at_either_end_is_one_between_archives(tmp_path):
    files = [File(write_blocks(tmp_path, name, ["abc"])) for name in ("a", "b", "c", "d")]
    shares = plan(files, (), EVERYTHING, 2)
    assert [[it.archive.path.name for it in share] for share in shares] == [["a", "b"], ["c", "d"]]
    assert starts(shares) == [None] * 4


def test_no_cut_leaves_a_share_without_a_record(tmp_path):
    [[piece]] = plan([File(write_blocks(tmp_path, "a", ["a" * 50]))], (), EVERYTHING, 50)
    assert piece.archive.span.start is None


@pytest.mark.parametrize("selection", [EVERYTHING, Selection({"n": "*"})])
def test_nothing_is_cut_at_a_block_that_is_unsound(tmp_path, selection):
    """Else its damage would be told by two, or by none."""
    path = write_many(tmp_path, "a.events", 20)
    [_, cut] = starts(plan([File(path)], (), selection, 2))
    data = bytearray(path.read_bytes())
    data[cut.at + 50] ^= 1
    path.write_bytes(data)
    assert starts(plan([File(path)], (), selection, 2)) == [None]


def test_what_a_catalog_rules_out_is_left_out(tmp_path):
    class RuledOut(File):
        def can_match(self, selection):
            return False

    path = write_many(tmp_path, "a.events", 20)
    assert plan([RuledOut(path)], (), Selection({"n": "1"}), 2) == []


def test_an_empty_file_is_a_piece_that_one_share_has(tmp_path):
    (tmp_path / "a.events").touch()
    files = [File(tmp_path / "a.events"), File(write_many(tmp_path, "b.events", 9))]
    names = [it.archive.path.name for share in plan(files, (), EVERYTHING, 2) for it in share]
    assert names == ["a.events", "b.events", "b.events"]


@pytest.mark.parametrize("selection", [EVERYTHING, Selection({"n": "1"})])
def test_a_store_that_can_not_be_asked_is_no_end_of_the_archives(tmp_path, selection):
    store = CountingBackend()
    store.put("a", write_many(tmp_path, "a.events", 20))
    faulty = FaultyBackend(store, [Fault("open", "unavailable")])
    with pytest.raises(StorageUnavailable):
        plan(Store(faulty, "").there(), (), selection, 2)
