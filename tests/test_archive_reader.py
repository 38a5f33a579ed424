"""What a reader gives back of an archive, and that nothing it reads can hurt it."""

import gzip
import io
import logging
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest
import zstandard

from shoebox.archive import ArchiveReader, ArchiveWriter, Position
from shoebox.archive.reader import frame_of
from shoebox.errors import ArchiveError, NoMoreFiles
from shoebox.format import codecs, filters, index, v2
from shoebox.format.section import Section
from shoebox.selection import Selection
from tests import golden

ROWS = [({"id": str(at), "kind": "ab"[at % 2]}, f"payload {at}", at * 10) for at in range(9)]
BLOCKS = [ROWS[:4], ROWS[4:6], ROWS[6:]]


@pytest.fixture
def archive(tmp_path) -> Path:
    return golden.write_blocks(tmp_path / "a.events", BLOCKS)


@pytest.mark.parametrize("name", golden.SPECIMENS)
def test_a_golden_file_is_read_as_it_always_was(name):
    with ArchiveReader(golden.DATA / name, strict=True) as reader:
        found = [
            golden.describe(r.metadata, r.payload, r.timestamp, r.sequence)
            for r in reader.records()
        ]
    assert found == golden.expected(name)


@pytest.mark.parametrize("name", golden.SPECIMENS)
def test_a_golden_file_is_sound(name):
    with ArchiveReader(golden.DATA / name, strict=True) as reader:
        assert reader.verify() == len(golden.expected(name))


def test_records_say_where_they_come_from(archive):
    with ArchiveReader(archive) as reader:
        records = list(reader.records())
        blocks = [at for at, _ in sorted({r.position for r in records}) if at]
    assert [r.sequence for r in records] == list(range(7, 16))
    assert {r.writer for r in records} == {golden.WRITER_ID.hex()}
    assert {r.archive for r in records} == {golden.ARCHIVE_ID.hex()}
    assert [r.position.place for r in records] == [0, 1, 2, 3, 0, 1, 0, 1, 2]
    assert records[4].position == Position(sorted(set(blocks))[1], 0)


def test_a_record_of_version_1_has_no_identity():
    with ArchiveReader(golden.DATA / "v1.events") as reader:
        first = next(reader.records())
    assert (first.timestamp, first.writer, first.sequence) == (None, None, None)
    assert first.position == Position(0, 0)


def test_the_header_is_known_once_reading_has_begun(archive):
    with ArchiveReader(archive) as reader:
        assert reader.header is None
        reader.read()
        assert reader.header.writer == golden.WRITER_ID.hex()
        assert reader.header.archive == golden.ARCHIVE_ID.hex()
        assert reader.header.created == golden.CREATED
        assert reader.header.sequence == golden.FIRST_SEQUENCE
        assert reader.header.metadata == {"made by": "tests/golden.py"}


def test_read_gives_one_record_after_the_other_and_then_raises(archive):
    with ArchiveReader(archive) as reader:
        assert [reader.read() for _ in ROWS] == [row[:2] for row in ROWS]
        for _ in range(2):
            with pytest.raises(NoMoreFiles):
                reader.read()


def test_iterating_goes_on_where_it_was_left(archive):
    with ArchiveReader(archive) as reader:
        for _ in reader:
            break
        assert [reader.read(), *reader] == [row[:2] for row in ROWS[1:]]


@pytest.mark.parametrize(
    ("selection", "wanted"),
    [
        (Selection(where={"kind": "a"}), [0, 2, 4, 6, 8]),
        (Selection(where={"kind": "[ab]", "id": "5"}), [5]),
        (Selection(where={"other": "*"}), []),
        (Selection(since=30), [3, 4, 5, 6, 7, 8]),
        (Selection(until=30), [0, 1, 2]),
        (Selection(where={"kind": "a"}, since=20, until=60), [2, 4]),
    ],
)
def test_only_what_is_selected_is_given(archive, selection, wanted):
    with ArchiveReader(archive, selection=selection) as reader:
        records = list(reader.records())
    assert [(r.metadata, r.payload, r.timestamp) for r in records] == [ROWS[at] for at in wanted]
    assert [r.sequence for r in records] == [7 + at for at in wanted]
    assert all(r.position.place < 4 for r in records)


