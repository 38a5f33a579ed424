"""Files made to be slow: however they are full of what looks like frames, reading is linear."""

import gzip
import io
import logging
import struct
import time

import pytest

from shoebox.archive import ArchiveReader, source
from shoebox.format import v1, v2
from shoebox.format.preamble import MAGIC, PREAMBLE
from shoebox.format.section import Section
from tests.faults.hostile.files import Counted
from tests.faults.hostile.forged import ARCHIVE, Forged, begun, v1_header

SIZE = 1 << 18
"""Bytes of a file; each place was read up to its end."""
OFTEN = 250
"""How often each byte may be read: 4 KiB for each false frame, of 18 bytes at least."""


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL)


def filled(piece, size=SIZE):
    """Return so many bytes of pieces; `piece` is told where it stands."""
    data = bytearray()
    while len(data) < size:
        data += piece(len(data))
    return bytes(data)


def old_payload(at):
    """Return a record of version 1 whose payload is to be all that follows."""
    return v1_header(4, max(4, SIZE - at - 40)) + b"\0\0\0\0"


def old_metadata(at):
    """Return one whose metadata is."""
    return v1_header(max(4, SIZE - at - 40), 4)


def old_table(at):
    """Return one whose metadata is to have as many pairs as fit."""
    size = max(4, SIZE - at - 40) // 8 * 8
    return v1_header(4 + size, 4) + struct.pack("<I", size // 2)


def old_behind_a_sound_one(at):
    return v1.encode({}, b"x") + v1_header(max(4, SIZE - at - 60), 4)


def head(at):
    """Return a head that is sound, and whose payload is to be all that follows."""
    sections = Section(0, 0), Section(max(0, SIZE - at - 200), 9, 1, 1)
    frame = v2.Frame(v2.BLOCK, 0, ARCHIVE, at + 1, 0, at, 0, 0, 1, *sections)
    return v2.encode_frame(frame)


def head_and_old(at):
    return head(at) + v1.encode({}, b"x")


def false_head(_at):
    return PREAMBLE.pack(MAGIC, 2)


@pytest.mark.parametrize(
    "piece",
    [
        old_payload,
        old_metadata,
        old_table,
        old_behind_a_sound_one,
        head,
        head_and_old,
        false_head,
    ],
)
@pytest.mark.parametrize("name", ["a.events", "a.events.open"])
def test_what_looks_like_frames_is_not_read_again_for_each(piece, name):
    data = b"x" + filled(piece)
    file = Counted(data)
    with ArchiveReader(file, name=name) as reader:
        assert all(payload in {"x", b"x"} for _, payload in reader)
        assert reader.faults
    assert file.taken < OFTEN * len(data)


def test_what_is_asked_of_an_index_is_read_once():
    made = begun()
    root = made.index(*[bytes(56)] * 129)
    data = made.tail(root, 3)
    file = Counted(data)
    with ArchiveReader(file, name="a.events") as reader:
        assert len(list(reader)) == 3
    assert file.taken < 20 * len(data)


def compressed(count):
    """Return an archive of so many blocks that are damaged and long, and a sound one."""
    made = Forged()
    made.header()
    for _ in range(count):
        made.block(bytes(50_000), payload=Section(50_000, 50_000, 1))
    made.block(b"sound")
    return gzip.compress(made.data, 1)


@pytest.mark.parametrize("count", [10, 100])
def test_a_compressed_file_that_is_damaged_in_many_places_is_read_to_its_end(monkeypatch, count):
    monkeypatch.setattr(source, "_PAGE", 1 << 12)
    with ArchiveReader(io.BytesIO(compressed(count)), name="a.events.open") as reader:
        assert [payload for _, payload in reader] == [b"sound"]
        assert len(reader.faults) == count


def test_what_is_compressed_as_a_whole_is_not_unpacked_again_for_each_fault(monkeypatch):
    """It is left at a place, which is a fault, and not unpacked for ever."""
    monkeypatch.setattr(source, "_PAGE", 1 << 12)
    monkeypatch.setattr(source, "_AGAIN", 1 << 20)
    data = compressed(200)
    file = Counted(data)
    with ArchiveReader(file, name="a.events.open") as reader:
        assert list(reader) == []
    assert file.taken < 70 * len(data)
    *_, last = reader.faults
    assert 32 < len(reader.faults) < 200
    assert last.reason == "is damaged in too many places to be read compressed; unpack it first"
    assert last.end > last.start


def test_many_gaps_take_time_in_proportion():
    """Each block was compared with each gap before it: that took minutes."""
    made, count = Forged(), 20_000
    made.header()
    for _ in range(count):
        made.sequence += 1
        made.block(b"x")
    began = time.process_time()
    with ArchiveReader(io.BytesIO(made.data), name="a.events.open") as reader:
        assert sum(1 for _ in reader) == count
        assert len(reader.faults) == count
    assert time.process_time() - began < 20
