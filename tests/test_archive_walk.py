"""What a reader makes of an archive that was cut, changed, mixed up or put behind another."""

import gzip
import io
import itertools
import logging
from pathlib import Path

import pytest

from shoebox.archive import ArchiveReader, ArchiveWriter, Fault, Record, source
from shoebox.archive import reader as reader_module
from shoebox.archive.frames import Located
from shoebox.format import index, v2
from tests import golden

ROWS = [({"id": str(at)}, f"payload {at}", at) for at in range(9)]
BLOCKS = [ROWS[:2], ROWS[2:4], ROWS[4:7], ROWS[7:]]


@pytest.fixture(autouse=True)
def small_index(monkeypatch, caplog):
    """Little archives have a tree of several levels, and thousands of faults are not logged."""
    monkeypatch.setattr(index, "FANOUT", 2)
    caplog.set_level(logging.ERROR)


@pytest.fixture
def archive(tmp_path) -> bytes:
    return written(tmp_path / "a.events", BLOCKS)


def written(path: Path, blocks=BLOCKS, **options) -> bytes:
    return golden.write_blocks(path, blocks, **{"compression": "none"} | options).read_bytes()


def read(data: bytes, name: str = "a.events") -> tuple[list[Record], list[Fault]]:
    with ArchiveReader(io.BytesIO(data), name=name) as reader:
        records = list(reader.records())
    return records, reader.faults


def verified(data: bytes, name: str = "a.events") -> tuple[int, list[Fault]]:
    with ArchiveReader(io.BytesIO(data), name=name) as reader:
        return reader.verify(), reader.faults


def rows(records: list[Record]) -> list[tuple[dict[str, str], str | bytes, int | None]]:
    return [(record.metadata, record.payload, record.timestamp) for record in records]


def frames(data: bytes) -> list[Located]:
    with ArchiveReader(io.BytesIO(data), name="a.events") as reader:
        return [item for item in reader.frames() if isinstance(item, Located)]


def pieces(data: bytes) -> list[bytes]:
    """Return an archive's frames, each as its bytes."""
    return [data[item.at : item.end] for item in frames(data)]


def blocks_of(data: bytes) -> list[int]:
    """Return which of the frames are blocks."""
    return [at for at, item in enumerate(frames(data)) if item.is_a(v2.BLOCK)]


def kinds(faults: list[Fault]) -> list[str]:
    return [fault.kind for fault in faults]


def test_a_sound_archive_has_no_fault(archive):
    records, faults = read(archive)
    assert rows(records) == ROWS
    assert faults == []


def test_a_sealed_archive_cut_anywhere_is_torn_and_gives_a_prefix(archive):
    whole = [item.end for item in frames(archive) if item.is_a(v2.BLOCK)]
    for end in range(len(archive)):
        records, faults = read(archive[:end])
        assert kinds(faults) == ["torn"], end
        complete = sum(len(block) for block, at in zip(BLOCKS, whole, strict=True) if at <= end)
        assert rows(records) == ROWS[:complete], end


def test_an_open_archive_cut_anywhere_gives_a_prefix(archive):
    ends = {0, *(item.end for item in frames(archive))}
    for end in range(len(archive)):
        records, faults = read(archive[:end], "a.events.open")
        assert rows(records) == ROWS[: len(records)], end
        assert kinds(faults) == ([] if end in ends else ["torn"]), end


def test_a_changed_byte_is_a_fault_and_costs_no_other_block(archive):
    located = frames(archive)
    for at in range(len(archive)):
        for flip in (0xFF, 0x01):
            data = bytearray(archive)
            data[at] ^= flip
            count, faults = verified(bytes(data))
            hit = next(item for item in located if item.at <= at < item.end)
            lost = hit.frame.items if hit.is_a(v2.BLOCK) else 0
            assert count == len(ROWS) - lost, at
            assert faults, at
            assert all(fault.start <= at <= fault.end for fault in faults[:1]), at


