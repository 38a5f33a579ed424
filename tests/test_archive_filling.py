"""What a block takes, and what it refuses."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from time import time_ns
from types import MappingProxyType

import pytest

from shoebox.archive import ArchiveReader, ArchiveWriter
from shoebox.archive.layout import Block
from shoebox.errors import RecordTypeError, RecordValueError
from shoebox.format.preamble import MAX_METADATA, MAX_PAYLOAD
from shoebox.format.v2 import PLAIN_BLOCK_BYTES


def rows(path: Path) -> list[tuple[dict[str, str], str | bytes, int | None]]:
    with ArchiveReader(path, strict=True) as reader:
        return [(r.metadata, r.payload, r.timestamp) for r in reader.records()]


class Colour(StrEnum):
    RED = "red"


class Odd(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("metadata", "names"),
    [
        ({1: "a"}, "metadata key 1 is int"),
        ({"k": 1}, "metadata 'k': the value is int"),
        ({"k": None}, "metadata 'k': the value is None"),
        ({"k": b"v"}, "metadata 'k': the value is bytes"),
        ({"k": ["v"]}, "metadata 'k': the value is list"),
        ({b"k": "v"}, "metadata key b'k' is bytes"),
        (None, "metadata is None"),
        ([("k", "v")], "metadata is list"),
        ("text", "metadata is str"),
        (7, "metadata is int"),
    ],
)
def test_metadata_of_another_type_is_refused_by_its_key(tmp_path, metadata, names):
    with ArchiveWriter(tmp_path / "a") as writer:
        with pytest.raises(RecordTypeError, match=names) as caught:
            writer.write(metadata, "x")
        assert isinstance(caught.value, TypeError)
        writer.write({"k": "v"}, "y", 0)
    assert rows(tmp_path / "a") == [({"k": "v"}, "y", 0)]


@pytest.mark.parametrize("payload", [None, 1, bytearray(b"x"), memoryview(b"x"), ["x"]])
def test_a_payload_of_another_type_is_refused(tmp_path, payload):
    with ArchiveWriter(tmp_path / "a") as writer:
        with pytest.raises(RecordTypeError, match="the payload is"):
            writer.write({}, payload)
        assert writer.records == 0


@pytest.mark.parametrize(
    ("metadata", "payload", "names"),
    [
        ({"k": "\ud800"}, "x", "metadata 'k': a lone surrogate at character 0"),
        ({"a\udfff": "v"}, "x", r"metadata 'a\\udfff': a lone surrogate at character 1"),
        ({}, "abc\ud800", "the payload: a lone surrogate at character 3"),
        (
            {"k": "v" * MAX_METADATA},
            "x",
            "metadata of 1048584 bytes, most of them for 'k', is over the limit of 1048576",
        ),
    ],
)
def test_what_cannot_be_stored_is_refused(tmp_path, metadata, payload, names):
    with ArchiveWriter(tmp_path / "a") as writer:
        with pytest.raises(RecordValueError, match=names) as caught:
            writer.write(metadata, payload)
        assert isinstance(caught.value, ValueError)
        assert writer.records == 0


def test_a_payload_over_the_limit_is_refused_and_one_at_the_limit_is_kept(tmp_path):
    whole = b"\x84\x78\x86" * (MAX_PAYLOAD // 3) + b"\x84\x78"
    with ArchiveWriter(tmp_path / "a", compression="none") as writer:
        with pytest.raises(
            RecordValueError, match="a payload of 134217729 bytes is over the limit"
        ):
            writer.write({}, bytes(MAX_PAYLOAD + 1))
        writer.write({}, whole)
    with ArchiveReader(tmp_path / "a", strict=True) as reader:
        assert [payload == whole for _, payload in reader] == [True]


def test_metadata_at_the_limit_is_kept(tmp_path):
    metadata = {"k": "v" * (MAX_METADATA - 8)}
    with ArchiveWriter(tmp_path / "a", compression="none") as writer:
        writer.write(metadata, "x", 0)
        writer.write(metadata, "y", 0)
    assert rows(tmp_path / "a") == [(metadata, "x", 0), (metadata, "y", 0)]


@pytest.mark.parametrize("timestamp", [2**63, -(2**63) - 1, 1.5, "now", datetime(2014, 1, 1)])  # noqa: DTZ001
def test_a_timestamp_that_cannot_be_stored_is_refused(tmp_path, timestamp):
    with ArchiveWriter(tmp_path / "a") as writer:
        with pytest.raises(RecordValueError):
            writer.write({}, "x", timestamp)
        writer.write({}, "y", 1)
    assert rows(tmp_path / "a") == [({}, "y", 1)]


def test_a_timestamp_is_nanoseconds_an_aware_datetime_or_now(tmp_path):
    before = time_ns()
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.write({}, "", 7)
        writer.write({}, "", datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
        writer.write({}, "")
    *past, now = [row[2] for row in rows(tmp_path / "a")]
    assert past == [7, 1_000_005_000]
    assert before <= now <= time_ns()


@pytest.mark.parametrize(
    "metadata",
    [{Colour.RED: Colour.RED}, {Odd("red"): Odd("red")}, MappingProxyType({"red": "red"})],
)
def test_what_behaves_as_text_is_kept_as_text(tmp_path, metadata):
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.write(metadata, Odd("payload"), 0)
    ((kept, payload, _),) = rows(tmp_path / "a")
    assert (kept, payload) == ({"red": "red"}, "payload")
    assert {type(text) for pair in kept.items() for text in pair} == {str}


def test_a_record_is_copied_when_write_returns(tmp_path):
    metadata = {"k": "before"}
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.write(metadata, "x", 0)
        metadata["k"] = "after"
    assert rows(tmp_path / "a") == [({"k": "before"}, "x", 0)]


class Interrupted(ArchiveWriter):
    """A signal handler raises in each append, when the block is in the file."""

    def append(self, block: Block) -> None:
        super().append(block)
        raise KeyboardInterrupt


@pytest.mark.parametrize("size", [10, PLAIN_BLOCK_BYTES])
def test_what_a_signal_handler_raises_when_a_block_is_in_the_file_drops_no_record(tmp_path, size):
    """Nor is it written twice: the next block begins without what is there."""
    with Interrupted(tmp_path / "a", compression="none") as writer:
        with pytest.raises(KeyboardInterrupt):
            taken_and_flushed(writer, "x" * size)
        assert writer.records == 1
        assert writer.buffered == 0
        assert writer.last_payload == "x" * size
        writer.flush_soon()
        writer.write({}, "y", 0)
        with pytest.raises(KeyboardInterrupt):
            writer.flush()
        writer.seal()
        assert writer.records == 2
    assert [row[1] for row in rows(tmp_path / "a")] == ["x" * size, "y"]


def test_to_let_go_of_what_is_in_the_file_a_second_time_changes_nothing(tmp_path):
    with ArchiveWriter(tmp_path / "a") as writer:
        taken_and_flushed(writer, "x")
        writer._next_block()
        assert (writer.records, writer.last_payload) == (1, "x")


def taken_and_flushed(writer, payload):
    writer.write({}, payload)
    writer.flush()
