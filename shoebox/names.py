"""What the names of files say: which state of an archive they have, or that they are temporary."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from typing import Final

OPEN: Final = ".open"
TORN: Final = ".torn"
CORRUPT: Final = ".corrupt"
DELIVERY: Final = ".delivery"
CATALOG: Final = ".catalog"
TEMPORARY_SUFFIX: Final = ".tmp"
ASIDE: Final = (TORN, CORRUPT, DELIVERY, CATALOG, TEMPORARY_SUFFIX)
"""What is never part of a source: none of these holds an archive that is in order."""
TAKING: Final = ("", TORN, CORRUPT, DELIVERY)
"""What no new archive may find after the name that it is to have: it would be taken for its own."""

_TEMPORARY = re.compile(rf"\.[0-9a-f]{{32}}{re.escape(TEMPORARY_SUFFIX)}")


def numbered(name: str, first: int = 0) -> Iterator[str]:
    """Yield the name, then with -0001, -0002 and so on before its extension.

    `first` leaves out as many.
    """
    stem, suffix = os.path.splitext(name)  # noqa: PTH122  (Path.suffix drops a last dot)
    for number in itertools.count(first):
        yield f"{stem}-{number:04}{suffix}" if number else name


def temporary_name() -> str:
    """Return a hidden name that no other file has."""
    return f".{os.urandom(16).hex()}{TEMPORARY_SUFFIX}"


def is_temporary(name: str) -> bool:
    """Tell whether a name is one that `temporary_name` gives."""
    return _TEMPORARY.fullmatch(name) is not None
