"""The bytes of a source, plain or compressed as a whole, by offset."""

import gzip
import io
import os
import random

import pytest
import zstandard

from shoebox.archive import source as source_module
from shoebox.archive.source import Bytes, open_source

RAW = random.Random(1).randbytes(3000) * 2000  # noqa: S311
"""Six megabytes, more than is kept of a compressed source."""


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(data)


PACKINGS = {"plain": bytes, "gzip": lambda data: gzip.compress(data, 1), "zstd": zstd}


@pytest.fixture(params=PACKINGS)
def source(request) -> Bytes:
    pack = PACKINGS[request.param]
    return Bytes(io.BytesIO(pack(RAW)))


def test_bytes_are_read_by_offset_forward_and_back(source):
    rng = random.Random(2)  # noqa: S311
    for _ in range(40):
        offset, size = rng.randrange(len(RAW) + 10), rng.choice((0, 1, 100, 1_500_000))
        assert source.read(offset, size) == RAW[offset : offset + size]


def test_the_length_is_known_and_reading_goes_on_after_it_was_asked(source):
    assert source.read(10, 5) == RAW[10:15]
    assert source.length() == len(RAW)
    assert source.read(15, 5) == RAW[15:20]
    assert source.cut is None


@pytest.mark.parametrize("pack", [PACKINGS["gzip"], PACKINGS["zstd"]])
def test_a_source_of_several_members_is_one(pack):
    data = Bytes(io.BytesIO(pack(RAW[:1000]) + pack(b"") + pack(RAW[1000:])))
    assert data.read(990, 20) == RAW[990:1010]
    assert data.length() == len(RAW)


def test_gzip_that_is_cut_gives_all_that_was_there_and_says_so():
    """However little it is."""
    raw = bytes(range(256)) * 8
    packed = gzip.compress(raw)
    sizes = []
    for end in range(len(packed) - 1, 4, -1):
        data = Bytes(io.BytesIO(packed[:end]))
        size = data.length()
        assert data.read(0, len(raw)) == raw[:size]
        assert data.cut == "its compression breaks off: the file ends before it does"
        sizes.append(size)
    assert sizes[:8] == [len(raw)] * 8  # what is behind it is the compression's own
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) > 100


def test_what_is_behind_gzip_and_is_none_costs_nothing_before_it():
    data = Bytes(io.BytesIO(gzip.compress(b"x" * 1000) + b"this is no gzip"))
    assert data.read(0, 2000) == b"x" * 1000
    assert "its compression breaks off" in data.cut


@pytest.mark.parametrize("zeros", [1, 100_000])
def test_zeros_between_and_behind_members_are_padding(zeros):
    """As tapes and block devices leave them."""
    parts = [gzip.compress(RAW[:1000]), gzip.compress(RAW[1000:2000]), b""]
    data = Bytes(io.BytesIO(bytes(zeros).join(parts)))
    assert data.read(0, 3000) == RAW[:2000]
    assert data.length() == 2000
    assert data.cut is None


def test_gzip_that_breaks_off_gives_what_was_there_and_says_so():
    packed = gzip.compress(os.urandom(300_000))
    data = Bytes(io.BytesIO(packed[: len(packed) // 2]))
    assert data.read(100_000, 10) != b""
    assert 100_000 < data.length() < 200_000
    assert "its compression breaks off" in data.cut


@pytest.mark.parametrize("pack", [PACKINGS["gzip"], PACKINGS["zstd"]])
def test_damaged_compression_is_an_end_and_says_so(pack):
    packed = bytearray(pack(random.Random(3).randbytes(300_000)))  # noqa: S311
    packed[len(packed) // 2 :] = b"\xff" * (len(packed) // 2)
    data = Bytes(io.BytesIO(bytes(packed)))
    assert data.length() < 300_000
    assert "its compression breaks off" in data.cut


@pytest.mark.parametrize("pack", [PACKINGS["gzip"], PACKINGS["zstd"]])
def test_what_would_be_unpacked_again_and_again_is_given_up(pack, monkeypatch):
    monkeypatch.setattr(source_module, "_REWINDS", 2)
    data = Bytes(io.BytesIO(pack(RAW)))
    for _ in range(9):
        assert data.read(len(RAW) - 1, 1) == RAW[-1:]
        assert data.read(0, 1) == RAW[:1]
    monkeypatch.setattr(source_module, "_AGAIN", len(RAW))
    assert not data.given_up
    assert data.read(len(RAW) - 1, 1) == RAW[-1:]
    assert data.read(0, 1) == b""
    assert data.given_up
    assert data.length() == len(RAW)
    assert data.read(len(RAW) - 1, 1) == b""


def test_a_window_that_would_take_too_much_memory_is_refused():
    parameters = zstandard.ZstdCompressionParameters(window_log=30, compression_level=1)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = Bytes(io.BytesIO(packer.compress(b"x" * 1000) + packer.flush()))
    assert data.length() == 0
    assert "its compression breaks off" in data.cut


def test_a_file_that_gives_its_bytes_in_several_goes_is_read_whole():
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 7))

    data = Bytes(Slow(RAW[:100]))
    assert data.read(3, 50) == RAW[3:53]
    assert data.read(90, 50) == RAW[90:100]


def test_a_file_that_grows_is_looked_at_again(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    with path.open("rb") as file, path.open("ab", buffering=0) as growing:
        data = Bytes(file)
        assert not data.reaches(6)
        assert data.read(0, 6) == b"abc"
        growing.write(b"def")
        assert data.reaches(6)
        assert data.read(0, 6) == b"abcdef"


def test_a_path_is_opened_and_named(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    file, name = open_source(tmp_path / "a")
    with file:
        assert (file.read(), name) == (b"abc", str(tmp_path / "a"))


def test_a_file_is_taken_as_it_is():
    file = io.BytesIO()
    assert open_source(file) == (file, "archive")


def test_what_is_no_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(OSError, match="not a regular file"):
            open_source(path)
