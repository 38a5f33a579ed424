"""What a message is as a record: a notification, and whatever else stands in a queue."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_context.context import RequestContext

from shoebox.archive.checks import check_sizes, check_timestamp, plain_metadata, plain_payload
from shoebox.messaging.notification import LONGEST, record

NOTIFICATION = {
    "message_id": "9f8e",
    "publisher_id": "compute.web1",
    "event_type": "compute.instance.create",
    "priority": "INFO",
    "payload": {"vcpus": 1, "name": "é"},
    "timestamp": "2026-11-25 09:26:15.633533",
}


def test_what_a_notification_is_found_by_is_its_metadata():
    context = RequestContext(project_id="p1", request_id="req-1")
    metadata, payload, timestamp = record(context, NOTIFICATION)
    assert metadata == {
        "message_id": "9f8e",
        "publisher_id": "compute.web1",
        "event_type": "compute.instance.create",
        "priority": "info",
        "project_id": "p1",
        "request_id": "req-1",
    }
    assert json.loads(payload) == NOTIFICATION
    assert "é" in payload
    then = datetime(2026, 11, 25, 9, 26, 15, tzinfo=UTC)
    assert timestamp == int(then.timestamp()) * 10**9 + 633_533_000


@pytest.mark.parametrize("key", ["project_id", "project", "tenant_id", "tenant"])
def test_a_context_may_be_a_mapping_and_call_the_project_by_any_of_its_names(key):
    metadata, _, _ = record({key: "p1", "request_id": "req-1"}, NOTIFICATION)
    assert (metadata["project_id"], metadata["request_id"]) == ("p1", "req-1")


def test_what_is_not_known_is_left_out():
    metadata, _, timestamp = record({}, {"event_type": "a", "publisher_id": None, "priority": ""})
    assert metadata == {"event_type": "a"}
    assert timestamp is None


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"a": 1}, "no event_type"),
        ({**NOTIFICATION, "event_type": ["a"]}, "no event_type"),
        ({**NOTIFICATION, "event_type": ""}, "no event_type"),
        ("text", "no notification, but str"),
        (None, "no notification, but NoneType"),
    ],
)
def test_a_message_that_is_no_notification_is_kept_as_it_came_and_told_as_such(message, told):
    metadata, payload, _ = record({}, message)
    assert metadata["poison"] == told
    assert json.loads(payload) == message


def test_a_payload_that_is_no_json_is_shown_as_it_is():
    circle = {"name": "\ud800"}
    circle["itself"] = circle
    metadata, payload, _ = record({}, {**NOTIFICATION, "payload": circle})
    assert metadata["poison"] == "no JSON: ValueError"
    assert metadata["event_type"] == "compute.instance.create"
    assert "'itself': {...}" in payload


def test_a_message_that_cannot_even_be_shown_is_cut():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    metadata, payload, _ = record({}, {**NOTIFICATION, "payload": deep})
    assert metadata["poison"] == "no JSON: RecursionError"
    assert "[[[" in payload


def test_a_field_that_cannot_be_shown_is_cut_as_well():
    """Else the message would go back to the bus, and come again, for ever."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    metadata, _, _ = record({"request_id": deep}, {"event_type": deep, "priority": 10**5000})
    assert metadata["event_type"].startswith("[[[")
    assert metadata["request_id"].startswith("[[[")
    assert metadata["priority"].startswith("<int object at ")
    assert metadata["poison"] == "no JSON: RecursionError; no event_type"


def test_lone_surrogates_are_escaped():
    message = {**NOTIFICATION, "event_type": "a\ud800"}
    metadata, payload, _ = record({}, message)
    assert metadata["event_type"] == "a\\ud800"
    assert "poison" not in metadata
    assert json.loads(payload) == message


def test_a_long_value_is_cut_in_the_metadata_and_whole_in_the_payload():
    metadata, payload, _ = record({}, {**NOTIFICATION, "event_type": "a" * (1 << 21)})
    assert metadata["event_type"] == "a" * LONGEST
    assert len(payload) > 1 << 21


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:01+00:00", 1),
        ("1970-01-01T02:00:01+02:00", 1),
        ("1970-01-01 00:00:01", 1),
        ("9999-12-31 00:00:00", None),
        ("0001-01-01 00:00:00", None),
        ("yesterday", None),
        (7, None),
        (None, None),
    ],
)
def test_a_time_is_in_utc_unless_it_says_otherwise_and_left_out_where_it_is_none(text, seconds):
    _, _, timestamp = record({}, {**NOTIFICATION, "timestamp": text})
    assert timestamp == (None if seconds is None else seconds * 10**9)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=10,
)
MESSAGES = ANYTHING | st.fixed_dictionaries({}, optional=dict.fromkeys(NOTIFICATION, ANYTHING))


@given(ANYTHING, MESSAGES)
def test_an_archive_can_hold_whatever_comes(context, message):
    metadata, payload, timestamp = record(context, message)
    plain_metadata(metadata)
    check_sizes(metadata, sum(map(len, metadata.values())) * 4, plain_payload(payload)[1])
    assert timestamp is None or check_timestamp(timestamp) == timestamp
