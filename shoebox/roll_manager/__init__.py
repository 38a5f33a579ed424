"""Roll managers: write records into archives that roll, and read them back in order.

Each manager is imported when it is first asked for: who only writes does not wait for
what reading needs, nor the other way round.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from shoebox.errors import BadWorkingDirectory, NoMoreFiles, NoValidFile

if TYPE_CHECKING:
    from shoebox.roll_manager.json_lines import WritingJSONRollManager
    from shoebox.roll_manager.reading import ReadingRollManager
    from shoebox.roll_manager.split import Split
    from shoebox.roll_manager.writing import WritingRollManager

__all__ = [
    "BadWorkingDirectory",
    "NoMoreFiles",
    "NoValidFile",
    "ReadingRollManager",
    "Split",
    "WritingJSONRollManager",
    "WritingRollManager",
]

_MODULES = {
    "ReadingRollManager": "reading",
    "Split": "split",
    "WritingJSONRollManager": "json_lines",
    "WritingRollManager": "writing",
}


def __getattr__(name: str) -> object:
    """Import a manager (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    manager = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = manager
    return manager
