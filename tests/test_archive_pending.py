"""The records that wait for their block: taken, left out, and joined."""

import pytest

from shoebox.archive.pending import MAX_SHAPES, Pending, as_bytes
from shoebox.format import v2


def pending(*payloads):
    found = Pending()
    for number, payload in enumerate(payloads):
        found.items.extend((v2.encode_map({"n": str(number)}), payload, number * 10))
    return found


def test_each_record_has_metadata_payload_and_timestamp_in_its_place():
    found = pending("a", b"b", "c")
    assert len(found) == 3
    assert list(map(v2.decode_map, found.metadata)) == [{"n": "0"}, {"n": "1"}, {"n": "2"}]
    assert found.payloads == ["a", b"b", "c"]
    assert found.timestamps == [0, 10, 20]
    assert found.last == (v2.encode_map({"n": "2"}), "c", 20)


def test_the_last_record_can_be_left_out_and_no_other_goes_with_it():
    found = pending("a", "b")
    found.drop_last()
    assert (len(found), found.payloads, found.timestamps) == (1, ["a"], [0])


@pytest.mark.parametrize(
    "payloads",
    [
        (),
        ("", "plain", "x"),
        ("plain", "naïve €", "\N{GRINNING FACE}"),
        (b"", b"\xff\x00"),
        ("text", b"bytes", "é", b""),
    ],
)
def test_joined_payloads_can_be_cut_apart_again(payloads):
    """Lengths are in bytes, and say for each payload whether it is text."""
    lengths, texts, joined = pending(*payloads).joined()
    cut, at = [], 0
    for length, text in zip(lengths, texts, strict=True):
        piece = joined[at : at + length]
        cut.append(piece.decode() if text else piece)
        at += length
    assert tuple(cut) == payloads
    assert at == len(joined)


def test_a_key_of_several_shapes_has_the_values_of_all_of_them():
    found = Pending()
    for metadata in ({"host": "a"}, {"host": "b", "type": "x"}, {"type": "y", "host": "c"}):
        shape = found.shape(metadata)
        shape.add(shape.values_of(metadata))
    assert found.values() == {"host": {"a", "b", "c"}, "type": {"x", "y"}}
    # What was gathered for one shape is not what another one has.
    assert found.shape({"host": ""}).columns() == {"host": {"a"}}


def test_metadata_with_the_same_keys_in_the_same_order_is_of_one_shape():
    found = Pending()
    assert found.shape({"a": "1", "b": "2"}) is found.shape({"a": "3", "b": "4"})
    assert found.shape({"b": "1", "a": "2"}) is not found.shape({"a": "3", "b": "4"})


def test_shapes_go_on_to_the_next_block_and_their_values_do_not():
    found = pending("a")
    for metadata in ({"host": "a"}, {"type": "x"}):
        shape = found.shape(metadata)
        shape.add(shape.values_of(metadata))
    found.begin()
    assert (len(found), found.values()) == (0, {})
    again = found.shape({"type": "y"})
    again.add(again.values_of({"type": "y"}))
    assert again is shape
    assert found.values() == {"type": {"y"}}


def test_shapes_do_not_gather_for_ever():
    found = Pending()
    for number in range(MAX_SHAPES + 1):
        found.shape({str(number): ""})
    found.begin()
    assert found.shapes == {}


def test_text_is_stored_as_utf_8_and_bytes_as_they_are():
    assert as_bytes("é") == b"\xc3\xa9"
    assert as_bytes(b"\xe9") == b"\xe9"
