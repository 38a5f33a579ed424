"""Compression of sections, and the checksum."""

import gzip
import random

import pytest
import zstandard

from shoebox.errors import FormatError
from shoebox.format import codecs

TEXT = b"the same again and again, " * 100
NOISE = random.Random(1).randbytes(2000)  # noqa: S311


def test_the_checksum_is_crc_32c():
    """The check value of the CRC catalogue, and that of nothing."""
    assert codecs.checksum(b"123456789") == 0xE3069283
    assert codecs.checksum(b"") == 0


@pytest.mark.parametrize("codec", codecs.NAMES)
@pytest.mark.parametrize("raw", [b"", b"x", TEXT, NOISE])
def test_what_was_compressed_comes_back(codec, raw):
    used, stored = codecs.compress(codec, raw)
    assert len(stored) <= len(raw)
    assert codecs.decompress(used, stored, len(raw)) == raw


def test_what_saves_nothing_is_stored_as_it_is():
    assert codecs.compress(codecs.ZSTD, NOISE) == (codecs.NONE, NOISE)
    assert codecs.compress(codecs.GZIP, b"") == (codecs.NONE, b"")


@pytest.mark.parametrize(
    ("codec", "unpack"), [(codecs.ZSTD, zstandard.decompress), (codecs.GZIP, gzip.decompress)]
)
def test_other_libraries_read_what_is_stored(codec, unpack):
    used, stored = codecs.compress(codec, TEXT)
    assert used == codec
    assert unpack(stored) == TEXT


@pytest.mark.parametrize("codec", [codecs.ZSTD, codecs.GZIP])
@pytest.mark.parametrize("size", [0, 1, len(TEXT) - 1, len(TEXT) + 1, 100 << 20])
def test_another_size_than_was_said_is_refused(codec, size):
    _, stored = codecs.compress(codec, TEXT)
    with pytest.raises(FormatError):
        codecs.decompress(codec, stored, size)


@pytest.mark.parametrize("codec", [codecs.ZSTD, codecs.GZIP])
def test_what_was_cut_changed_or_goes_on_is_refused(codec):
    _, stored = codecs.compress(codec, TEXT)
    for wrong in (stored[:-1], stored[:5], b"", stored + b"\0", stored + stored, b"\xff" * 30):
        with pytest.raises(FormatError):
            codecs.decompress(codec, wrong, len(TEXT))


def test_an_unknown_codec_is_refused():
    with pytest.raises(FormatError, match="unknown compression 3"):
        codecs.decompress(3, b"", 0)
