"""Where a reader is: for each writer the number, or for each archive of version 1 the offset."""

from __future__ import annotations

import json
from collections.abc import Mapping

from shoebox.archive.batch import Batch
from shoebox.errors import RecordValueError


def render(marks: Mapping[str, int]) -> str:
    """Return the marks as text that can be saved."""
    return json.dumps(marks, sort_keys=True)


def advance(marks: dict[str, int], batch: Batch, given: int) -> None:
    """Move the mark of a batch's writer, or of its archive of version 1, behind what was given."""
    if given and batch.first is None:
        marks[batch.archive] = batch.at + 1
    elif given and batch.first is not None and batch.writer is not None:
        marks[batch.writer] = batch.first + batch.places[given - 1] + 1


def parse(position: str) -> dict[str, int]:
    """Return the marks of a position; raise RecordValueError for what none of ours is."""
    try:
        marks = json.loads(position)
    except (ValueError, RecursionError):
        marks = None
    if isinstance(marks, dict) and all(isinstance(mark, int) for mark in marks.values()):
        return marks
    raise RecordValueError(f"the position {position[:60]!r} is none that a reader gave")
