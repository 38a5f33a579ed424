"""What is known of objects, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from shoebox.storage import ObjectInfo, RangedFile, digests, is_name
from shoebox_fsspec.drivers import Driver

_TIMES = ("mtime", "modified", "last_modified", "LastModified", "updated", "created")
"""What drivers call the time of the last change; memory knows no other than the first."""
_UNKNOWN = datetime.fromtimestamp(0, UTC)


def sha256_there(driver: Driver, path: str) -> str:
    """Return the SHA-256 of what is stored, all of which is read."""
    size = driver.info(path)["size"]
    file = RangedFile(size, lambda start, end: driver.read(path, start, end))
    return digests(cast("BinaryIO", file), ["sha256"])["sha256"]


def modified(info: dict[str, Any]) -> datetime:
    """Return when the object was changed, 1970 if the driver doesn't say."""
    found = next((info[name] for name in _TIMES if info.get(name) is not None), _UNKNOWN)
    if isinstance(found, int | float):
        return datetime.fromtimestamp(found, UTC)
    if isinstance(found, str):
        found = datetime.fromisoformat(found)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def walk(driver: Driver, folder: str, above: str, prefix: str) -> Iterator[ObjectInfo]:
    """Yield the objects below a folder, whose keys begin with `above`; one listing at a time."""
    for name, info in _entries(driver, folder):
        key = above + name
        if info["type"] == "directory" and key.startswith(prefix[: len(key)]):
            yield from walk(driver, f"{folder}/{name[:-1]}", key, prefix)
        elif info["type"] == "file" and key.startswith(prefix):
            yield ObjectInfo(key, info["size"], modified(info))


def _entries(driver: Driver, folder: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the names in the folder, those of folders with a slash, so that keys sort."""
    found = []
    with suppress(FileNotFoundError, NotADirectoryError):  # gone, or no folder any more
        for info in driver.entries(folder or "/"):
            name = info["name"].rstrip("/").rpartition("/")[2]
            if is_name(name):
                found.append((name + "/" * (info["type"] == "directory"), info))
    return sorted(found, key=lambda it: it[0])