def test_payloads_of_blocks_without_a_match_are_not_read(archive):
    class Watched(io.BytesIO):
        total = 0

        def read(self, size=-1):
            data = super().read(size)
            Watched.total += len(data)
            return data

    big = golden.write_blocks(
        archive.with_name("big"),
        [[({"id": str(at)}, bytes(50_000), 0)] for at in range(9)],
        compression="none",
    )
    with ArchiveReader(Watched(big.read_bytes()), selection=Selection(where={"id": "4"})) as reader:
        assert len(list(reader)) == 1
    assert Watched.total < 70_000


@pytest.mark.parametrize("after", range(6, 18))
def test_reading_goes_on_at_a_sequence_number(archive, after):
    with ArchiveReader(archive) as reader:
        batches = reader.batches({golden.WRITER_ID.hex(): after})
        found = [r.sequence for batch in batches for r in batch.records()]
    assert found == list(range(max(after, 7), 16))


class Metered(io.FileIO):
    """Counts what is read."""

    fetched = 0

    def read(self, size=-1):
        data = super().read(size)
        self.fetched += len(data)
        return data


def fetched_for(path, selection, marks=None):
    """Return the first record that is given, and how many bytes were read for it."""
    with Metered(path) as file, ArchiveReader(file, selection=selection) as reader:
        batch = next(reader.batches(marks))
        return batch.payloads[0], file.fetched


@pytest.mark.parametrize("by", ["position", "time"])
def test_jumping_costs_no_more_in_a_long_archive_than_in_a_short_one(tmp_path, monkeypatch, by):
    monkeypatch.setattr(index, "FANOUT", 8)
    costs = []
    for count in (100, 1000):
        path = tmp_path / f"{count}.events"
        with ArchiveWriter(path, compression="none", writer_id=bytes(16), sequence=5) as writer:
            for number in range(count):
                writer.write({}, f"{number} " + "x" * 2000, number)
                writer.flush()
        middle = count // 2
        marks = {bytes(16).hex(): 5 + middle} if by == "position" else None
        selection = Selection() if marks else Selection(since=middle)
        payload, cost = fetched_for(path, selection, marks)
        assert payload.startswith(f"{middle} ")
        costs.append(cost)
    assert costs[1] < costs[0] * 1.5  # a level more of the index, and not ten times the heads


def test_behind_a_jump_everything_is_read_to_the_end(archive):
    with ArchiveReader(archive) as reader:
        [first, *rest] = reader.records()
    whole = [record.payload for record in (first, *rest)]
    for taken in range(len(whole) + 1):
        with ArchiveReader(archive) as reader:
            marks = {first.writer: first.sequence + taken}
            found = [it for batch in reader.batches(marks) for it in batch.payloads]
            assert found == whole[taken:]
            assert reader.faults == []


def test_a_jump_that_an_unsound_index_leads_astray_is_not_made(archive):
    """The frames are gone through from the beginning; that tells what is wrong."""
    data = bytearray(archive.read_bytes())
    with ArchiveReader(archive) as reader:
        [first, *_] = reader.records()
    with ArchiveReader(archive) as reader:
        at = next(it.at for it in reader.frames() if it.is_a(v2.INDEX))
    data[at + v2.FRAME_SIZE] ^= 1
    archive.write_bytes(data)
    with ArchiveReader(archive) as reader:
        marks = {first.writer: first.sequence + 2}
        found = [it for batch in reader.batches(marks) for it in batch.payloads]
        assert found == [row[1] for row in ROWS][2:]
        assert [fault.kind for fault in reader.faults] == ["corrupt"]


def test_reading_an_archive_of_version_1_goes_on_at_an_offset():
    path = golden.DATA / "v1.events"
    with ArchiveReader(path) as reader:
        places = [it.at for it in reader.frames()]
    with ArchiveReader(path) as reader:
        whole = [it.payload for it in reader.records()]
    for number, place in enumerate(places):
        with ArchiveReader(path) as reader:
            batches = reader.batches({str(path): place})
            assert [it for batch in batches for it in batch.payloads] == whole[number:]


