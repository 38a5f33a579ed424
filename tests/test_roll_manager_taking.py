"""Taking records: whatever is handed in is looked at, and the right thing said of it."""

import pytest

from shoebox.errors import RecordTypeError, RecordValueError
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager


@pytest.fixture
def writer(tmp_path):
    with WritingRollManager("a.events", NeverRollChecker(), tmp_path) as manager:
        yield manager


def records(directory):
    with ReadingRollManager("a.events", directory) as manager:
        return [(it.metadata, it.payload, it.timestamp) for it in manager.records()]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ((None, "x"), "metadata is None"),
        (("a", "x"), "metadata is str"),
        (({"a": 1}, "x"), "metadata 'a': the value is int"),
        (({1: "a"}, "x"), "the metadata key 1 is int"),
        (({}, None), "the payload is None"),
        (({}, 5), "the payload is int"),
        (({}, bytearray(b"x")), "the payload is bytearray"),
    ],
)
def test_what_is_of_a_wrong_type_is_refused_by_name(writer, tmp_path, record, message):
    for refused in (lambda: writer.write(*record), lambda: writer.write_many([record])):
        with pytest.raises(RecordTypeError, match=message):
            refused()
    writer.write({}, "kept")
    writer.close()
    assert [payload for _, payload, _ in records(tmp_path)] == ["kept"]


@pytest.mark.parametrize("timestamp", ["now", 1.5, 1 << 63])
def test_what_is_no_time_is_refused(writer, timestamp):
    with pytest.raises(RecordValueError, match="timestamp"):
        writer.write({}, "x", timestamp)
    writer.write({}, "x")


def test_many_records_may_bring_their_times_or_not(writer, tmp_path):
    writer.write_many([({}, "a", 1), [{}, b"b", 2], ({}, "c"), ({}, "d", None)])
    writer.write({}, payload="e", timestamp=3)
    writer.close()
    found = records(tmp_path)
    assert [payload for _, payload, _ in found] == ["a", b"b", "c", "d", "e"]
    assert [found[place][2] for place in (0, 1, 4)] == [1, 2, 3]


class Shouting(WritingRollManager):
    """As users derive from it."""

    def write(self, metadata, payload, timestamp=None):
        super().write(metadata, payload.upper(), timestamp)


def test_a_writer_can_be_derived_from(tmp_path):
    with Shouting("a.events", NeverRollChecker(), tmp_path) as manager:
        manager.write({}, "x")
    assert records(tmp_path)[0][1] == "X"
