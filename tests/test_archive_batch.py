"""The records of one block."""

from shoebox.archive import Position, Record
from shoebox.archive.batch import Batch
from shoebox.archive.frames import RecordV1

BATCH = Batch(
    archive="aa",
    writer="bb",
    at=100,
    first=40,
    places=range(3),
    metadata=[{"n": "0"}, {"n": "1"}, {"n": "2"}],
    payloads=["a", b"b", "c"],
    timestamps=[7, 8, 9],
)


def test_records_carry_where_they_come_from():
    assert list(BATCH.records())[1] == Record({"n": "1"}, b"b", 8, "bb", 41, "aa", Position(100, 1))


def test_the_records_in_some_places_keep_their_place_and_number():
    chosen = list(BATCH.only([0, 2]).records())
    assert [(r.payload, r.sequence, r.position.place) for r in chosen] == [
        ("a", 40, 0),
        ("c", 42, 2),
    ]


def test_a_record_of_version_1_is_a_batch_of_its_own():
    batch = Batch.of_version_1(RecordV1(18, 60, {"k": "v"}, "x"), "name")
    assert list(batch.records()) == [
        Record({"k": "v"}, "x", None, None, None, "name", Position(18, 0))
    ]