def test_faults_are_logged_and_kept_or_raised(archive, caplog):
    data = bytearray(archive.read_bytes())
    with ArchiveReader(archive) as reader:
        at = [item.at for item in reader.frames() if item.is_a(v2.BLOCK)][1]
    data[at + 110] ^= 1
    archive.write_bytes(data)
    with caplog.at_level(logging.WARNING), ArchiveReader(archive) as reader:
        assert len(list(reader)) == 7
    assert [fault.kind for fault in reader.faults] == ["corrupt"]
    assert str(reader.faults[0]) in caplog.text
    strict = ArchiveReader(archive, strict=True)
    with strict as reader, pytest.raises(ArchiveError, match="checksum") as caught:
        list(reader)
    assert caught.value.fault.start == at


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data)


PACKINGS = [gzipped, zstandard.ZstdCompressor().compress]


@pytest.mark.parametrize("pack", PACKINGS)
@pytest.mark.parametrize("name", golden.SPECIMENS)
def test_an_archive_that_is_compressed_as_a_whole_is_read_by_its_magic(tmp_path, pack, name):
    data = (golden.DATA / name).read_bytes()
    path = tmp_path / "no-suffix"
    path.write_bytes(pack(data[:500]) + pack(data[500:]))
    with ArchiveReader(path, strict=True) as reader:
        assert reader.verify() == len(golden.expected(name))


@pytest.mark.parametrize("pack", PACKINGS)
def test_a_compressed_archive_cut_anywhere_is_torn_and_gives_a_prefix(archive, pack, caplog):
    caplog.set_level(logging.ERROR)
    whole = pack(archive.read_bytes())
    for end in range(5, len(whole), 3):
        with ArchiveReader(io.BytesIO(whole[:end]), name="a.gz") as reader:
            found = list(reader)
        assert found == [row[:2] for row in ROWS[: len(found)]], end
        # A few last bytes are the compression's own: all of the archive is there without them.
        assert {fault.kind for fault in reader.faults} <= {"torn"}, end
        assert reader.faults or len(found) == len(ROWS), end


@pytest.mark.parametrize("pack", PACKINGS)
def test_what_was_cut_before_it_was_compressed_is_torn_and_gives_a_prefix(archive, pack, caplog):
    caplog.set_level(logging.ERROR)
    data = archive.read_bytes()
    found: list[object] = []
    for end in range(1, len(data), 7):
        before = found
        with ArchiveReader(io.BytesIO(pack(data[:end])), name="a.gz") as reader:
            found = list(reader)
        assert found == [row[:2] for row in ROWS[: len(found)]], end
        assert len(found) >= len(before), end
        [fault] = reader.faults
        assert fault.kind == "torn", end
        assert fault.reason in {"a frame is cut off", "its tail is missing"}, end
    assert len(found) == len(ROWS)


def test_a_gzipped_archive_that_lacks_its_last_bytes_gives_every_record(archive, caplog):
    """All of it is there but for the checksum of the compression."""
    caplog.set_level(logging.ERROR)
    for lacking in range(1, 9):
        packed = gzipped(archive.read_bytes())[:-lacking]
        with ArchiveReader(io.BytesIO(packed), name="a.gz") as reader:
            assert list(reader) == [row[:2] for row in ROWS]
        [fault] = reader.faults
        assert (fault.kind, fault.start) == ("torn", archive.stat().st_size)
        assert fault.reason == "its compression breaks off: the file ends before it does"


def test_a_gzipped_archive_of_which_nothing_can_be_unpacked_is_not_called_empty(archive, caplog):
    caplog.set_level(logging.ERROR)
    with ArchiveReader(io.BytesIO(gzipped(archive.read_bytes())[:10]), name="a.gz") as reader:
        assert list(reader) == []
    [fault] = reader.faults
    assert (fault.kind, fault.reason) == (
        "torn",
        "its compression breaks off: the file ends before it does",
    )


def test_a_damaged_compressed_archive_never_gives_a_wrong_record(archive, caplog):
    caplog.set_level(logging.ERROR)
    whole = gzipped(archive.read_bytes())
    for at in range(4, len(whole), 5):
        changed = bytearray(whole)
        changed[at] ^= 0x55
        with ArchiveReader(io.BytesIO(bytes(changed))) as reader:
            assert [pair for pair in reader if pair not in [row[:2] for row in ROWS]] == []


