"""A roll checker: rolls when the payload says so."""

from __future__ import annotations

import json

from oslo_config import cfg

from shoebox.errors import ConfigError
from shoebox.roll_checker import Archive, RollChecker


class PayloadRollChecker(RollChecker):
    """Rolls after a record whose JSON payload has this value in this field.

    A payload is decoded only if the value's text is somewhere in it: a checker is asked after
    every record, under the writer's lock.
    """

    INTERFACE = 1

    OPTIONS = (
        cfg.StrOpt(
            "field",
            required=True,
            sample_default="payload.state",
            help="The field of the payload, with dots between the keys that lead to it.",
        ),
        cfg.StrOpt(
            "value",
            required=True,
            sample_default="deleted",
            help="The value to roll after: a text, or what JSON writes for another value, as true.",
        ),
    )

    def __init__(self, *, field: str, value: str, **_: object) -> None:
        self._keys = field.split(".")
        if not all(self._keys):
            raise ConfigError(f"field = {field!r}: give keys with dots between them, as in a.b")
        self._value = value
        self._spellings = {value, json.dumps(value)[1:-1]}
        self.reason = f"acme-payload: {field} is {value!r}"

    def check(self, archive: Archive) -> bool:
        """Look at the payload that was written last."""
        payload = archive.last_payload
        text = payload.decode(errors="replace") if isinstance(payload, bytes) else payload or ""
        return any(it in text for it in self._spellings) and self._says_so(text)

    def _says_so(self, text: str) -> bool:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return False
        for key in self._keys:
            if not isinstance(found, dict) or key not in found:
                return False
            found = found[key]
        return (found if isinstance(found, str) else json.dumps(found)) == self._value
