"""What a record may hold, and how it is said of one that may not."""

from types import MappingProxyType

import pytest

from shoebox.archive.checks import check_sizes, check_timestamp, plain_metadata, plain_payload
from shoebox.errors import RecordTypeError, RecordValueError
from shoebox.format.preamble import MAX_METADATA, MAX_PAYLOAD


class Text(str):
    __slots__ = ()


def test_metadata_becomes_a_dict_of_plain_text():
    plain = plain_metadata(MappingProxyType({Text("k"): Text("v")}))
    assert plain == {"k": "v"}
    assert [type(text) for pair in plain.items() for text in pair] == [str, str]


def test_a_message_names_the_key_in_a_form_that_is_safe_to_print():
    with pytest.raises(RecordTypeError, match=r"metadata 'a\\n\\x1b\[31m': the value is int"):
        plain_metadata({"a\n\x1b[31m": 1})
    with pytest.raises(RecordTypeError) as caught:
        plain_metadata({"k" * 10_000: 1})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("payload", "plain"),
    [("größe", ("größe", 7)), (b"\xff", (b"\xff", 1)), (Text("x"), ("x", 1))],
)
def test_a_payload_becomes_plain_and_is_measured_in_bytes(payload, plain):
    found = plain_payload(payload)
    assert found == plain
    assert type(found[0]) in {str, bytes}


def test_sizes_at_the_limit_are_fine_and_over_it_are_not():
    metadata = {"small": "v", "large": "v" * 99}
    check_sizes(metadata, MAX_METADATA, MAX_PAYLOAD)
    with pytest.raises(RecordValueError, match="'large', .* put large values into the payload"):
        check_sizes(metadata, MAX_METADATA + 1, 0)
    with pytest.raises(RecordValueError, match="split it"):
        check_sizes(metadata, 0, MAX_PAYLOAD + 1)


@pytest.mark.parametrize("timestamp", [1.5, "now", 2**63, -(2**63) - 1])
def test_a_timestamp_is_refused_by_what_it_is(timestamp):
    with pytest.raises(RecordValueError, match="is no number of nanoseconds"):
        check_timestamp(timestamp)


@pytest.mark.parametrize("timestamp", [0, 2**63 - 1, -(2**63)])
def test_a_timestamp_within_64_bits_is_kept(timestamp):
    assert check_timestamp(timestamp) == timestamp
