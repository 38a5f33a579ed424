"""The index is a tree of entries under which every block is found."""

import pytest

from shoebox.errors import FormatError
from shoebox.format import codecs, filters, index, runs, v2
from shoebox.format.index import Entry, Index
from shoebox.format.section import decode_section

ID = b"A" * 16
VALUES = {str(key): {f"{key}{value}" for value in range(key * 8)} for key in range(6)}


def entry(number: int) -> Entry:
    held = (
        None
        if number % 7 == 6
        else filters.of({key: VALUES[key] for key in list(VALUES)[number % 7 :]})
    )
    return Entry(number * 1000, number * 5, 5, number, number + 10, 30, 40, number % 3, held)


def decode(table: bytes, count: int, payload: bytes = b"") -> list[Entry]:
    return index.decode(table, count, len(payload)).filled(payload)


class Paper:
    """A file that an index is written to, as a writer does it."""

    def __init__(self, codec: int) -> None:
        self.index = Index(ID, codec)
        self.frames: dict[int, tuple[v2.Frame, bytes, bytes]] = {}
        self.end = 1_000_000

    def put(self, buffers: list[bytes]) -> None:
        for at in range(0, len(buffers), 3):
            head, table, filters = buffers[at : at + 3]
            frame = v2.decode_frame(head)
            assert frame.offset == self.end
            self.frames[self.end] = frame, table, filters
            self.end += frame.size

    def add(self, number: int) -> None:
        level = self.index.full()
        if level is not None:
            found, buffers = self.index.encode(level, self.end, 0)
            self.put(buffers)
            self.index.add(found, level + 1)
        self.index.add(entry(number))

    def entries(self, offset: int) -> list[Entry]:
        frame, table, filters = self.frames[offset]
        payload = decode_section(frame.payload, filters)
        return decode(decode_section(frame.metadata, table), frame.items, payload)

    def blocks(self, root: Entry) -> list[Entry]:
        """Return the entries of blocks under an index frame, which must say what they say."""
        frame = self.frames[root.offset][0]
        below = self.entries(root.offset)
        assert root.size == frame.size
        assert root.records == sum(e.records for e in below)
        assert root.first_time == min(e.first_time for e in below)
        assert root.last_time == max(e.last_time for e in below)
        assert root.sequence == below[0].sequence
        if frame.level == 1:
            return below
        return [block for e in below for block in self.blocks(e)]


@pytest.mark.parametrize("fanout", [2, 3, 5])
@pytest.mark.parametrize("codec", sorted(codecs.NAMES))
def test_every_block_is_under_the_root_in_order(monkeypatch, fanout, codec):
    monkeypatch.setattr(index, "FANOUT", fanout)
    for count in range(1, 40):
        paper = Paper(codec)
        for number in range(count):
            paper.add(number)
        root, buffers = paper.index.finish(paper.end, 0)
        paper.put(buffers)
        assert paper.blocks(root) == [entry(number) for number in range(count)]


def test_memory_does_not_grow_with_the_archive(monkeypatch):
    monkeypatch.setattr(index, "FANOUT", 4)
    paper = Paper(codecs.NONE)
    for number in range(3000):
        paper.add(number)
        assert all(len(entries) <= 6 for entries in paper.index._levels)
    assert len(paper.index._levels) < 8


def test_finishing_changes_nothing_so_that_it_can_be_tried_again(monkeypatch):
    monkeypatch.setattr(index, "FANOUT", 2)
    paper = Paper(codecs.NONE)
    for number in range(5):
        paper.add(number)
    assert paper.index.finish(paper.end, 0) == paper.index.finish(paper.end, 0)


def test_an_entry_that_is_known_changes_nothing(monkeypatch):
    """Who was interrupted in between adds the frame's and the block's once more."""
    monkeypatch.setattr(index, "FANOUT", 2)
    found = Index(ID)
    for it in (entry(1), entry(2)):
        found.add(it)
    piece, _ = found.encode(0, 1000, 0)
    block = entry(5)._replace(offset=1000 + piece.size)
    for _ in range(2):
        found.add(piece, 1)
        found.add(block)
        assert found._levels == [[block], [piece]]


def test_a_level_that_has_nothing_below_it_is_refused():
    found = Index(ID)
    for level in (1, 2, 200):
        with pytest.raises(FormatError, match="nothing below it"):
            found.add(entry(1), level)


ROW = bytes(56)


@pytest.mark.parametrize(
    ("table", "payload", "count"),
    [
        (b"", b"", 0),
        (b"\x80", b"", 0),
        (ROW + b"\x80", b"", 2),
        (ROW, b"", 1),
        (ROW[1:] + b"\x80", b"", 1),
        (ROW + b"\x80", b"x", 1),
        (ROW + b"\x80\x80", b"", 1),
    ],
)
def test_a_table_of_another_length_is_refused(table, payload, count):
    with pytest.raises(FormatError):
        decode(table, count, payload)


def test_a_directory_that_would_be_too_large_is_left_out_with_its_filters(monkeypatch):
    monkeypatch.setattr(index, "MAX_DIRECTORY", 200)
    for keys, known in ((1, True), (30, False)):
        paper = Paper(codecs.NONE)
        held = {f"{key:04}": b"" for key in range(keys)}
        paper.index.add(entry(0)._replace(filters=held))
        root, buffers = paper.index.finish(paper.end, 0)
        paper.put(buffers)
        assert [it.filters for it in paper.entries(root.offset)] == [held if known else None]


@pytest.mark.parametrize("room", [0, -1])
def test_a_directory_up_to_the_limit_keeps_the_filters(monkeypatch, room):
    pending = Index(ID)
    pending.add(entry(0))
    directory, _ = runs.encode([entry(0).filters], codecs.NONE)
    monkeypatch.setattr(index, "MAX_DIRECTORY", len(directory) + room)
    found, (_, table, payload) = pending.encode(0, 1000, 0)
    (kept,) = decode(table, 1, payload)
    assert kept.filters == (None if room else entry(0).filters)
    assert bool(found.payload) == (not room)


def test_the_frames_above_the_last_are_compressed_too():
    pending = Index(ID, codecs.ZSTD)
    for number in range(50):
        pending.add(entry(number))
    _, (head, *_) = pending.finish(100_000, 0)
    assert v2.decode_frame(head).metadata.codec == codecs.ZSTD
