"""Hearing all that is said, by every logger and of every error."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = (
    "",
    "boto3",
    "botocore",
    "botocore.auth",
    "botocore.endpoint",
    "botocore.hooks",
    "botocore.parsers",
    "keystoneauth",
    "keystoneauth.session",
    "keystoneauth.identity",
    "oslo.config",
    "oslo_config",
    "requests",
    "s3transfer",
    "shoebox",
    "shoebox_plugins",
    "swiftclient",
    "urllib3",
    "urllib3.connectionpool",
)
SHORTEST = 12
"""Characters of a secret that are too many to be seen: SDKs show the beginnings of some."""


class Ear(logging.Handler):
    """Keeps every line, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.errors = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {self.format(record)}")

    def hear(self, error: BaseException) -> None:
        """Take down all that an error says, with what it was made from."""
        self.errors += 1
        self.lines += [str(error), repr(error), *traceback.format_exception(error)]

    def heard(self, secrets: list[str]) -> list[str]:
        """Return the lines that a secret is in, or its beginning or its end."""
        parts = [part for it in secrets for part in (it[:SHORTEST], it[-SHORTEST:])]
        return [line for line in self.lines if any(part in line for part in parts)]


@contextmanager
def listening() -> Iterator[Ear]:
    """Hear everything, all loggers at DEBUG, as those do that are made by then and later."""
    ear = Ear()
    names = {*LOGGERS, *logging.root.manager.loggerDict}
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG if name in LOGGERS else logging.NOTSET)
    logging.root.addHandler(ear)
    try:
        yield ear
    finally:
        logging.root.removeHandler(ear)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
