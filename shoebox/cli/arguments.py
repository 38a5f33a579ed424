"""Types of arguments: what they accept, and what they say when they refuse."""

from __future__ import annotations

import math
import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime

from shoebox.selection import Glob, Not

_NUMBER = re.compile(r"-?[0-9]+")


def pair(text: str) -> tuple[str, str]:
    """Return key and value of `KEY=VALUE`."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError(f"{text!r} is not UTF-8") from None
    return key, value


def condition(text: str) -> tuple[str, Glob]:
    """Return key and glob of `KEY=GLOB`, or of `KEY!=GLOB`."""
    key, glob = pair(text)
    if not key.endswith("!"):
        return key, glob
    if key == "!":
        raise ArgumentTypeError(f"{text!r} names no key; write KEY!=GLOB")
    return key[:-1], Not(glob)


def path_pair(text: str) -> tuple[str, tuple[str, ...]]:
    """Return key and path of `KEY=DOTTED.PATH`."""
    key, path = pair(text)
    if not path:
        raise ArgumentTypeError(f"{text!r} names no path; write KEY=DOTTED.PATH")
    return key, tuple(path.split("."))


def time(text: str) -> int | datetime:
    """Return an aware datetime for ISO 8601, or nanoseconds since the epoch for a number."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        if _NUMBER.fullmatch(text):
            return int(text)
        raise ArgumentTypeError(
            f"{text!r} is no time: write 2026-01-31T12:00:00Z, or nanoseconds since the epoch"
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def seconds(text: str) -> float:
    """Return a number of seconds, 0 or more."""
    number = _number(text)
    if number < 0:
        raise ArgumentTypeError(f"{text!r} is less than 0")
    return number


def megabytes(text: str) -> float:
    """Return a number of MB, more than 0."""
    number = _number(text)
    if number <= 0:
        raise ArgumentTypeError(f"{text!r} is not more than 0")
    return number


def amount(text: str) -> int:
    """Return a whole number, 0 or more."""
    if not re.fullmatch("[0-9]+", text):
        raise ArgumentTypeError(f"{text!r} is no whole number of 0 or more")
    return int(text)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ArgumentTypeError(f"{text!r} is no number")
    return number
