"""What stands at a place in a file."""

import gzip
import io

import pytest

from shoebox.archive.frames import Frames, Located, RecordV1
from shoebox.archive.source import Bytes
from shoebox.errors import Cut, FormatError, NoFrame, UnknownVersion
from shoebox.format import v1, v2
from tests import golden

DATA = (golden.DATA / "v2-none.events").read_bytes()
OLD = v1.encode({"k": "v"}, b"payload")


def frames(data: bytes) -> Frames:
    return Frames(Bytes(io.BytesIO(data)))


def test_each_frame_stands_where_the_one_before_ends():
    found, at, kinds = frames(DATA), 0, []
    while (item := found.at(at)) is not None:
        assert isinstance(item, Located)
        kinds.append(item.frame.kind if isinstance(item.frame, v2.Frame) else v2.TAIL)
        assert item.at == item.frame.offset == at
        at = item.end
    assert at == len(DATA)
    assert kinds == [v2.HEADER, v2.BLOCK, v2.BLOCK, v2.BLOCK, v2.INDEX, v2.TAIL]


def test_a_record_of_version_1_is_decoded():
    assert frames(b"xx" + OLD).at(2) == RecordV1(2, 2 + len(OLD), {"k": "v"}, "payload")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (DATA[:3], Cut),
        (DATA[:5], Cut),
        (DATA[:99], Cut),
        (DATA[:120], Cut),
        (OLD[:17], Cut),
        (OLD[:-1], Cut),
        (b"nothing of ours", NoFrame),
        (b"\x84\x78", Cut),
        (golden.MAGIC + b"\x07\x00", UnknownVersion),
        (DATA[:50] + b"\xff" + DATA[51:], FormatError),
        (OLD[:-9] + b"\xff" + OLD[-8:], FormatError),
    ],
)
def test_what_is_no_sound_frame_says_why(data, kind):
    with pytest.raises(kind):
        frames(data).at(0)


def test_a_record_of_version_1_that_is_cut_in_a_compressed_file_is_cut():
    """How long that is, nobody knows before it was unpacked."""
    for end in range(len(OLD)):
        with pytest.raises(Cut):
            frames(gzip.compress(b"x" + OLD[:end])).at(1) if end else frames(b"\x84").at(0)


def test_the_next_sound_frame_is_found_wherever_it_stands():
    junk = b"\x84\x78\x86\x69\x02\x00" * 1000 + golden.MAGIC[:3]
    for size in (0, 1, (1 << 20) - len(junk) - 2, (1 << 20) - len(junk), 3 << 20):
        data = junk + bytes(size) + DATA
        assert frames(data).search(0) == len(data) - len(DATA)
    assert frames(b"x" + OLD).search(0) == 1
    assert frames(junk).search(0) is None
    assert frames(b"").search(0) is None


def test_what_lies_ahead_is_told_up_to_the_next_break():
    found = frames(DATA)
    ahead = found.ahead(0, golden.ARCHIVE_ID)
    assert (ahead.places, ahead.tail) == (range(len(DATA)), True)
    assert found.ahead(141, golden.ARCHIVE_ID) is ahead
    assert found.ahead(0, b"another's").places == range(0)
    broken = frames(DATA[:-50])
    assert not broken.ahead(0, golden.ARCHIVE_ID).tail


def test_the_magic_is_found_in_so_many_bytes_and_not_behind_them():
    """Wherever it stands: also over the end of what is read at once."""
    for at in (0, 1, 4091, 4093, 4095, 4096, 20_000):
        found = frames(bytes(at) + golden.MAGIC + bytes(50_000))
        assert found.holds_magic(0, at + 4)
        assert found.holds_magic(at, 50_000)
        assert not found.holds_magic(0, at + 3)
        assert not found.holds_magic(at + 1, 50_000)
    assert not frames(b"").holds_magic(0, 10)


def test_long_metadata_of_version_1_that_another_frame_begins_in_is_none():
    data = v1.encode({"k": "x" * 5000}, b"")
    assert isinstance(frames(data).at(0), RecordV1)
    with pytest.raises(FormatError, match="another frame begins in"):
        frames(data[:3000] + golden.MAGIC + data[3004:]).at(0)
