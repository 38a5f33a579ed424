"""What a notification is as a record: what it is found by, and all of it as JSON."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from oslo_serialization import jsonutils

from shoebox.escaping import encodable
from shoebox.selection import nanoseconds

POISON = "poison"
"""The metadata key that says what is wrong with a message that is no notification."""

LONGEST = 1024
"""Characters of a value in the metadata; what is longer is cut there, and whole in the payload."""

_FIELDS = ("event_type", "publisher_id", "priority", "message_id")
_PROJECT = ("project_id", "project", "tenant_id", "tenant")
# What 64 bits of nanoseconds can hold.
_YEARS = range(1678, 2262)


def record(context: object, message: object) -> tuple[dict[str, str], str, int | None]:
    """Return a message's metadata, its payload, and the time that it has of itself, if any.

    The payload is the whole message as JSON. `context` is a request's, as a mapping or an
    object. Whatever the message is, a record comes of it; one that is no notification has
    `poison` in its metadata. Only its size may be more than an archive takes.
    """
    payload, fault = _payload(message)
    fields = message if isinstance(message, Mapping) else {}
    faults = [it for it in (fault, _fault(message)) if it is not None]
    values = {name: fields.get(name) for name in _FIELDS}
    values["priority"] = _lower(values["priority"])
    values["project_id"] = _of(context, *_PROJECT)
    values["request_id"] = _of(context, "request_id")
    values[POISON] = "; ".join(faults)
    metadata = {name: _text(value) for name, value in values.items()}
    metadata = {name: text for name, text in metadata.items() if text}
    return metadata, payload, _time(fields.get("timestamp"))


def _fault(message: object) -> str | None:
    if not isinstance(message, Mapping):
        return f"no notification, but {type(message).__name__}"
    event_type = message.get("event_type")
    return None if isinstance(event_type, str) and event_type else "no event_type"


def _payload(message: object) -> tuple[str, str | None]:
    """Return a message as text, and what is wrong with it."""
    try:
        text = jsonutils.dumps(message, ensure_ascii=False)
        if text != encodable(text):
            text = jsonutils.dumps(message)
    except Exception as error:  # noqa: BLE001 - a service may put anything into its notification
        return encodable(_shown(message)), f"no JSON: {type(error).__name__}"
    return text, None


def _shown(value: object, show: Callable[[object], str] = repr) -> str:
    """Return what a value that may be no JSON looks like, as far as it can be shown."""
    # What is nested too deep can't be, nor a number of thousands of digits.
    with suppress(Exception):
        return show(value)
    with suppress(Exception):
        return reprlib.repr(value)
    return object.__repr__(value)


def _of(context: object, *names: str) -> object:
    """Return the first of these that the context has."""
    for name in names:
        value: object = getattr(context, name, None)
        if isinstance(context, Mapping):
            value = context.get(name)
        if value:
            return value
    return None


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _text(value: object) -> str:
    if value is None:
        return ""
    return encodable(_shown(value, str)[:LONGEST])


def _time(text: object) -> int | None:
    """Return nanoseconds since the epoch; oslo.messaging's times are in UTC and don't say so."""
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if time is None or time.year not in _YEARS:
        return None
    return nanoseconds(time if time.tzinfo is not None else time.replace(tzinfo=UTC))
