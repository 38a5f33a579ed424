"""Digests: by the names that backends give them, in one pass."""

import hashlib
import io

import pytest

from shoebox.digests import KINDS, digests

CONTENT = bytes(range(256)) * 5000


def test_each_is_the_one_that_its_name_says():
    assert digests(io.BytesIO(CONTENT), KINDS) == {
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "md5": hashlib.md5(CONTENT, usedforsecurity=False).hexdigest(),
        "crc32c": digests(io.BytesIO(CONTENT), ["crc32c"])["crc32c"],
    }


def test_crc32c_has_the_value_that_rfc_3720_gives():
    """Appendix B.4: 32 bytes of zeros, of ones, and counting up."""
    for data, value in (
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ):
        assert digests(io.BytesIO(data), ["crc32c"]) == {"crc32c": f"{value:08x}"}


def test_what_was_read_before_does_not_count():
    file = io.BytesIO(CONTENT)
    file.seek(10)
    expected = hashlib.sha256(CONTENT[10:]).hexdigest()
    assert digests(file, ["sha256"]) == {"sha256": expected}


def test_a_file_that_nothing_is_wanted_of_is_not_read():
    file = io.BytesIO(CONTENT)
    assert digests(file, []) == {}
    assert file.tell() == 0


def test_an_unknown_one_is_refused():
    with pytest.raises(KeyError):
        digests(io.BytesIO(b""), ["crc64"])