def test_a_changed_byte_never_gives_a_wrong_record_nor_one_twice(archive):
    known = {record.sequence: rows([record])[0] for record in read(archive)[0]}
    for at, flip in itertools.product(range(len(archive)), (0x80, 0x02)):
        data = bytearray(archive)
        data[at] ^= flip
        records, _ = read(bytes(data))
        numbers = [record.sequence for record in records]
        assert numbers == sorted(set(numbers)), at
        assert all(known[r.sequence] == rows([r])[0] for r in records), at


@pytest.mark.parametrize("gone", range(4))
def test_a_missing_block_is_a_gap_and_no_other_is_lost(archive, gone):
    parts = pieces(archive)
    place = blocks_of(archive)[gone]
    records, faults = read(b"".join(parts[:place] + parts[place + 1 :]))
    assert rows(records) == [row for block in BLOCKS if block is not BLOCKS[gone] for row in block]
    assert set(kinds(faults)) == {"gap"}


def test_a_missing_index_frame_is_a_gap(archive):
    parts = pieces(archive)
    place = next(at for at, item in enumerate(frames(archive)) if item.is_a(v2.INDEX))
    records, faults = read(b"".join(parts[:place] + parts[place + 1 :]))
    assert rows(records) == ROWS
    assert [(fault.kind, fault.reason) for fault in faults] == [
        ("gap", f"{len(parts[place])} bytes are missing")
    ]


def test_a_missing_header_is_a_gap_and_leaves_the_writer_unknown(archive):
    records, faults = read(archive[frames(archive)[0].end :])
    assert rows(records) == ROWS
    assert {record.writer for record in records} == {None}
    assert [(fault.kind, fault.reason) for fault in faults] == [("gap", "its header is missing")]


@pytest.mark.parametrize("doubled", range(4))
@pytest.mark.parametrize("distance", [0, 1, 2])
def test_a_doubled_block_is_given_once(archive, doubled, distance):
    parts = pieces(archive)
    place = blocks_of(archive)[doubled]
    target = min(place + 1 + distance, len(parts) - 1)
    records, faults = read(b"".join([*parts[:target], parts[place], *parts[target:]]))
    assert rows(records) == ROWS
    assert kinds(faults) == ["corrupt"]
    assert faults[0].reason == "a block that was there already"


def test_a_doubled_header_or_index_frame_is_a_fault_and_costs_nothing(archive):
    parts, blocks = pieces(archive), blocks_of(archive)
    for place in range(len(parts) - 1):
        for target in range(place + 1, len(parts)):
            if place not in blocks:
                records, faults = read(b"".join([*parts[:target], parts[place], *parts[target:]]))
                assert rows(records) == ROWS
                assert kinds(faults) == ["corrupt"]
                assert "that is doubled" in faults[0].reason


def test_a_doubled_tail_is_a_fault_and_costs_nothing(archive):
    records, faults = read(archive + pieces(archive)[-1])
    assert rows(records) == ROWS
    assert set(kinds(faults)) == {"gap"}


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(range(4), 2)))
def test_swapped_blocks_are_all_given_once_and_noticed(archive, one, other):
    parts, places = pieces(archive), blocks_of(archive)
    one, other = places[one], places[other]
    parts[one], parts[other] = parts[other], parts[one]
    records, faults = read(b"".join(parts))
    assert sorted(rows(records), key=lambda row: row[2]) == ROWS
    assert set(kinds(faults)) == {"gap"}


@pytest.mark.parametrize("beginning", [0, 1])
def test_what_comes_before_the_first_block_is_given_behind_it_and_noticed(archive, beginning):
    """No header tells where the archive begins, or one that lies."""
    parts, (first, second, *_) = pieces(archive), blocks_of(archive)
    parts[first], parts[second] = parts[second], parts[first]
    records, faults = read(b"".join(parts[1 - beginning :]))
    assert sorted(rows(records), key=lambda row: row[2]) == ROWS
    assert set(kinds(faults)) == {"gap"}


