"""What the program ends with: an exit code for each class of error, and a sentence."""

from __future__ import annotations

import os

from shoebox.errors import (
    BadWorkingDirectory,
    ConfigError,
    InvalidName,
    ShoeboxError,
    StorageDenied,
    StorageUnavailable,
)
from shoebox.escaping import cause

FINE = 0
DATA = 1
"""A record, an archive or a file that is not as it should be."""
USAGE = 2
"""The command line, the configuration or the working directory has to be changed."""
STORAGE = 3
"""The storage can't be reached, or denies."""
INTERRUPTED = 130
CLOSED_PIPE = 141
"""Nobody reads the output any more; what a shell gives a program that SIGPIPE has ended."""

_USAGE = (ConfigError, BadWorkingDirectory, InvalidName)
_STORAGE = (StorageDenied, StorageUnavailable)


def code_of(error: Exception) -> int:
    """Return the exit code of a program that ends with this error."""
    if isinstance(error, _USAGE):
        return USAGE
    return STORAGE if isinstance(error, _STORAGE) else DATA


def sentence_of(error: Exception) -> str:
    """Return what went wrong in words for a user."""
    if isinstance(error, ShoeboxError):
        return str(error)
    if isinstance(error, OSError) and error.strerror is not None:
        file = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return f"{file}{error.strerror}"
    return f"{cause(error)}; --debug shows where"
