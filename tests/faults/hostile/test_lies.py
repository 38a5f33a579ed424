"""An index, a tail or a head that lies: what is read is right, and no lie is followed."""

import io
import logging
from contextlib import suppress

import pytest

from shoebox.archive import ArchiveReader, recover, search
from shoebox.archive.source import Bytes
from shoebox.errors import FormatError
from shoebox.format import filters, index, runs, v2
from shoebox.format.section import Section
from shoebox.selection import Selection
from tests.faults.hostile.forged import ARCHIVE, Forged, begun, entry, lying, section_of, sound

ALL = [b"one", b"two", b"three"]
MOST = 2**64 - 1
ODD = {"offset": MOST, "sequence": MOST, "records": MOST, "metadata": 2**32 - 1}


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL)


def read(data, **options):
    with ArchiveReader(io.BytesIO(data), name="a.events", **options) as reader:
        return [payload for _, payload in reader], reader.faults


def found(data):
    return read(data, selection=Selection(since=0))[0]


LIES = {
    "a block before the archive": [{"offset": 0}, {}],
    "a block in the block before": [{}, {"offset": 150}],
    "the same block twice": [{}, {"offset": 141 - 24, "sequence": 0}],
    "the second block first": [{"offset": 300}, {}],
    "the index itself": [{}, {"offset": 330}],
    "no records": [{"records": 0}, {"records": 3}],
    "no metadata": [{"metadata": 0}, {}],
    "more payload": [{"payload": 4}, {}],
    "a later sequence": [{"sequence": 1}, {"sequence": 2}],
    "an earlier sequence": [{}, {"sequence": 0}],
    **{f"the largest {field}": [{}, {field: value}] for field, value in ODD.items()},
    **{f"the largest {field} first": [{field: value}, {}] for field, value in ODD.items()},
    "a payload of the largest size": [{}, {"payload": 2**32 - 1}],
    "filters that are not there": [{"known": 1}, {"known": 255}],
}


@pytest.mark.parametrize("lie", LIES)
def test_an_index_that_lies_changes_nothing_that_is_read(lie):
    data = lying(*LIES[lie])
    assert read(data) == (ALL, [])
    assert found(data) == ALL
    assert read(data, selection=Selection({"no such": "key"}))[0] == []


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("at", [0, 1, 2, 3, 1 << 62])
def test_an_index_that_lies_leads_nowhere_but_to_a_block_of_the_file(lie, at):
    data = lying(*LIES[lie])
    source = Bytes(io.BytesIO(data))
    for ask in (search.nearest, search.holding):
        with suppress(FormatError):
            hit = ask(source, at)
            assert hit.locate(source).frame.kind == v2.BLOCK
    with ArchiveReader(io.BytesIO(data), name="a.events") as reader:
        after = {b"W".hex() * 16: at}
        payloads = [it for batch in reader.batches(after) for it in batch.payloads]
    assert payloads == ALL[at:]


TAILS = {
    "no archive before it": {"offset": 1},
    "more than the file": {"offset": 2**62},
    "another archive": {"archive_id": b"B" * 16},
    "more records": {"records": 4},
    "fewer records": {"records": 2},
    "a root that is a block": {"index_offset": 117},
    "a root that is the header": {"index_offset": 0},
    "a root of the largest size": {"index_metadata": 2**32 - 1, "index_payload": 2**32 - 1},
    "a root without bytes": {"index_metadata": 0},
    "a later beginning": {"sequence": 1},
    "another time": {"first_time": 5, "last_time": 4},
}


@pytest.mark.parametrize("lie", TAILS)
def test_a_tail_that_lies_changes_nothing_that_is_read(lie):
    data = sound(**TAILS[lie])
    assert read(data)[0] == ALL
    assert found(data) in (ALL, []) if "time" in lie else found(data) == ALL
    source = Bytes(io.BytesIO(data))
    for ask in (search.nearest, search.holding):
        with suppress(FormatError):
            ask(source, 1).locate(source)
    with suppress(FormatError):
        search.outline(source)


def tree(levels, **told):
    """Return an archive whose index is so many frames one above the other."""
    made = begun()
    frame = made.index(*(entry(it, it.items) for it in made.frames[1:]))
    for level in range(2, levels + 1):
        frame = made.index(entry(frame, 3), level=level, **told)
    return made, frame


@pytest.mark.parametrize("levels", [1, 2, v2.MAX_LEVEL])
def test_an_index_may_be_as_high_as_it_says(levels):
    made, root = tree(levels)
    assert found(made.tail(root, 3)) == ALL


@pytest.mark.parametrize("level", [1, 2, 3])
def test_an_index_that_leads_back_to_itself_comes_to_an_end(level):
    made, below = tree(1)
    own = below._replace(offset=made.size, metadata=Section(57))
    root = made.index(entry(own, 3), level=level)
    assert root.offset == own.offset
    assert found(made.tail(root, 3)) == ALL


@pytest.mark.parametrize("level", [1, 3, 4])
def test_an_index_whose_levels_do_not_go_down_one_by_one_is_not_followed(level):
    made, below = tree(2)
    assert found(made.tail(made.index(entry(below, 3), level=level), 3)) == ALL


