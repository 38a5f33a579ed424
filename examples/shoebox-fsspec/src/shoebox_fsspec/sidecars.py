"""An object's metadata, in a hidden file beside it."""

from __future__ import annotations

import hashlib
import json
import posixpath
from contextlib import suppress

from shoebox.errors import StorageRejected
from shoebox.files import temporary_name
from shoebox_fsspec.drivers import Driver

_MAX = 1 << 16


def beside(path: str) -> str:
    """Return the path of a draft in the same folder, which nobody else has."""
    return posixpath.join(posixpath.dirname(path), temporary_name())


def sidecar(path: str, sha256: str) -> str:
    """Return the path of the metadata of the object that has this content.

    Bound to the content, so that of two puts under one key the loser can't change the
    winner's; and hashed, so that it is never too long.
    """
    folder, name = posixpath.split(path)
    hidden = f".{hashlib.sha256(name.encode()).hexdigest()}-{sha256}"
    return posixpath.join(folder, hidden)


def write(driver: Driver, path: str, metadata: dict[str, str]) -> None:
    """Write a sidecar, whole; the one of an earlier put of the same content stays."""
    draft = beside(path)
    try:
        with driver.create(draft) as file:
            file.write(json.dumps(metadata).encode())
        driver.sync(draft)
        driver.publish(draft, path)
        driver.sync_folder(posixpath.dirname(path))
    except FileExistsError:
        driver.remove(draft)


def read(driver: Driver, path: str) -> dict[str, str]:
    """Return what a sidecar holds, nothing if there is none."""
    try:
        size = driver.info(path)["size"]
    except FileNotFoundError:  # put without metadata, or copied there
        return {}
    try:
        found = json.loads(driver.read(path, 0, min(size, _MAX)))
        return {str(key): str(value) for key, value in found.items()}
    except (ValueError, AttributeError) as error:
        raise StorageRejected(
            f"{path}: is not an object's metadata ({type(error).__name__}); remove the file"
        ) from error


def remove_all(driver: Driver, path: str) -> None:
    """Remove every sidecar of the name."""
    begins = posixpath.basename(sidecar(path, ""))
    with suppress(FileNotFoundError):  # where a folder is gone with what it held
        for entry in driver.entries(posixpath.dirname(path)):
            if posixpath.basename(entry["name"]).startswith(begins):
                driver.remove(entry["name"])