def test_a_header_that_tells_of_a_later_beginning_costs_no_record(archive):
    header = frames(archive)[0].frame
    for sequence in (header.sequence + 1, 1 << 40, v2.MAX_NUMBER):
        head = v2.encode_frame(header._replace(sequence=sequence))
        records, _ = read(head + archive[v2.FRAME_SIZE :])
        assert rows(records) == ROWS


def test_bytes_put_between_two_frames_are_a_fault_and_cost_nothing(archive):
    for item in frames(archive)[1:]:
        for junk in (b"\0", b"junk" * 50, golden.MAGIC, golden.MAGIC + b"\x02\0" + bytes(94)):
            records, faults = read(archive[: item.at] + junk + archive[item.at :])
            assert rows(records) == ROWS
            assert [(f.kind, f.start, f.end) for f in faults] == [
                ("corrupt", item.at, item.at + len(junk))
            ]


def test_two_damaged_blocks_are_two_faults(archive):
    data = bytearray(archive)
    for at in blocks_of(archive)[1:3]:
        data[frames(archive)[at].at + 120] ^= 1
    records, faults = read(bytes(data))
    assert rows(records) == BLOCKS[0] + BLOCKS[3]
    assert kinds(faults) == ["corrupt", "corrupt"]


def test_what_was_synced_is_corrupt_and_what_was_not_is_torn(tmp_path):
    """A later block may survive a power cut that an earlier one does not."""
    with ArchiveWriter(tmp_path / "a", compression="none") as writer:
        for sync, row in zip((True, False, False), ROWS, strict=False):
            writer.write(*row)
            writer.flush()
            if sync:
                writer.commit()
        data = (tmp_path / "a.open").read_bytes()
    blocks = [item for item in frames(data + b"") if item.is_a(v2.BLOCK)]
    for item, kind in zip(blocks, ("corrupt", "torn", "torn"), strict=True):
        damaged = data[: item.at] + b"\0" * 20 + data[item.at + 20 :]
        records, faults = read(damaged, "a.open")
        assert len(records) == 2
        assert kinds(faults) == [kind]


V1 = {"format_version": 1}


def in_a_row(tmp_path: Path) -> tuple[list[bytes], list[tuple[object, ...]]]:
    """Return archives of version 1, 2 and 2, and all their records in order."""
    first = written(tmp_path / "1", [[({"n": "1"}, "one", 0)], [({}, b"\xff", 0)]], **V1)
    second = written(tmp_path / "2", [[({"n": "2"}, "two", 2)], [({"n": "3"}, "three", 3)]])
    other = {"archive_id": b"B" * 16, "writer_id": b"C" * 16}
    third = written(tmp_path / "3", [[({"n": "4"}, "four", 4)], [({"n": "5"}, "five", 5)]], **other)
    records = [({"n": "1"}, "one", None), ({}, b"\xff", None)]
    records += [({"n": str(n)}, text, n) for n, text in zip((2, 3, 4, 5), WORDS, strict=True)]
    return [first, second, third], records


WORDS = ("two", "three", "four", "five")


def test_archives_of_both_versions_may_follow_each_other(tmp_path):
    parts, expected = in_a_row(tmp_path)
    for order in itertools.permutations(range(3)):
        records, faults = read(b"".join(parts[at] for at in order))
        assert faults == []
        assert sorted(rows(records), key=str) == sorted(expected, key=str)
        writers = {r.metadata.get("n"): r.writer for r in records}
        assert writers["3"] == golden.WRITER_ID.hex()
        assert writers["4"] == (b"C" * 16).hex()


def test_damage_in_one_archive_costs_those_behind_it_nothing(tmp_path):
    parts, expected = in_a_row(tmp_path)
    data = b"".join(parts)
    start = len(parts[0])
    block = frames(parts[1])[1]
    for at in range(start, start + len(parts[1])):
        changed = bytearray(data)
        changed[at] ^= 0xFF
        records, faults = read(bytes(changed))
        missing = [row for row in expected if row not in rows(records)]
        assert rows(records) == [row for row in expected if row not in missing], at
        assert [row for row in missing if row not in expected[2:4]] == [], at
        if at - start in range(block.at, block.end):
            assert missing == [expected[2]], at
            assert faults, at