@pytest.mark.parametrize("lie", LIES)
def test_recovery_of_what_has_a_lying_index_ends_well(tmp_path, lie):
    path = tmp_path / "a.events.open"
    path.write_bytes(lying(*LIES[lie])[: -v2.FRAME_SIZE])
    done = recover(path)
    assert done.outcome in {"sealed", "corrupt"}
    payloads, faults = read(done.path.read_bytes())
    assert payloads == ALL
    assert found(done.path.read_bytes()) == ALL
    assert done.outcome == "corrupt" or not faults


def test_recovery_seals_no_more_blocks_than_an_index_frame_may_tell_of(tmp_path):
    """A writer puts an index frame behind every 128; who does not is no writer of ours."""
    made = Forged()
    made.header()
    for _ in range(300):
        made.block(b"x")
    path = tmp_path / "a.events.open"
    path.write_bytes(made.data)
    done = recover(path)
    assert (done.outcome, done.records) == ("sealed", v2.MAX_ENTRIES)
    data = done.path.read_bytes()
    assert read(data) == ([b"x"] * done.records, [])
    assert found(data) == [b"x"] * done.records
    saved = path.with_name("a.events.torn").read_bytes()
    assert made.data.endswith(saved)
    assert len(saved) == len(made.data) - made.frames[done.records + 1].offset


@pytest.mark.parametrize("up", [0, 1, 2])
def test_recovery_of_an_index_as_high_as_it_can_be_ends_well(tmp_path, up):
    made, _ = tree(v2.MAX_LEVEL - up)
    made.block(b"four")
    path = tmp_path / "a.events.open"
    path.write_bytes(made.data)
    done = recover(path)
    assert done.outcome == "sealed"
    data = done.path.read_bytes()
    assert read(data) == ([*ALL, b"four"][: done.records], [])
    assert found(data) == [*ALL, b"four"][: done.records]
    assert done.records == (4 if up else 3)


@pytest.mark.parametrize("field", ["sequence", "first_time", "last_time"])
def test_recovery_takes_no_index_frame_that_tells_of_other_records(tmp_path, field):
    """A tail tells what the index frames do: records would be missing, or not be found."""
    made = begun()
    made.index(*(entry(it, it.items) for it in made.frames[1:]), **{field: 1 << 60})
    made.block(b"four")
    path = tmp_path / "a.events.open"
    path.write_bytes(made.data)
    done = recover(path)
    assert (done.outcome, done.records) == ("sealed", 3)
    assert read(done.path.read_bytes()) == (ALL, [])


@pytest.mark.parametrize("away", [-1, -100])
def test_recovery_takes_no_frame_that_says_it_stands_elsewhere(tmp_path, away):
    """Behind one that says less, the rest would be where bytes are missing."""
    made = begun()
    made.block(b"four", offset=made.size + away)
    path = tmp_path / "a.events.open"
    path.write_bytes(made.data)
    done = recover(path)
    assert (done.outcome, done.records) == ("sealed", 3)
    assert read(done.path.read_bytes()) == (ALL, [])


def filters_of(count, raw, codec=0):
    """Return a directory of so many runs, each of one filter of so many bytes."""
    power = raw.bit_length() + 2
    told = runs._SECTION.pack(*Section(0, raw, 0, codec)) + bytes([power])
    return runs._encode({f"{key}": told for key in range(count)})


@pytest.mark.parametrize(("count", "sound"), [(1024, True), (1025, False)])
def test_filters_are_as_large_together_as_those_of_128_blocks_may_be(count, sound):
    assert runs.MAX_RAW == 1024 << 13
    directory = filters_of(count, filters.MAX_BITS // 8)
    if sound:
        assert len(runs.decode(directory, 1, 0)) == count
    else:
        with pytest.raises(FormatError, match=r"filters of more than \d+ bytes"):
            runs.decode(directory, 1, 0)


def test_a_directory_is_no_longer_than_a_writer_makes_one():
    row = entry(v2.Frame(v2.BLOCK, 0, ARCHIVE, 1, 0, 0, 0, 0, 1), 1)
    directory = filters_of(70_000, 32)
    assert len(directory) > index.MAX_DIRECTORY
    with pytest.raises(FormatError, match="a directory of filters of .* is over the limit"):
        index.decode(row + directory, 1, 0)


def test_a_frame_with_more_entries_than_a_writer_makes_is_unsound():
    head = v2.Frame(v2.INDEX, 1, ARCHIVE, 1, 0, 0, 0, 0, v2.MAX_ENTRIES, section_of(b""))
    assert v2.decode_frame(v2.encode_frame(head)) == head
    with pytest.raises(FormatError, match="a index frame that holds nonsense"):
        v2.decode_frame(v2.encode_frame(head._replace(items=v2.MAX_ENTRIES + 1)))


def test_a_block_of_another_number_of_records_is_refused_before_it_is_decoded():
    raw = bytes(13) + runs_of_maps(3 << 20)
    with pytest.raises(FormatError, match="not of 1 records"):
        v2.decode_records(raw, 1)


def runs_of_maps(count):
    return b"\xdd" + count.to_bytes(4, "big") + b"\x80" * count
