"""The objects in a folder and in those below it, in the order of their keys."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from shoebox.files import Directory
from shoebox.storage import ObjectInfo, is_name


def walk(folder: Directory, prefix: str, above: str = "") -> Iterator[ObjectInfo]:
    """Yield the objects whose keys begin with the prefix; the folder's own begin with `above`.

    The names of one folder at a time are in memory, and of those above it.
    """
    for entry in _entries(folder):
        key = above + entry
        if entry.endswith("/") and key.startswith(prefix[: len(key)]):
            yield from _walk_into(folder, entry[:-1], prefix, key)
        elif key.startswith(prefix):
            yield from _object(folder, entry, key)


def info(
    key: str,
    status: os.stat_result,
    checksums: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> ObjectInfo:
    """Return what is known of an object."""
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    return ObjectInfo(key, status.st_size, modified, checksums or {}, metadata or {})


def _walk_into(folder: Directory, name: str, prefix: str, above: str) -> Iterator[ObjectInfo]:
    try:
        inner = folder.folder(name)
    except (FileNotFoundError, NotADirectoryError):  # gone, or no folder any more
        return
    with inner:
        yield from walk(inner, prefix, above)


def _entries(folder: Directory) -> list[str]:
    """Return the names in the folder, those of folders with a slash, so that keys sort."""
    with folder.listing() as entries:
        return sorted(
            f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
            for entry in entries
            if is_name(entry.name)
        )


def _object(folder: Directory, name: str, key: str) -> Iterator[ObjectInfo]:
    """Yield what is known of the object, unless it is gone or no file."""
    with suppress(FileNotFoundError):
        status = folder.stat(name)
        if stat.S_ISREG(status.st_mode):
            yield info(key, status)
