"""Text as it may stand in a log or on a terminal, whoever wrote it.

Names, keys, metadata, a service's answers and a plugin's errors are written by others. What
a terminal would obey, or what would begin a line of its own in a log, is escaped; what would
fill a disk is cut.
"""

from __future__ import annotations

import logging
import traceback

LONGEST = 2000
"""Characters of a sentence that are kept, from its beginning and its end."""

MOST_LINES = 100
"""Lines of a traceback that are kept in the same way."""

_QUOTED = 300
_CUT = " ... "


def escaped(text: str) -> str:
    """Return the text with control, format and surrogate characters as JSON escapes them."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def bounded(text: str, limit: int = LONGEST) -> str:
    """Return the text, without its middle if it is too long."""
    if len(text) <= limit:
        return text
    half = (limit - len(_CUT)) // 2
    return text[:half] + _CUT + text[-half:]


def sentence(value: object) -> str:
    """Return what `str` makes of a value on one line, escaped and bounded.

    It never raises: a stranger's error may have a `__str__` that does.
    """
    return bounded(escaped(bounded(_text(value))))


def cause(error: BaseException) -> str:
    """Return an error's class and message as a sentence, its lines one behind the other."""
    return sentence(f"{type(error).__name__}: {' '.join(_text(error).split())}")


def encodable(text: str) -> str:
    """Return the text with lone surrogates as escapes, and else as it is."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="backslashreplace").decode()
    return text


def shown(text: str) -> str:
    """Return text as a message quotes it: in ASCII, escaped and bounded."""
    return ascii(text if len(text) <= _QUOTED else text[:_QUOTED] + "...")


def traced(error: BaseException) -> str:
    """Return an error's traceback, escaped, bounded and indented.

    A line in it that was made to look like another line of the log does not begin as one.
    """
    lines = "".join(traceback.format_exception(error)).splitlines()
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES // 2], _CUT, *lines[-MOST_LINES // 2 :]]
    return "\n".join(f"  {sentence(line)}" for line in lines)


def logger(name: str) -> logging.Logger:
    """Return the logger of this name; what it is given to say is escaped and bounded."""
    log = logging.getLogger(name)
    log.addFilter(_escape_record)
    return log


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a stranger's may be any
        return f"({type(value).__name__}, which can't be shown: {type(error).__name__})"


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _escape_record(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(map(_escape_argument, record.args))
    if record.exc_info and record.exc_info[1] is not None:
        # What a formatter would make of it otherwise.
        record.exc_text = traced(record.exc_info[1])
    return True


def _escape_argument(value: object) -> object:
    return value if isinstance(value, int | float) else sentence(value)
