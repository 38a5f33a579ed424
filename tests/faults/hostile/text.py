"""Text that forges a line of a log, commands a terminal, or turns round what is shown."""

from __future__ import annotations

from shoebox.escaping import LONGEST

FORGED = "2026-01-01 00:00:00 CRITICAL all is lost"
HOSTILE = f"evil\n{FORGED}\r\n\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp\u2028\u2066\ufeff\x00\x7f"
NAME = HOSTILE.replace("\x00", "").replace("/", "")
"""What of it a file may be called."""
HUGE = HOSTILE + "x" * 1_000_000
SURROGATE = "lone\udc9b\ud800"
"""What no UTF-8 holds, though a file may be called so."""


def unsound(text: str, *beginnings: str, longest: int = 3 * LONGEST) -> list[str]:
    """Return the lines that can't be shown, are endless, or begin with none of these."""
    lines = text.removesuffix("\n").split("\n") if text else []
    return [
        ascii(line[:300])
        for line in lines
        if not line.isprintable()
        or len(line) > longest
        or not line.startswith(beginnings or "")
        or line.startswith(FORGED)
    ]
