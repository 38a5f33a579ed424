"""Shoebox keeps every record it is handed, ships the archives, and finds a record again."""

from __future__ import annotations

from importlib.util import find_spec


def compiled() -> bool:
    """Tell whether records go through compiled modules; else through the same in pure Python."""
    spec = find_spec("shoebox.format.section")
    return spec is not None and spec.origin is not None and not spec.origin.endswith(".py")
