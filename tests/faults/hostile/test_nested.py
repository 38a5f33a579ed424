"""An archive in a payload is a payload, however what encloses it is damaged."""

import io
import logging

import pytest

from shoebox.archive import ArchiveReader, recover
from shoebox.archive.identity import identify
from shoebox.format import v2
from shoebox.selection import Selection
from tests import golden
from tests.faults import FULL

STEP = 1 if FULL else 11
V1 = {"format_version": 1}
ASKED = Selection({"in": "*"}), Selection({"id": "*"}), Selection({"host": "n1"}), Selection()
INNER = golden.DATA / "v2-tree.events"


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL)


def payloads():
    """Return archives, rows of them, one in another, and parts that begin anywhere."""
    tree, old = INNER.read_bytes(), (golden.DATA / "v1.events").read_bytes()
    plain = (golden.DATA / "v2-none.events").read_bytes()
    return [plain, tree + plain, old + plain, plain[50:] + tree[: len(tree) // 2], plain[-100:]]


def outer(path, **options):
    """Return an archive of them, a block for each, and where each block stands."""
    rows = [[({"in": str(at)}, payload, at)] for at, payload in enumerate(payloads())]
    options = {"archive_id": b"O" * 16} | options
    return golden.write_blocks(path, rows, **options).read_bytes()


def read(data, name="a.events", **options):
    with ArchiveReader(io.BytesIO(data), name=name, **options) as reader:
        return list(reader.records())


def are_ours(records):
    wanted = payloads()
    return all(it.payload == wanted[int(it.metadata["in"])] for it in records)


@pytest.mark.parametrize("compression", ["none", "zstd", "gzip"])
@pytest.mark.parametrize("name", ["a.events", "a.events.open"])
def test_behind_any_changed_byte_nothing_of_it_is_given(tmp_path, compression, name):
    data = outer(tmp_path / "a", compression=compression)
    for at in range(0, len(data), STEP):
        changed = bytearray(data)
        changed[at] ^= 0x10
        for selection in ASKED:
            assert are_ours(read(bytes(changed), name, selection=selection)), at


@pytest.mark.parametrize("end", ["the file", "the head", "half a payload"])
def test_where_heads_and_ends_are_gone_nothing_of_it_is_given(tmp_path, end):
    data = outer(tmp_path / "a", compression="none")
    with ArchiveReader(io.BytesIO(data), name="a.events") as reader:
        blocks = [item for item in reader.frames() if item.is_a(v2.BLOCK)]
    ends = {
        "the file": [len(data)],
        "the head": [it.at + v2.FRAME_SIZE for it in blocks],
        "half a payload": [(it.at + it.end) // 2 for it in blocks],
    }
    for block in blocks:
        for size in (1, v2.FRAME_SIZE, v2.FRAME_SIZE + block.frame.metadata.stored):
            changed = data[: block.at] + bytes(size) + data[block.at + size :]
            for stop in ends[end]:
                for name in ("a.events", "a.events.open"):
                    assert are_ours(read(changed[:stop], name))


def test_recovery_of_what_encloses_it_seals_nothing_of_it(tmp_path):
    data = outer(tmp_path / "whole", compression="none")
    for at in range(0, len(data), 53 * STEP):
        changed = bytearray(data)
        changed[at] ^= 0x10
        for end in (len(data), len(data) - v2.FRAME_SIZE, at + 1):
            folder = tmp_path / f"{at}-{end}"
            folder.mkdir()
            path = folder / "a.events.open"
            path.write_bytes(changed[:end])
            done = recover(path)
            for left in (it for it in folder.iterdir() if not it.name.endswith(".torn")):
                assert are_ours(read(left.read_bytes())), (at, end, done)


@pytest.mark.parametrize("last", range(5))
def test_a_whole_archive_of_version_1_gives_it_as_a_payload_too(tmp_path, last):
    """Also where it ends the file, and its tail leads to an index."""
    wanted = payloads()
    order = [*(it for it in range(5) if it != last), last]
    rows = [[({"in": str(at)}, wanted[at], 0)] for at in order]
    data = golden.write_blocks(tmp_path / "a", rows, **V1).read_bytes()
    assert [it.payload for it in read(data)] == [wanted[at] for at in order]
    found = read(data, selection=Selection({"in": "*"}))
    assert [it.payload for it in found] == [wanted[at] for at in order]
    assert read(data, selection=Selection({"id": "*"})) == []
    assert read(data, selection=Selection(since=0)) == []
    assert identify(io.BytesIO(data)).version == 1
    path = tmp_path / "b.events.open"
    path.write_bytes(data)
    assert (recover(path).outcome, path.with_name("b.events").read_bytes()) == ("sealed", data)


def test_a_row_of_archives_gives_each_of_its_own(tmp_path):
    parts = [outer(tmp_path / "a"), outer(tmp_path / "b", archive_id=b"P" * 16)]
    data = b"".join([*parts, INNER.read_bytes()])
    assert len(read(data)) == 10 + 11
    assert len(read(data, selection=Selection({"in": "*"}))) == 10
    for at in range(len(parts[0]), len(parts[0]) + len(parts[1]), 11 * STEP):
        changed = bytearray(data)
        changed[at] ^= 0x10
        records = read(bytes(changed))
        assert are_ours([it for it in records if "in" in it.metadata])
        assert sum("id" in it.metadata for it in records) == 11
        assert len(records) >= 5 + 4 + 11
