"""The metadata of lines: what is the same for all, and what stands in each as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from shoebox.errors import RecordValueError

Path = tuple[str, ...]

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode
_anything = msgspec.json.Decoder().decode


class LineMetadata:
    """Makes the metadata of a line; `paths` lead from object to object to a value."""

    def __init__(self, constant: Mapping[str, str], paths: Iterable[tuple[str, Path]]) -> None:
        self.constant = dict(constant)
        self.paths = list(paths)

    def of(self, line: str | bytes) -> dict[str, str]:
        """Return the metadata; a path that leads nowhere is left out.

        A value that is no string is taken as the JSON text that stands there. Raise
        RecordValueError for a line that is not JSON.
        """
        if not self.paths:
            return self.constant
        metadata = self.constant.copy()
        try:
            members = _object(line)
            for key, path in self.paths:
                value = _value(members, path)
                if value is not None:
                    metadata[key] = value
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RecordValueError(f"is not JSON: {error}") from None
        return metadata


def _object(line: str | bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Return the members of a JSON object; none of what is another JSON value."""
    try:
        return _members(line)
    except msgspec.ValidationError:
        _anything(line)
        return {}


def _value(members: dict[str, msgspec.Raw], path: Path) -> str | None:
    for name in path[:-1]:
        inner = members.get(name)
        members = {} if inner is None else _object(inner)
    found = members.get(path[-1])
    if found is None:
        return None
    text = bytes(found)
    return _text(text) if text.startswith(b'"') else text.decode()
