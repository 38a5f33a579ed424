"""Keeping secrets out of what SDKs say: their logs, and their errors."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, MutableMapping
from typing import Any

_SIGNATURE = re.compile(r"(Signature=)[0-9A-Za-z%+/=]+")
"""Of a request: whoever has it can make that request again for a while."""


def hide_debug_log(*packages: str) -> None:
    """Have the loggers of these packages, as far as there are any, leave out debug messages.

    SDKs log requests there with all that is secret in them.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in packages:
            logging.getLogger(name).addFilter(_is_no_debug_message)


def scrub(error: BaseException, *secrets: str) -> None:
    """Take secrets, and signatures, out of an error and all that it was made from.

    A service may send back what it was sent, in any part of an answer.
    """
    hidden = [secret for secret in secrets if secret]
    for one in _chain(error):
        one.args = tuple(_clean(it, hidden) for it in one.args)
        for name, value in vars(one).items():
            setattr(one, name, _clean(value, hidden))
        headers = getattr(getattr(one, "response", None), "headers", None)
        if headers is not None:
            _clean(headers, hidden)


def _is_no_debug_message(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def _chain(error: BaseException) -> Iterator[BaseException]:
    todo, seen = [error], set[int]()
    while todo:
        one = todo.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            todo += [it for it in (one.__cause__, one.__context__) if it is not None]


def _clean(value: Any, secrets: list[str]) -> Any:
    """Return the value with no secret in its texts."""
    if isinstance(value, bytes):
        return _clean(value.decode("latin-1"), secrets).encode("latin-1")
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
        return _SIGNATURE.sub(r"\1***", value)
    if isinstance(value, MutableMapping):
        for key in list(value):
            value[key] = _clean(value[key], secrets)
    return value
