"""What every frame of every version begins with."""

import pytest

from shoebox.format.preamble import MAGIC_BYTES, PREAMBLE, version_of


def test_the_preamble_is_that_of_2014():
    assert PREAMBLE.pack(0x69867884, 2) == b"\x84\x78\x86\x69\x02\x00"
    assert MAGIC_BYTES == b"\x84\x78\x86\x69"


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (b"\x84\x78\x86\x69\x01\x00", 1),
        (b"\x84\x78\x86\x69\xff\xff and more", 65535),
        (b"\x84\x78\x86\x69\x01", None),
        (b"\x84\x78\x86\x68\x01\x00", None),
        (b"", None),
    ],
)
def test_the_version_is_told_from_the_first_bytes(data, version):
    assert version_of(data) == version
