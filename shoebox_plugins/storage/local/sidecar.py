"""An object's metadata: a hidden file beside it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

import msgspec

from shoebox.errors import StorageRejected
from shoebox.files import NO_FILE, Directory, drafting, temporary_name

_MAX_METADATA = 1 << 16


def name_of(name: str, sha256: str) -> str:
    """Return the name of the file beside an object.

    It is bound to the content, so that of two puts of different content under one
    key the loser can't change the winner's; and hashed, so that it is never too long.
    """
    return f".{hashlib.sha256(name.encode()).hexdigest()}-{sha256}"


def write(folder: Directory, name: str, metadata: Mapping[str, str]) -> None:
    """Make the metadata durable; what a put that was killed left there is replaced."""
    draft = temporary_name()
    with drafting(folder, draft) as file:
        file.write(msgspec.json.encode(metadata))
        file.flush()
        os.fsync(file.fileno())
        folder.rename(draft, name)
        folder.sync()


def read(folder: Directory, name: str) -> dict[str, str]:
    """Return the metadata; raise StorageRejected where the file holds none."""
    try:
        return msgspec.json.decode(folder.read(name, _MAX_METADATA), type=dict[str, str])
    except FileNotFoundError:  # a file that was not put, but copied here
        return {}
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
        raise _none(folder, name, error) from error
    except msgspec.DecodeError as error:
        raise _none(folder, name, error) from error


def _none(folder: Directory, name: str, error: Exception) -> StorageRejected:
    return StorageRejected(
        f"{folder.path / name}: is not an object's metadata ({error}); remove the file"
    )