def test_an_archive_that_was_cut_does_not_swallow_the_next(tmp_path):
    parts, expected = in_a_row(tmp_path)
    for end in range(len(parts[1])):
        records, faults = read(parts[0] + parts[1][:end] + parts[2])
        assert rows(records)[:2] == expected[:2], end
        assert rows(records)[-2:] == expected[-2:], end
        assert {r.writer for r in records[-2:]} == {(b"C" * 16).hex()}
        assert (end == 0) == (faults == []), end


def test_an_archive_without_its_beginning_is_read_from_where_it_goes_on(tmp_path):
    parts, expected = in_a_row(tmp_path)
    for start in range(1, frames(parts[2])[1].at + 1):
        records, faults = read(parts[1] + parts[2][start:])
        assert rows(records) == expected[2:], start
        assert faults, start
        assert {record.writer for record in records[2:]} == {None}, start


@pytest.fixture
def nested(tmp_path) -> bytes:
    """Return an archive whose payloads are others, of both versions, and copies of its parts."""
    inner = written(tmp_path / "in", archive_id=b"I" * 16)
    old = written(tmp_path / "old", **V1)
    itself = written(tmp_path / "self", [[({"a": "b"}, inner, 0)], [({"c": "d"}, old, 1)]])
    payloads = [inner, old, itself, inner + old, itself[60:]]
    outer = [[({"nested": str(at)}, payload, at)] for at, payload in enumerate(payloads)]
    return written(tmp_path / "out", outer)


def test_an_archive_inside_a_payload_is_never_taken_for_a_block(nested):
    blocks = [item for item in frames(nested) if item.is_a(v2.BLOCK)]
    for block in blocks:
        for at in range(block.at, block.at + v2.FRAME_SIZE):
            data = bytearray(nested)
            data[at] ^= 0xFF
            for end in (len(data), block.end, block.end - 1):
                records, faults = read(bytes(data[:end]), "a.open")
                assert all("nested" in record.metadata for record in records), at
                assert faults, at
                assert len(records) == sum(b.end <= end for b in blocks if b is not block), at


def test_an_archive_inside_a_payload_is_not_found_where_the_file_is_cut(nested):
    first = next(item for item in frames(nested) if item.is_a(v2.BLOCK))
    for end in range(first.at + 1, first.end, 7):
        records, faults = read(nested[:end])
        assert records == []
        assert kinds(faults) == ["torn"]


def test_what_is_no_archive_is_foreign():
    for data in (
        b"x",
        b"hello, world\n" * 100,
        bytes(300),
        b"\x84\x78\x86\x69\x03\x00" + bytes(200),
    ):
        records, faults = read(data)
        assert records == []
        assert [(f.kind, f.start, f.end) for f in faults] == [("foreign", 0, len(data))]


def test_an_empty_file_is_torn_unless_it_is_open():
    assert kinds(read(b"")[1]) == ["torn"]
    assert kinds(read(b"", "a.open")[1]) == []


def test_an_unknown_version_behind_an_archive_is_named(archive):
    records, faults = read(archive + golden.MAGIC + b"\x03\x00" + bytes(100))
    assert rows(records) == ROWS
    assert [(f.kind, f.reason) for f in faults] == [
        ("foreign", "version 3 of the format is not known here")
    ]


def test_a_cut_record_of_version_1_is_torn_and_a_changed_one_never_crashes(tmp_path):
    data = written(tmp_path / "a", golden.PLAIN, **V1)
    expected = rows(read(data)[0])
    for end in range(len(data)):
        records, faults = read(data[:end])
        assert rows(records) == expected[: len(records)]
        assert set(kinds(faults)) <= {"torn"}
    for at, flip in itertools.product(range(len(data)), (0x01, 0x80, 0xFF)):
        changed = bytearray(data)
        changed[at] ^= flip
        records, _ = read(bytes(changed))
        assert len(records) >= len(expected) - 1, at


