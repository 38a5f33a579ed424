"""What a request sends of a file, and the segments that a file is cut into."""

import errno
import os
from threading import Event

import pytest

from shoebox.errors import StorageUnavailable
from shoebox_plugins.storage.swift.body import Body, Source, cut, md5
from tests.swift_server import md5 as hexdigest

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    with path.open("rb") as file:
        yield file


@pytest.mark.parametrize(("offset", "size"), [(0, len(CONTENT)), (3, 1000), (len(CONTENT), 0)])
def test_a_body_is_its_part_of_the_file(file, offset, size):
    body = Body(file.fileno(), offset, size)
    assert body.read(7) + body.read() == CONTENT[offset : offset + size]
    assert body.read(7) == b""
    assert file.tell() == 0


def test_a_file_that_is_cut_meanwhile_is_no_end(file, tmp_path):
    body = Body(file.fileno(), 0, len(CONTENT))
    body.read(7)
    os.truncate(tmp_path / "file", 7)
    with pytest.raises(StorageUnavailable, match="shorter") as caught:
        body.read(7)
    assert body.failure is caught.value


def test_a_file_that_can_not_be_read_is_kept_as_the_failure(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    body = Body(fd, 0, 10)
    with pytest.raises(IsADirectoryError):
        body.read(1)
    os.close(fd)
    assert body.failure.errno == errno.EISDIR


def test_a_body_stops_when_it_is_told_to(file):
    stop = Event()
    body = Body(file.fileno(), 0, len(CONTENT), stop)
    body.read(7)
    stop.set()
    with pytest.raises(StorageUnavailable, match="another segment"):
        body.read(7)


@pytest.mark.parametrize("segment_size", [1000, len(CONTENT), len(CONTENT) + 1, 5120])
def test_the_segments_are_the_file(file, segment_size):
    whole = md5()
    segments = list(cut(file.fileno(), len(CONTENT), segment_size, whole))
    assert [it.number for it in segments] == list(range(len(segments)))
    assert sum(it.size for it in segments) == len(CONTENT)
    assert all(it.size == segment_size for it in segments[:-1])
    for it in segments:
        assert it.md5 == hexdigest(CONTENT[it.offset : it.offset + it.size])
    assert whole.hexdigest() == hexdigest(CONTENT)


def test_a_source_is_read_once_for_its_md5(file):
    source = Source(file, len(CONTENT))
    assert source.md5 == hexdigest(CONTENT)
    file.seek(0, os.SEEK_END)
    assert source.md5 == hexdigest(CONTENT)
    assert file.tell() == len(CONTENT)
