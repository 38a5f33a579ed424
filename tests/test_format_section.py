"""The two runs of bytes in a frame: packed, checksummed, and free of the magic."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoebox.errors import FormatError
from shoebox.format import codecs
from shoebox.format.preamble import MAGIC_BYTES
from shoebox.format.section import Section, decode_section, encode_section

PIECES = st.sampled_from(
    [b"\x84", b"\x78", b"\x86", b"\x69", b"\x00", b"\x84\x78\x86", MAGIC_BYTES]
)
RAW = st.lists(PIECES, max_size=12).map(b"".join)


@given(raw=RAW, codec=st.sampled_from(sorted(codecs.NAMES)))
def test_what_was_encoded_comes_back_and_never_holds_the_magic(raw, codec):
    section, stored = encode_section(codec, raw)
    assert MAGIC_BYTES not in stored
    assert decode_section(section, stored) == raw
    assert section.within(max(len(raw), 1))


@given(first=RAW, second=RAW)
def test_the_seam_between_two_sections_never_holds_the_magic(first, second):
    stored = [encode_section(codecs.NONE, raw)[1] for raw in (first, second)]
    assert MAGIC_BYTES not in b"".join([*stored, MAGIC_BYTES])[:-4]


def test_the_seams_are_covered_for_every_split_of_the_magic():
    for at in (1, 2, 3):
        _, stored = encode_section(codecs.NONE, MAGIC_BYTES[at:])
        assert stored == b"\0" + MAGIC_BYTES[at:]


def test_only_what_needs_it_is_escaped():
    for raw in (b"", b"x", b"text", b"a\x84\x78\x86", "größe".encode(), b"\x00" * 50):
        section, stored = encode_section(codecs.NONE, raw)
        assert (section.escaped, stored) == (0, raw)
    section, stored = encode_section(codecs.NONE, b"a\x84\x78\x86b" + MAGIC_BYTES)
    assert (section.escaped, stored) == (1, b"\0a\x84\x78\x86\0b\x84\x78\x86\0\x69")


@pytest.mark.parametrize("codec", sorted(codecs.NAMES))
def test_a_changed_or_cut_section_is_refused(codec):
    section, stored = encode_section(codec, b"the same again, " * 30 + MAGIC_BYTES)
    for at in range(len(stored)):
        for wrong in (stored[:at], stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]):
            with pytest.raises(FormatError, match="checksum"):
                decode_section(section, wrong)


def test_bounds_hold_for_both_lengths_and_the_flag():
    for stored, raw, escaped in itertools.product((0, 134, 135), (0, 100, 101), (0, 1, 2)):
        allowed = stored <= 134 and raw <= 100 and escaped <= 1
        assert Section(stored, raw, 0, 0, escaped).within(100) == allowed
