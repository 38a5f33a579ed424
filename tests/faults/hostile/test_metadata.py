"""Metadata of any kind: written, read, found, and never a header of a request."""

import glob
import re

import pytest

from shoebox.archive import ArchiveReader, ArchiveWriter
from shoebox.errors import RecordTypeError, RecordValueError, StorageRejected
from shoebox.format.preamble import MAX_METADATA
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager
from shoebox.storage import check_metadata
from shoebox_plugins.storage.s3 import S3Backend
from shoebox_plugins.storage.swift import SwiftBackend
from tests import s3_service, swift_server
from tests.faults.hostile.text import HOSTILE, HUGE, SURROGATE, unsound

pytestmark = pytest.mark.usefixtures("limited")

TEXTS = [
    *("", " ", "\0", "\n", "\r\n", "\x1b[2J", "\x7f", "\x80\x9b", "\ufeff", "\u2028\u2029"),
    *("\u202e\u2066", "\ufffe\uffff", "\U0010ffff", "\U000e0001", "e\u0301" * 50, "漢" * 500),
    *("*", "?", "[", "[!a]", "[a-", "]", "\\", "a=b", "=", "!=", '"', "'", "{}", "%s%n", "$(x)"),
    *("../..", "k\x00ey", "null", "None", HOSTILE, HUGE[:50_000]),
]
RECORDS = [{text: text, "number": str(number)} for number, text in enumerate(TEXTS)]


def write(folder, **options):
    with ArchiveWriter(folder / "a.events", **options) as writer:
        for number, metadata in enumerate(RECORDS):
            writer.write(metadata, str(number))
            if number % 5 == 0 and options.get("format_version", 2) == 2:
                writer.flush()  # a block of its own
    return writer.path


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "none"},
        {"compression": "zstd"},
        {"compression": "gzip"},
        {"compression": "none", "format_version": 1},
    ],
)
def test_what_is_written_is_read(tmp_path, options):
    with ArchiveReader(write(tmp_path, **options)) as reader:
        assert [record.metadata for record in reader.records()] == RECORDS
        assert reader.faults == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("metadata")
    write(made)
    return made


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_a_record_is_found_by_its_key_and_value(folder, number):
    text = TEXTS[number]
    where = {text: glob.escape(text)}
    with ReadingRollManager("a.events", directory=folder, where=where) as reader:
        assert [payload for _, payload in reader] == [str(number)]
    # Without the index too: there a glob is needed, and nothing is passed over.
    where = {text: f"{glob.escape(text)}*", "number": "*"}
    with ReadingRollManager("a.events", directory=folder, where=where) as reader:
        assert str(number) in [payload for _, payload in reader]


def test_very_many_keys_are_read_and_found(tmp_path):
    metadata = {f"{number}\n\x1b": "\0" * (number % 7) for number in range(20_000)}
    with ArchiveWriter(tmp_path / "a.events") as writer:
        writer.write(metadata, "1")
    where = {"19999\n\x1b": "*"}
    with ReadingRollManager("a.events", directory=tmp_path, where=where) as reader:
        [(found, _)] = reader
    assert found == metadata


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"k": SURROGATE}, RecordValueError),
        ({SURROGATE: "v"}, RecordValueError),
        ({HOSTILE + SURROGATE: HUGE + SURROGATE}, RecordValueError),
        ({"k": "v" * (MAX_METADATA + 1)}, RecordValueError),
        ({HOSTILE: "\x1b" * (MAX_METADATA + 1)}, RecordValueError),
        ({HOSTILE: HOSTILE.encode()}, RecordTypeError),
        ({HOSTILE.encode(): "v"}, RecordTypeError),
        ([HOSTILE], RecordTypeError),
    ],
)
def test_what_is_refused_leaves_out_that_record_and_can_be_shown(tmp_path, metadata, error):
    with WritingRollManager("a.events", NeverRollChecker(), tmp_path) as manager:
        manager.write({}, "before")
        with pytest.raises(error) as caught:
            manager.write(metadata, "refused")
        manager.write({}, "after")
    assert unsound(str(caught.value)) == []
    with ReadingRollManager("a.events", directory=tmp_path) as reader:
        assert [payload for _, payload in reader] == ["before", "after"]


@pytest.fixture(scope="module")
def s3():
    with s3_service.running() as service, S3Backend(**s3_service.options(service)) as backend:
        yield backend, lambda: len(service.requests)


@pytest.fixture
def swift():
    with swift_server.serving() as server, SwiftBackend(**server.options()) as backend:
        yield backend, lambda: len(server.log)


@pytest.mark.parametrize("service", ["s3", "swift"])
def test_nothing_hostile_becomes_a_header_of_a_request(tmp_path, service, request):
    backend, requests = request.getfixturevalue(service)
    before = requests()
    path = write(tmp_path)
    for text in [it for it in TEXTS if not re.fullmatch(r"[!-~]+|", it)]:
        for metadata in ({text: "v"}, {"k": text}):
            with pytest.raises(StorageRejected) as caught:
                backend.put("a", path, metadata)
            assert unsound(str(caught.value)) == []
    assert requests() == before


@pytest.mark.parametrize("service", ["s3", "swift"])
def test_an_object_says_nothing_of_its_records_metadata(tmp_path, service, request):
    backend, _ = request.getfixturevalue(service)
    write(tmp_path)
    content = (tmp_path / "a.events").read_bytes()
    options = {"directory": tmp_path, "storage": [backend], "close_timeout": 20}
    backend.close, closing = lambda: None, backend.close
    with WritingRollManager("b.events", NeverRollChecker(), **options) as manager:
        manager._shipper.drain(10)
    assert manager.unshipped == []
    [info] = [it for it in backend.list() if it.key.startswith("a-")]
    with backend.open(info.key) as file:
        assert file.read() == content
    said = backend.stat(info.key).metadata
    assert check_metadata(said) == said
    assert {"archive", "format", "records", "sha256"} <= {*said}
    backend.close = closing
