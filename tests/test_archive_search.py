"""A search by the index finds what going through an archive finds, and reads less."""

import io
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoebox.archive import ArchiveReader, search
from shoebox.archive.source import Bytes
from shoebox.errors import FormatError
from shoebox.format import index, v2
from shoebox.selection import Not, Selection
from tests import golden

KEYS = st.sampled_from(["a", "b", "größe"])
VALUES = st.sampled_from(["1", "2", "web1", "web2", ""])
ROWS = st.tuples(st.dictionaries(KEYS, VALUES, max_size=3), st.text("xyz"), st.integers(0, 9))
BLOCKS = st.lists(st.lists(ROWS, min_size=1, max_size=4), min_size=1, max_size=9)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "format_version": st.just(1),
        "compression": st.just("zstd"),
        "index_keys": st.just(["a"]),
    },
)
FILES = st.lists(st.tuples(BLOCKS, OPTIONS), min_size=1, max_size=3)
GLOBS = st.sampled_from(["1", "2", "web1", "web*", "?", "", "*", "[12]", "no such"])
WHERE = st.dictionaries(
    KEYS | st.just("other"), st.lists(GLOBS | GLOBS.map(Not), min_size=1, max_size=2), max_size=2
)
SELECTIONS = st.builds(
    Selection, WHERE, st.none() | st.integers(-1, 10), st.none() | st.integers(-1, 10)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("search")


def written(folder, number, blocks, **options):
    path = folder / f"{number}"
    # Every archive has an id of its own.
    options = {"compression": "none", "archive_id": bytes([number]) * 16} | options
    data = golden.write_blocks(path, blocks, **options).read_bytes()
    path.unlink()
    return data


def by_scan(data, selection):
    with ArchiveReader(io.BytesIO(data), name="a") as reader:
        records = list(reader.records())
        return [it for it in records if selection.matches(it.metadata, it.timestamp)], reader.faults


def by_index(data, selection, gap=0):
    with ArchiveReader(io.BytesIO(data), name="a", selection=selection, gap=gap) as reader:
        return list(reader.records()), reader.faults


@given(files=FILES, selection=SELECTIONS, gap=st.sampled_from([0, 200, 10_000]))
@settings(max_examples=150)
def test_the_index_finds_what_a_scan_finds(folder, files, selection, gap):
    before, index.FANOUT = index.FANOUT, 2
    try:
        data = b"".join(
            written(folder, at, it, **options) for at, (it, options) in enumerate(files)
        )
    finally:
        index.FANOUT = before
    assert by_index(data, selection, gap) == by_scan(data, selection)


@given(blocks=BLOCKS, selection=SELECTIONS, change=st.data())
@settings(max_examples=150)
def test_of_what_is_damaged_as_much_is_found_as_by_a_scan(folder, blocks, selection, change):
    """And never anything that a scan would not find."""
    logging.disable(logging.WARNING)
    before, index.FANOUT = index.FANOUT, 2
    try:
        whole = written(folder, 1, blocks) + written(folder, 2, blocks)
    finally:
        index.FANOUT = before
    data = bytearray(whole)
    at = change.draw(st.integers(0, len(data) - 1))
    data[at] ^= change.draw(st.integers(1, 255))
    found, faults = by_index(bytes(data), selection)
    scanned, all_faults = by_scan(bytes(data), selection)
    logging.disable(logging.NOTSET)
    assert found == scanned
    # Of what need not be read, nothing is said.
    assert faults in ([], all_faults)


class Watched(io.BytesIO):
    """A file that keeps what was read of it."""

    def __init__(self, data):
        super().__init__(data)
        self.ranges = []

    def read(self, size=-1):
        at = self.tell()
        data = super().read(size)
        self.ranges.append(range(at, at + len(data)))
        return data

    @property
    def total(self):
        return sum(map(len, self.ranges))


def many(folder, count=300):
    """Write an archive of so many blocks of 5,000 bytes; return it and each block's place."""
    blocks = [[({"n": str(at), "k": "v"}, "x" * 5000, at)] for at in range(count)]
    data = written(folder, 1, blocks)
    with ArchiveReader(io.BytesIO(data), name="a") as reader:
        return data, [it.at for it in reader.frames() if it.is_a(v2.BLOCK)]


@pytest.mark.parametrize(
    ("selection", "wanted", "most"),
    [
        (Selection({"n": "77"}), [77], 70_000),
        (Selection({"n": "77", "k": "v"}), [77], 75_000),
        (Selection({"n": "77", "k": "w"}), [], 70_000),
        (Selection({"n": "none"}), [], 60_000),
        (Selection({"other": "*"}), [], 60_000),
        (Selection(since=299), [299], 60_000),
        (Selection(since=1000), [], 17_000),
        (Selection({"n": "7?"}, since=77, until=79), [77, 78], 70_000),
    ],
)
def test_what_can_not_match_is_not_read(folder, selection, wanted, most):
    data, _ = many(folder)
    file = Watched(data)
    with ArchiveReader(file, name="a", selection=selection) as reader:
        assert [record.timestamp for record in reader.records()] == wanted
    assert file.total < most


def test_payloads_are_left_out_where_they_are_not_wanted(folder):
    data, places = many(folder)
    file = Watched(data)
    with ArchiveReader(file, name="a", selection=Selection({"k": "v"})) as reader:
        [*found] = (record for it in reader.batches(payloads=False) for record in it.records())
    assert [record.payload for record in found] == [""] * 300
    assert [record.metadata["n"] for record in found] == [str(at) for at in range(300)]
    assert file.total < len(data) / 5
    assert places[0] not in {it.start for it in file.ranges if len(it) > 5000}


def test_blocks_close_to_each_other_are_read_at_once(folder):
    data, places = many(folder)
    calls = {}
    for gap in (0, 6000):
        file = Watched(data)
        selection = Selection({"k": "v"})
        with ArchiveReader(file, name="a", selection=selection, gap=gap) as reader:
            assert sum(len(it.metadata) for it in reader.batches(payloads=False)) == 300
        calls[gap] = sum(any(place in it for place in places) for it in file.ranges)
    assert calls[0] > 300
    assert calls[6000] < 10


def test_a_search_goes_on_where_it_was_left(folder):
    data, _ = many(folder, 20)
    for gap in (0, 100_000):
        with ArchiveReader(
            io.BytesIO(data), name="a", selection=Selection({"k": "v"}), gap=gap
        ) as reader:
            assert next(reader.records()).timestamp == 0
            assert [record.timestamp for record in reader.records()] == list(range(1, 20))
            assert list(reader.records()) == []
            assert list(reader) == []


def test_a_search_goes_on_at_a_sequence_number(folder):
    data, _ = many(folder, 20)
    with ArchiveReader(io.BytesIO(data), name="a", selection=Selection({"k": "v"})) as reader:
        batches = reader.batches({golden.WRITER_ID.hex(): golden.FIRST_SEQUENCE + 18})
        assert [record.timestamp for it in batches for record in it.records()] == [18, 19]


def changed(data, at):
    changed = bytearray(data)
    changed[at] ^= 0xFF
    return bytes(changed)


@pytest.mark.parametrize(
    "part", ["tail", "root", "filters", "header", "head", "metadata", "payload"]
)
def test_what_is_unsound_sends_the_reader_through_the_frames(folder, part, caplog):
    """With the faults that it finds there."""
    data, places = many(folder, 20)
    with ArchiveReader(io.BytesIO(data), name="a") as reader:
        [root] = [it for it in reader.frames() if it.is_a(v2.INDEX)]
    places = {
        "tail": len(data) - 50,
        "root": root.at + 110,
        "filters": root.end - 5,
        "header": 105,
        "head": places[7] + 50,
        "metadata": places[7] + 105,
        "payload": places[7] + 500,
    }
    data = changed(data, places[part])
    caplog.set_level(logging.ERROR)
    selection = Selection({"n": "7"})
    found, faults = by_index(data, selection)
    assert (found, faults) == by_scan(data, selection)
    assert len(faults) >= 1


def test_nothing_is_given_twice_when_a_later_block_is_unsound(folder, caplog):
    data, places = many(folder, 20)
    caplog.set_level(logging.ERROR)
    found, faults = by_index(changed(data, places[7] + 105), Selection({"k": "v"}))
    assert [record.timestamp for record in found] == [at for at in range(20) if at != 7]
    assert [fault.start for fault in faults] == [places[7]]


@pytest.mark.parametrize("data", [b"", b"x" * 300, bytes(100)])
def test_what_is_no_sealed_archive_has_no_index(data):
    with pytest.raises(FormatError):
        list(search.hits(Bytes(io.BytesIO(data)), Selection({"k": "v"})))


def test_an_index_that_leads_to_a_frame_twice_is_refused(folder, monkeypatch):
    """However deep a hostile one is, it costs no more than its frames."""
    monkeypatch.setattr(index.Index, "add", twice(index.Index.add))
    data = written(folder, 1, [[({"k": "v"}, "x", 0)]])
    with pytest.raises(FormatError, match="twice"):
        list(search.hits(Bytes(io.BytesIO(data)), Selection({"k": "v"})))


def twice(add):
    def add_twice(self, entry, level=0):
        add(self, entry, level)
        if level == 0:
            self._levels[level].append(entry)

    return add_twice


def test_an_index_that_leads_to_a_frame_behind_it_is_refused(folder, monkeypatch):
    add = index.Index.add

    def astray(self, entry, level=0):
        add(self, entry._replace(offset=1 << 20) if level == 0 else entry, level)

    monkeypatch.setattr(index.Index, "add", astray)
    data = written(folder, 1, [[({"k": "v"}, "x", 0)]])
    with pytest.raises(FormatError, match="the index leads to a frame behind it"):
        list(search.hits(Bytes(io.BytesIO(data)), Selection({"k": "v"})))


def test_blocks_are_joined_up_to_a_size(monkeypatch):
    monkeypatch.setattr(search, "JOINED", 1000)
    hits = [search.Hit(0, b"", index.Entry(at, 0, 1, 0, 0, 100, 50)) for at in range(0, 3000, 300)]
    assert [len(group) for group in search.joined(hits, 100)] == [3, 3, 3, 1]
    assert [len(group) for group in search.joined(hits, 99)] == [1] * 10
    assert list(search.joined([], 9)) == []


def test_the_index_tells_of_all_its_blocks_and_pieces():
    data = (golden.DATA / "v2-tree.events").read_bytes()
    with ArchiveReader(io.BytesIO(data), name="a") as reader:
        frames = list(reader.frames())
    told = search.outline(Bytes(io.BytesIO(data)))
    assert [hit.locate(Bytes(io.BytesIO(data))) for hit in told.blocks] == [
        it for it in frames if it.is_a(v2.BLOCK)
    ]
    pieces = [it for it in frames if it.is_a(v2.INDEX)]
    assert [(it.at, it.level) for it in told.pieces] == [(it.at, it.frame.level) for it in pieces]


def test_the_block_near_a_place_is_found_by_one_way_down(folder, monkeypatch):
    monkeypatch.setattr(index, "FANOUT", 4)
    data, places = many(folder, 300)
    for place in range(0, len(data), 1999):
        file = Watched(data)
        hit = search.nearest(Bytes(file), place)
        assert hit.at in places
        assert abs(hit.at - place) < 30_000  # a block, and what of the index may lie before it
        assert file.total < search.END + 20_000


@given(files=FILES, place=st.integers(0, 10_000))
def test_near_every_place_of_a_sound_file_a_block_is_found(folder, files, place):
    before, index.FANOUT = index.FANOUT, 2
    try:
        data = b"".join(
            written(folder, at, it, **options) for at, (it, options) in enumerate(files)
        )
    finally:
        index.FANOUT = before
    if any("format_version" in options for _, options in files):
        with pytest.raises(FormatError):
            search.nearest(Bytes(io.BytesIO(data)), place)
    else:
        search.nearest(Bytes(io.BytesIO(data)), place).locate(Bytes(io.BytesIO(data)))


def told(data, **changes):
    """Return the file with a tail that says other things, and a checksum that is right."""
    tail = v2.decode_frame(data[-v2.FRAME_SIZE :])
    changes = {name: change(tail, data) for name, change in changes.items()}
    return data[: -v2.FRAME_SIZE] + v2.encode_tail(tail._replace(**changes))


def first_block(data):
    with ArchiveReader(io.BytesIO(data), name="a") as reader:
        return next(it for it in reader.frames() if it.is_a(v2.BLOCK)).frame


LIES = {
    "another kind of frame for the root": (
        {
            "index_offset": lambda _, data: first_block(data).offset,
            "index_metadata": lambda _, data: first_block(data).metadata.stored,
            "index_payload": lambda _, data: first_block(data).payload.stored,
        },
        "tells of another frame",
    ),
    "another length of the root": (
        {"index_payload": lambda tail, _: tail.index_payload + 1},
        "tells of another frame",
    ),
    "another number of records": (
        {"records": lambda tail, _: tail.records + 1},
        "counts other records",
    ),
    "another archive": ({"archive_id": lambda *_: bytes(16)}, "a frame that is not there"),
    "more bytes than there are": (
        {"offset": lambda tail, _: tail.offset + 1},
        "no tail, or one of another file",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_tail_that_tells_of_what_is_not_there_is_not_believed(folder, lie, caplog):
    caplog.set_level(logging.ERROR)
    changes, reason = LIES[lie]
    data = told(many(folder, 20)[0], **changes)
    selection = Selection({"n": "7"})
    with pytest.raises(FormatError, match=reason):
        list(search.hits(Bytes(io.BytesIO(data)), selection))
    found, faults = by_index(data, selection)
    assert (found, faults) == by_scan(data, selection)
    assert [it.timestamp for it in found] == [7]


def test_a_tail_of_more_bytes_than_there_are_leads_nowhere_before_the_file(folder):
    data = many(folder, 20)[0]
    lie = told(data, offset=lambda tail, _: tail.offset + 1, index_offset=lambda *_: 0)
    with pytest.raises(FormatError, match="one of another file"):
        search.outline(Bytes(io.BytesIO(lie)))


def test_a_file_that_ends_with_another_frame_than_a_tail_has_no_index(folder):
    data, _ = many(folder, 20)
    with pytest.raises(FormatError, match="no tail"):
        list(search.hits(Bytes(io.BytesIO(data[: -v2.FRAME_SIZE] + data[:100])), Selection()))


def test_a_block_that_has_other_records_than_the_index_says_is_not_taken(folder):
    file = Bytes(io.BytesIO(many(folder, 20)[0]))
    hit = next(search.hits(file, Selection()))
    assert hit.locate(file).at == hit.at
    with pytest.raises(FormatError, match="another block"):
        hit._replace(entry=hit.entry._replace(records=2)).locate(file)


def test_the_header_of_another_archive_sends_the_reader_through_the_frames(folder, caplog):
    caplog.set_level(logging.ERROR)
    data, places = many(folder, 20)
    data = written(folder, 2, [[({}, "x", 0)]])[: places[0]] + data[places[0] :]
    selection = Selection({"n": "7"})
    found, faults = by_index(data, selection)
    assert (found, faults) == by_scan(data, selection)
    assert ([it.timestamp for it in found], len(faults) > 0) == ([7], True)
