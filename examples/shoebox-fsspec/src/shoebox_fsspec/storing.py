"""A put: a draft, read back and compared, that is given its name if that is free."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from shoebox.errors import KeyCollision, StorageUnavailable
from shoebox.storage import digests
from shoebox_fsspec import sidecars
from shoebox_fsspec.drivers import Driver
from shoebox_fsspec.faults import PUTTING, translated
from shoebox_fsspec.reading import sha256_there

_CHUNK = 1 << 20


def store(driver: Driver, path: str, source: BinaryIO, metadata: dict[str, str]) -> None:
    """Store the file, or find it there; raise KeyCollision if something else is."""
    with translated(path, PUTTING):
        taken = driver.kind(path) is not None
    if taken or not _store_new(driver, path, source, metadata):
        source.seek(0)
        sha256 = metadata.get("sha256") or digests(source, ["sha256"])["sha256"]
        with translated(path, PUTTING):
            _accept(driver, path, sha256)


def _store_new(driver: Driver, path: str, source: BinaryIO, metadata: dict[str, str]) -> bool:
    """Store the file; tell whether its name was free until the end."""
    draft = sidecars.beside(path)
    try:
        sha256 = _upload(driver, draft, source, metadata.get("sha256"))
        with translated(path, PUTTING):
            _verify(driver, draft, sha256)
            if metadata:
                sidecars.write(driver, sidecars.sidecar(path, sha256), metadata)
            return _publish(driver, draft, path)
    except BaseException:
        with suppress(Exception):  # what has failed before is what counts
            driver.remove(draft)
        raise


def _upload(driver: Driver, draft: str, source: BinaryIO, expected: str | None) -> str:
    """Write the draft; return the SHA-256 of the file, which was read as it is."""
    size = os.fstat(source.fileno()).st_size
    digest = hashlib.sha256()
    with _created(driver, draft) as target:
        while chunk := source.read(_CHUNK):
            with translated(draft, PUTTING):
                target.write(chunk)
            digest.update(chunk)
    if source.tell() != size or digest.hexdigest() != (expected or digest.hexdigest()):
        raise StorageUnavailable(
            f"{draft}: the file changed while it was stored, or is not what its SHA-256 says; "
            "try again, and look at its disk if it stays so"
        )
    return digest.hexdigest()


@contextmanager
def _created(driver: Driver, draft: str) -> Iterator[BinaryIO]:
    """Yield a new file there; what reading here raises in the block stays what it is."""
    with translated(draft, PUTTING):
        target = driver.create(draft)
    try:
        yield target
    except BaseException:
        with suppress(Exception):
            target.close()
        raise
    with translated(draft, PUTTING):
        target.close()


def _verify(driver: Driver, draft: str, sha256: str) -> None:
    """Make the draft durable, and compare it with what was sent."""
    driver.sync(draft)
    if sha256_there(driver, draft) != sha256:
        raise StorageUnavailable(f"{draft}: is not what was sent, and was removed; try again")


def _publish(driver: Driver, draft: str, path: str) -> bool:
    """Give the draft its name; tell whether that was free."""
    try:
        driver.publish(draft, path)
    except FileExistsError:
        driver.remove(draft)
        return False
    driver.sync_folder(posixpath.dirname(path))
    return True


def _accept(driver: Driver, path: str, sha256: str) -> None:
    """Make what is there durable if it is the same content, else raise KeyCollision."""
    kind = driver.kind(path)
    if kind is None:
        raise StorageUnavailable(f"{path}: was there, and is gone; try again")
    if kind == "file" and sha256_there(driver, path) == sha256:
        driver.sync(path)  # whoever put it may have been killed before
        driver.sync_folder(posixpath.dirname(path))
        return
    with suppress(FileNotFoundError):
        driver.remove(sidecars.sidecar(path, sha256))
    raise KeyCollision(f"{path}: is there with other content, and was not replaced")
