"""Text of others in a log and on a terminal: what messages, tracebacks and loggers make of it."""

import io
import json
import logging
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoebox import escaping
from shoebox.errors import ConfigError, DurabilityError, ObjectNotFound, StorageUnavailable
from shoebox.escaping import bounded, cause, encodable, escaped, sentence, shown, traced

ROOT = Path(__file__).parent.parent
FORGED = "2026-01-01 CRITICAL all is lost"
HOSTILE = f"a\n{FORGED}\r\x1b[2J\u202e\x9b31m\u2028\udcff"
ANY = st.text(st.characters(codec=None, exclude_categories=()))


class Unsayable(Exception):
    """An error that has no text."""

    def __str__(self):
        raise RuntimeError("no")


@pytest.fixture
def log():
    """Yield a logger of ours, and what a plain handler of its writes."""
    written = io.StringIO()
    logger = escaping.logger("shoebox.test_escaping")
    handler = logging.StreamHandler(written)
    logger.addHandler(handler)
    yield logger, written.getvalue
    logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 漢 😀", "plain ä 漢 😀"),
        ("\x1b[0m\r\n\t\x7f\x9b", "\\u001b[0m\\u000d\\u000a\\u0009\\u007f\\u009b"),
        ("\u202eevil\u2028", "\\u202eevil\\u2028"),
        ("\udcff", "\\udcff"),
        ("\U000e0001", "\\udb40\\udc01"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text, shown):
    assert escaped(text) == shown


@given(ANY)
def test_what_is_escaped_can_be_printed_anywhere_and_is_what_json_would_read(text):
    assert escaped(text).isprintable()
    plain = text.replace("\\", "/").replace('"', "'")
    assert json.loads(f'"{escaped(plain)}"') == json.loads(json.dumps(plain))


def test_what_is_too_long_loses_its_middle():
    assert bounded("a" * 10, 10) == "a" * 10
    assert bounded("b" + "a" * 100 + "e", 20).startswith("baa")
    assert bounded("b" + "a" * 100 + "e", 20).endswith("aae")
    assert len(bounded("a" * 101, 20)) <= 20


@pytest.mark.parametrize("text", [HOSTILE, "\n" * 10**6, "a" * 10**6, "\U000e0001" * 10**5])
def test_a_sentence_is_one_line_that_can_be_printed_and_bounded(text):
    assert sentence(text).isprintable()
    assert len(sentence(text)) <= escaping.LONGEST


def test_an_error_whose_text_can_not_be_had_is_a_sentence_too():
    assert sentence(Unsayable()) == "(Unsayable, which can't be shown: RuntimeError)"


def test_a_cause_is_an_error_s_class_and_message_on_one_line():
    assert cause(ValueError("a\n  b")) == "ValueError: a b"
    assert cause(ValueError("\x1b")) == "ValueError: \\u001b"
    assert cause(Unsayable()).startswith("Unsayable: (Unsayable, which")


def test_shown_text_is_quoted_escaped_and_bounded():
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown("a" * 10**6)) < 400


def test_text_that_can_be_encoded_stays_and_of_other_text_the_surrogates_are_escaped():
    assert encodable("ä\n") == "ä\n"
    assert encodable("ä\n\ud800") == "ä\n\\ud800"


@pytest.mark.parametrize(
    "error",
    [ValueError(HOSTILE), Unsayable(), RuntimeError("\n" * 10**6), RuntimeError("a" * 10**6)],
)
def test_no_line_of_a_traceback_begins_as_one_of_the_log_or_moves_a_terminal(error):
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 - of any kind
        text = traced(caught)
    assert text.splitlines() == text.split("\n")
    assert all(line.startswith("  ") and line.isprintable() for line in text.split("\n"))
    assert "Traceback" in text
    assert len(text) <= (escaping.MOST_LINES + 1) * (escaping.LONGEST + 3)


def test_what_a_logger_of_ours_is_told_stays_on_its_line(log):
    logger, written = log
    logger.error("%s: %s: %d of %.1f", HOSTILE, Path(HOSTILE), 7, 0.25)
    logger.error("%s", ValueError("x" * 10**6))
    logger.error("%s", Unsayable())
    lines = written().split("\n")
    assert len(lines) == 4
    assert all(line.isprintable() for line in lines)
    assert lines[0].endswith(": 7 of 0.2")
    assert len(lines[1]) <= escaping.LONGEST


def test_a_logger_of_ours_writes_a_traceback_that_forges_no_line(log):
    logger, written = log
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logger.exception("%s", HOSTILE)
    first, *rest = written().rstrip("\n").split("\n")
    assert first.startswith("a\\u000a")
    assert all(line.startswith("  ") and line.isprintable() for line in rest)
    assert any(FORGED in line for line in rest)


def test_a_logger_keeps_numbers_and_the_template_for_who_counts_them(log, caplog):
    logger, _ = log
    logger.warning("%s has %d", "a", 7)
    assert (caplog.records[0].msg, caplog.records[0].args) == ("%s has %d", ("a", 7))


@pytest.mark.parametrize("kind", [ConfigError, ObjectNotFound, DurabilityError, StorageUnavailable])
def test_every_error_of_ours_can_be_shown_whatever_is_in_it(kind):
    assert str(kind("plain: é")) == "plain: é"
    assert str(kind(HOSTILE)) == sentence(HOSTILE)
    assert len(str(kind("a" * 10**6))) <= escaping.LONGEST


def test_an_error_of_several_messages_has_a_line_for_each():
    assert str(ConfigError("a\nb", "c")) == "a\\u000ab\nc"


def test_every_module_has_its_logger_from_here():
    """One that has not would write to the log what others have written."""
    for package in ("shoebox", "shoebox_plugins"):
        for path in (ROOT / package).rglob("*.py"):
            if path != ROOT / "shoebox" / "escaping.py":
                assert not re.search(r"getLogger\(__name__\)", path.read_text()), path