def test_version_1_goes_on_behind_damage(tmp_path):
    data = written(tmp_path / "a", [ROWS], **V1)
    second = data.index(golden.MAGIC, 1)
    data = data[:second] + b"\0" + data[second + 1 :]
    records, faults = read(data)
    assert [record.payload for record in records] == [row[1] for row in ROWS if row[2] != 1]
    assert kinds(faults) == ["corrupt"]


def test_many_faults_take_time_in_proportion(tmp_path):
    """Where the damage ends is looked for once, not again for each fault."""
    blocks = [[({}, "x" * 20, at)] for at in range(3000)]
    data = bytearray(written(tmp_path / "a", blocks))
    for item in frames(bytes(data)):
        if item.is_a(v2.BLOCK):
            data[item.end - 1] ^= 1

    class Counting(io.BytesIO):
        reads = 0

        def read(self, size=-1):
            Counting.reads += 1
            return super().read(size)

    with ArchiveReader(Counting(bytes(data)), name="a") as reader:
        assert list(reader) == []
    assert len(reader.faults) == 3000
    assert Counting.reads < 50_000


def test_a_growing_archive_is_read_on_as_it_grows(archive, tmp_path):
    path = tmp_path / "b.events.open"
    with path.open("wb", buffering=0) as file, ArchiveReader(path, growing=True) as reader:
        found = []
        for at in range(0, len(archive), 37):
            file.write(archive[at : at + 37])
            found += list(reader)
        assert found == [row[:2] for row in ROWS]
        assert reader.faults == []


def test_what_is_not_written_yet_is_no_fault_of_a_growing_archive(archive, tmp_path):
    """A crash of the machine may leave zeros; who writes on behind them is known to be none."""
    path = tmp_path / "b.events.open"
    path.write_bytes(archive[:-100] + bytes(300))
    with ArchiveReader(path, growing=True) as reader:
        assert list(reader) == [row[:2] for row in ROWS]
        assert reader.faults == []
        reader.settle()
        assert list(reader) == []
        assert kinds(reader.faults) == ["torn"]


@pytest.mark.parametrize("few", [0, 16])
def test_behind_a_fault_a_cut_block_does_not_swallow_the_archive_that_follows(
    tmp_path, caplog, monkeypatch, few
):
    """Whether it is looked over before it is read, as behind many faults, or not."""
    monkeypatch.setattr(reader_module, "_FEW", few)
    blocks = [[({"k": "v"}, "x" * 500, at)] for at in range(3)]
    cut = bytearray(written(tmp_path / "a", blocks, compression="none"))
    first, second, _ = (it.at for it in frames(bytes(cut)) if it.is_a(v2.BLOCK))
    cut[first + 110] ^= 0xFF
    other = written(tmp_path / "b", blocks, compression="none", archive_id=b"B" * 16)
    found, faults = read(bytes(cut[: second + 300]) + other)
    assert [record.timestamp for record in found] == [0, 1, 2]
    assert {record.archive for record in found} == {(b"B" * 16).hex()}
    assert [(fault.start, fault.end) for fault in faults] == [
        (first, second),
        (second, second + 300),
    ]
    assert faults[1].reason == "a frame is cut off, and another one begins in it"


def test_what_is_compressed_and_was_given_up_is_a_fault_to_its_end(archive, monkeypatch, caplog):
    monkeypatch.setattr(source, "_REWINDS", 0)
    monkeypatch.setattr(source, "_AGAIN", 0)
    monkeypatch.setattr(source, "_PAGE", 64)
    first = next(iter(blocks_of(archive)))
    damaged = bytearray(archive)
    damaged[sum(map(len, pieces(archive)[:first])) + 110] ^= 0xFF
    records, faults = read(gzip.compress(bytes(damaged)))
    assert records == []
    assert faults[-1].reason == (
        "is damaged in too many places to be read compressed; unpack it first"
    )
    assert faults[-1].kind == "corrupt"
    assert faults[-1].end == len(archive)
