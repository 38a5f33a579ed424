"""Recovery of a spool, and what is said of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from shoebox.archive import recover_all
from shoebox.archive.recovery import Recovery
from shoebox.cli import messages
from shoebox.spool import TORN, Spool


def recovered(spool: Spool, left: Collection[str] = ()) -> Iterator[Recovery]:
    """Recover what was left open; say of each archive what became of it, and yield it.

    Nothing is said again of those that were `left` for a reason that this has, as their text.
    """
    before = set(spool.names(TORN))
    for recovery in recover_all(spool):
        torn = set(spool.names(TORN))
        if str(recovery) not in left:
            messages.say(str(recovery) + _rest(spool, recovery, torn - before, torn))
        before = torn
        yield recovery


def _rest(spool: Spool, recovery: Recovery, new: set[str], all_torn: set[str]) -> str:
    """Say where the cut-off tail is; one that was saved before the last crash is not new."""
    first = recovery.path.name.removesuffix(".open") + TORN
    found = new or {first} & all_torn
    if not (recovery.torn and found):
        return ""
    path = spool.path / min(found)
    return f"; what was cut off is in {path}: shoebox cat {path} shows what records it holds"
