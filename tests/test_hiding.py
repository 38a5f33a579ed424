"""What is taken out of an SDK's errors and logs."""

import logging

import pytest

from shoebox.hiding import hide_debug_log, scrub


class Answer(Exception):
    def __init__(self, text, **more):
        super().__init__(text)
        vars(self).update(more)


def test_a_secret_is_taken_out_of_all_parts_of_an_error():
    error = Answer(
        "said a-secret here", body=b"\xffa-secret", reason="a-secret", headers={"x": "1 a-secret"}
    )
    scrub(error, "a-secret", "")
    assert error.args == ("said *** here",)
    assert (error.body, error.reason, error.headers) == (b"\xff***", "***", {"x": "1 ***"})


@pytest.mark.parametrize("explicit", [True, False])
def test_and_out_of_what_it_was_made_from(explicit):
    below, error = Answer("a-secret below"), Answer("above")
    if explicit:
        error.__cause__ = below
    else:
        error.__context__ = below
    below.__context__ = error  # they may go round
    scrub(error, "a-secret")
    assert below.args == ("*** below",)


def test_a_signature_is_a_secret_although_nobody_names_it():
    error = Answer("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0a1b2c, X-Amz-Signature=ff&a=1")
    scrub(error)
    assert str(error) == (
        "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=***, X-Amz-Signature=***&a=1"
    )


def test_what_is_no_text_stays():
    error = Answer(7, status=403, none=None)
    scrub(error, "7")
    assert (error.args, error.status, error.none) == ((7,), 403, None)


def test_debug_messages_of_these_packages_alone_are_left_out(caplog):
    """And nothing is changed of the loggers above and beside."""
    loggers = {name: logging.getLogger(name) for name in ("an_sdk", "an_sdk.http", "an_sdkx")}
    hide_debug_log("an_sdk")
    with caplog.at_level(logging.DEBUG):
        for logger in loggers.values():
            logger.debug("debug")
            logger.info("info")
    assert [(it.name, it.message) for it in caplog.records] == [
        ("an_sdk", "info"),
        ("an_sdk.http", "info"),
        ("an_sdkx", "debug"),
        ("an_sdkx", "info"),
    ]
    assert logging.root.filters == []