LIMITED = """
import resource, sys, time
from shoebox.archive import ArchiveReader
import logging
logging.disable(logging.CRITICAL)
import shoebox.archive
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = used + (int(sys.argv[2]) << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
began = time.process_time()
with ArchiveReader(sys.argv[1]) as reader:
    records = sum(1 for _ in reader)
    assert reader.faults or records
with ArchiveReader(sys.argv[1]) as reader:
    reader.verify()
print(records, time.process_time() - began)
"""


def limited(path: Path, data: bytes, megabytes: int) -> tuple[int, float]:
    """Read hostile bytes in a process that may take so much more memory; say how long it took."""
    path.write_bytes(data)
    arguments = [sys.executable, "-c", textwrap.dedent(LIMITED), str(path), str(megabytes)]
    root = Path(__file__).parents[1]
    done = subprocess.run(arguments, cwd=root, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    records, seconds = done.stdout.split()
    return int(records), float(seconds)


def frame(kind: int, metadata: bytes | Section, payload: bytes | Section = b"", **fields) -> bytes:
    """Return a frame whose checksums are right, whatever else it says."""
    stored = [part for part in (metadata, payload) if isinstance(part, bytes)]
    sections = [
        part if isinstance(part, Section) else Section(len(part), len(part), codecs.checksum(part))
        for part in (metadata, payload)
    ]
    values = {
        "kind": kind,
        "level": int(kind == v2.INDEX),
        "archive_id": b"A" * 16,
        "offset": 0 if kind == v2.HEADER else 141,
        "synced": 0,
        "sequence": 0,
        "first_time": 0,
        "last_time": 0,
        "items": int(kind != v2.HEADER),
    }
    head = v2.Frame(**{**values, **fields}, metadata=sections[0], payload=sections[1])
    return v2.encode_frame(head) + b"".join(stored)


HEADER = frame(v2.HEADER, v2.encode_origin(b"W" * 16, {}))
LARGEST = v2.MAX_SECTION
COUNTS = struct.pack("<qIB", 0, 0, 1)


def bomb(codec: int, size: int) -> bytes:
    """Return a block whose payload unpacks to more than it says."""
    pack = {codecs.ZSTD: zstandard.ZstdCompressor().compress, codecs.GZIP: gzip.compress}[codec]
    stored = pack(bytes(size))
    metadata = v2.encode_records([0], [1000], b"\1", [b"\x80"])
    section = Section(len(stored), 1000, codecs.checksum(stored), codec)
    return frame(v2.BLOCK, metadata, section) + stored


def index_bomb() -> bytes:
    return frame(v2.INDEX, bytes(56 * 3), b"", items=3, level=200)


HOSTILE = {
    "lengths at the limit and nothing behind them": frame(
        v2.BLOCK, Section(3 << 20, 3 << 20), Section(LARGEST, LARGEST)
    ),
    "lengths over the limit": frame(v2.BLOCK, Section(2**32 - 1, 2**32 - 1, 0, 0)),
    "a raw length over the limit": frame(v2.BLOCK, Section(1, 2**32 - 1, 0, 1)) + b"x",
    "an array of 2**32 maps": frame(v2.BLOCK, COUNTS + struct.pack(">BI", 0xDD, 2**32 - 1)),
    "a map of 2**32 pairs": frame(
        v2.BLOCK, COUNTS + struct.pack(">BIBI", 0xDD, 1, 0xDF, 2**32 - 1)
    ),
    "a string of 2**32 bytes": frame(
        v2.BLOCK, COUNTS + struct.pack(">BIBBI", 0xDD, 1, 0x81, 0xDB, 2**32 - 1)
    ),
    "metadata that is not UTF-8": frame(
        v2.BLOCK, COUNTS + struct.pack(">BI", 0xDD, 1) + b"\x81\xa1\xff\xa1a"
    ),
    "arrays in arrays": frame(v2.BLOCK, COUNTS + struct.pack(">BI", 0xDD, 1) + b"\x91" * 100_000),
    "65,536 records without bytes": frame(v2.BLOCK, b"", items=65_536),
    "a payload of an unknown type": frame(
        v2.BLOCK, struct.pack("<qIB", 0, 0, 2) + msgspec.msgpack.encode([{}])
    ),
    "payloads longer than their section": frame(
        v2.BLOCK, v2.encode_records([0], [2**32 - 1], b"\1", [b"\x80"])
    ),
    "a sequence near the end of numbers": frame(v2.BLOCK, b"x", sequence=2**64 - 1),
    "a sequence far ahead": frame(v2.BLOCK, b"x", sequence=2**62),
    "an offset near the end of numbers": frame(v2.BLOCK, b"x", offset=2**64 - 1),
    "no record in a block": frame(v2.BLOCK, b"", items=0),
    "an index of a level that can't be": index_bomb(),
    "a tail that counts what is not there": v2.encode_tail(
        v2.Tail(b"A" * 16, 141, 0, 2**62, 0, 0, 2**62, 0, 2**32 - 1, 2**32 - 1)
    ),
    "a zstd bomb": bomb(codecs.ZSTD, 600 << 20),
    "a gzip bomb": bomb(codecs.GZIP, 600 << 20),
    "a zstd section that declares too much": frame(
        v2.BLOCK, Section(12, 1000, codecs.checksum(bytes(12)), 1)
    )
    + bytes(12),
    "filters that are none": frame(v2.INDEX, bytes(48) + struct.pack("<I4x", 5), b"\xdf" * 5),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_frames_cost_little_and_are_faults(tmp_path, what):
    records, seconds = limited(tmp_path / "a", HEADER + HOSTILE[what], 300)
    assert records == 0
    assert seconds < 5


OLD = struct.Struct("<IHIII")


@pytest.mark.parametrize(
    "data",
    [
        OLD.pack(0x69867884, 1, 2**32 - 1, 2**32 - 1, 0),
        OLD.pack(0x69867884, 1, 3 << 20, (128 << 20) + 4, 0),
        OLD.pack(0x69867884, 1, 8, 4, 0) + struct.pack("<II", 2**32 - 4, 0) + bytes(4),
        OLD.pack(0x69867884, 1, 12, 4, 0) + struct.pack("<III", 4, 2**32 - 1, 2**32 - 1) + bytes(4),
        OLD.pack(0x69867884, 1, 4, 8, 0) + bytes(4) + struct.pack("<II", 2**32 - 1, 0),
        OLD.pack(0x69867884, 1, 4, 8, 0) * 50_000,
    ],
)
def test_hostile_lengths_of_version_1_cost_little(tmp_path, data):
    records, seconds = limited(tmp_path / "a", data, 300)
    assert records == 0
    assert seconds < 5


@pytest.mark.parametrize("pack", PACKINGS)
def test_a_bomb_of_a_whole_file_is_read_in_constant_memory(tmp_path, pack):
    records, _ = limited(tmp_path / "a", pack(bytes(400 << 20)), 200)
    assert records == 0


def test_a_long_archive_is_read_in_constant_memory(tmp_path):
    with ArchiveWriter(tmp_path / "a", compression="zstd") as writer:
        for number in range(150):
            writer.write({"n": str(number)}, "x" * (1 << 20))
    path = tmp_path / "a"
    assert limited(path, path.read_bytes(), 60)[0] == 150


def test_filters_that_the_index_holds_can_be_decoded(archive):
    with ArchiveReader(archive, strict=True) as reader:
        entries = [e for i in reader.frames() if i.is_a(v2.INDEX) for e in reader.read_index(i)]
        assert [entry.records for entry in entries] == [4, 2, 3]
        assert filters.may_hold(entries[0].filters["id"], "3")


def test_a_frame_of_a_located_one_has_its_sections(archive):
    with ArchiveReader(archive) as reader:
        located = next(item for item in reader.frames() if item.is_a(v2.BLOCK))
        assert len(reader.metadata_section(located)) == frame_of(located).metadata.raw
        assert reader.payload_section(located) == b"".join(r[1].encode() for r in BLOCKS[0])
