"""A file as it is uploaded."""

import hashlib
import os
from threading import Event

import google_crc32c
import pytest

from shoebox.errors import StorageRejected, StorageUnavailable
from shoebox_plugins.storage.s3.source import DIGESTS, Source, base64_of, hex_of

CONTENT = b"0123456789" * 100
CRC32C = google_crc32c.Checksum(CONTENT).digest()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def source(path):
    with path.open("rb") as file:
        yield Source(path, file, {})


def test_a_slice_is_a_file_of_its_own(source):
    part, other = source.slice(10, 20), source.slice(0, 1000)
    assert (len(part), part.read(3), part.tell()) == (10, b"012", 3)
    assert other.read() == CONTENT
    assert part.read() == b"3456789"
    assert part.read() == b""
    part.seek(-2, os.SEEK_END)
    assert part.read(100) == b"89"
    part.seek(0)
    part.seek(1, os.SEEK_CUR)
    assert part.read(1) == b"1"


def test_an_empty_slice_is_still_a_body(source):
    part = source.slice(0, 0)
    assert part
    assert part.read() == b""


@pytest.mark.parametrize("size", [0, 500, 1001])
def test_a_file_that_changes_fails_before_its_last_bytes_are_out(source, path, size):
    part = source.slice(0, 1000)
    out = part.read(400)
    os.truncate(path, size)
    with pytest.raises(StorageUnavailable, match="changed from 1000"):
        out += b"".join(iter(lambda: part.read(400), b""))
    assert len(out) < 1000
    assert isinstance(part.error, StorageUnavailable)


def test_a_slice_ends_when_it_is_told_to(source):
    stop = Event()
    part = source.slice(0, 1000, stop)
    part.read(10)
    stop.set()
    with pytest.raises(StorageUnavailable, match="given up"):
        part.read(10)


def test_digests_of_slices_and_of_all_are_made_in_one_pass(source):
    whole = DIGESTS["crc32c"]()
    for start in range(0, 1000, 100):
        one = DIGESTS["md5"]()
        part = source.slice(start, start + 100)
        part.update(one, whole)
        assert one.digest() == hashlib.md5(CONTENT[:100]).digest()  # noqa: S324 - S3's
        assert part.read() == CONTENT[:100]
    assert whole.digest() == CRC32C


def test_a_digest_that_is_given_is_taken(path):
    with path.open("rb") as file:
        source = Source(path, file, {"crc32c": "01020304"})
        assert source.digest("crc32c") == b"\1\2\3\4"
        assert source.digest("md5") == hashlib.md5(CONTENT).digest()  # noqa: S324 - S3's
        assert source.computed("crc32c") == CRC32C.hex()
        with pytest.raises(StorageRejected, match="look at the file"):
            source.check("crc32c", CRC32C)
        source.check("md5", b"whatever")


@pytest.mark.parametrize("text", ["", "xyz", "0102", "0102030405"])
def test_a_digest_that_is_none_is_rejected(path, text):
    with path.open("rb") as file, pytest.raises(StorageRejected, match="8 hexadecimal"):
        Source(path, file, {"crc32c": text}).digest("crc32c")


def test_headers_hold_base64():
    assert base64_of(b"\1\2\3\4") == "AQIDBA=="
    assert hex_of("AQIDBA==") == "01020304"
    assert hex_of("AQIDBA==-3") is None
