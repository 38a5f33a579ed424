"""For authors of plugins: tests to subclass, and backends in memory.

A plugin's tests subclass `StorageBackendTests`, `RollCheckerTests` or `CallbackTests`
and say how the plugin is made; whatever needs more of the author is a class of its own
to add beside it, so that no test passes for want of what it needs. `MemoryBackend`
keeps objects in memory, `FaultyBackend` has another backend fail on command.

Only the classes of tests for storage need pytest; it is imported when they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shoebox.testing.callbacks import CallbackTests
from shoebox.testing.checkers import DueTests, FakeArchive, RollCheckerTests
from shoebox.testing.faulty import Fault, FaultyBackend
from shoebox.testing.memory import MemoryBackend

if TYPE_CHECKING:
    from shoebox.testing.storage import (
        DeniedTests,
        PartsTests,
        RaceTests,
        StorageBackendTests,
        UnavailableTests,
    )

__all__ = [
    "CallbackTests",
    "DeniedTests",
    "DueTests",
    "FakeArchive",
    "Fault",
    "FaultyBackend",
    "MemoryBackend",
    "PartsTests",
    "RaceTests",
    "RollCheckerTests",
    "StorageBackendTests",
    "UnavailableTests",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> type:
        """Import what needs pytest when it is first used."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from shoebox.testing import storage  # noqa: PLC0415 - it needs pytest

        return getattr(storage, name)
