"""What a record may hold, said of one that was refused at first sight."""

from __future__ import annotations

from collections.abc import Mapping

from shoebox.errors import RecordTypeError, RecordValueError
from shoebox.format.preamble import MAX_METADATA, MAX_PAYLOAD
from shoebox.selection import Time, nanoseconds

_SHOWN = 60
"""Characters of a key that a message shows."""


def plain_metadata(metadata: object) -> dict[str, str]:
    """Return metadata as a dict of plain str; raise an error that names the key at fault."""
    if not isinstance(metadata, Mapping):
        raise RecordTypeError(f"metadata is {_type(metadata)}; it must be a dict of str to str")
    for key, value in metadata.items():
        _check_pair(key, value)
        for text in (key, value):
            _check_encodable(text, f"metadata {_shown(key)}")
    return {str.__str__(key): str.__str__(value) for key, value in metadata.items()}


def plain_payload(payload: object) -> tuple[str | bytes, int]:
    """Return a payload as plain str or bytes, and how many bytes it is."""
    if isinstance(payload, bytes):
        return bytes(payload), len(payload)
    if not isinstance(payload, str):
        raise RecordTypeError(f"the payload is {_type(payload)}; it must be str or bytes")
    return str.__str__(payload), _check_encodable(payload, "the payload")


def check_sizes(metadata: Mapping[str, str], encoded: int, payload: int) -> None:
    """Raise RecordValueError for a record that is over a limit; both sizes in bytes."""
    if encoded > MAX_METADATA:
        largest = max(metadata, key=lambda key: len(key) + len(metadata[key]))
        raise RecordValueError(
            f"metadata of {encoded} bytes, most of them for {_shown(largest)}, is over the limit "
            f"of {MAX_METADATA}: put large values into the payload"
        )
    if payload > MAX_PAYLOAD:
        raise RecordValueError(
            f"a payload of {payload} bytes is over the limit of {MAX_PAYLOAD}: split it"
        )


def check_timestamp(timestamp: Time) -> int:
    """Return a timestamp in nanoseconds since the epoch, within 64 bits."""
    time: object = nanoseconds(timestamp)
    if not (isinstance(time, int) and -(1 << 63) <= time < 1 << 63):
        raise RecordValueError(
            f"the timestamp {_shown(timestamp)} is no number of nanoseconds since the epoch "
            "within 64 bits, nor an aware datetime"
        )
    return time


def _check_pair(key: object, value: object) -> None:
    if not isinstance(key, str):
        raise RecordTypeError(f"the metadata key {_shown(key)} is {_type(key)}; it must be str")
    if not isinstance(value, str):
        raise RecordTypeError(
            f"metadata {_shown(key)}: the value is {_type(value)}; it must be str: convert it"
        )


def _check_encodable(text: str, what: str) -> int:
    """Return how many bytes the text is as UTF-8."""
    try:
        return len(str.encode(text))
    except UnicodeEncodeError as error:
        raise RecordValueError(
            f"{what}: a lone surrogate at character {error.start} can't be stored as UTF-8; "
            "pass bytes as payload, or replace it"
        ) from None


def _type(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _shown(value: object) -> str:
    return ascii(value)[:_SHOWN]
