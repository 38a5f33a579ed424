"""Reading an object: ranges of it, or the whole into a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from shoebox.errors import StorageUnavailable
from shoebox.files import Directory, publishing
from shoebox.storage import RangedFile, digests, shown
from shoebox_plugins.storage.s3.bucket import Bucket
from shoebox_plugins.storage.s3.objects import info
from shoebox_plugins.storage.s3.source import CHUNK


def ranged(bucket: Bucket, key: str, head: Mapping[str, Any]) -> BinaryIO:
    """Return the object that a HEAD has found as a file."""

    def fetch(start: int, end: int) -> bytes:
        with bucket.body(key, head["ETag"], f"bytes={start}-{end - 1}") as body:
            data = body.read(end - start + 1)
        if len(data) != end - start:
            raise StorageUnavailable(
                f"{bucket}: {shown(key)}: {len(data)} bytes came instead of {end - start}; "
                "try again"
            )
        return data

    return cast("BinaryIO", RangedFile(int(head["ContentLength"]), fetch))


def download(bucket: Bucket, key: str, path: Path) -> None:
    """Write the object to a new file, which gets its name when it is whole and compared."""
    head = bucket.head(key)
    with Directory(path.parent) as folder, publishing(folder, path.name) as target:
        with bucket.body(key, head["ETag"]) as body:
            while chunk := body.read(CHUNK):
                target.write(chunk)
        _compare(bucket, key, head, target)


def _compare(bucket: Bucket, key: str, head: Mapping[str, Any], target: BinaryIO) -> None:
    stored = info(key, head)
    size = target.tell()
    target.seek(0)
    if size != stored.size or digests(target, stored.checksums) != stored.checksums:
        raise StorageUnavailable(
            f"{bucket}: {shown(key)}: was damaged on the way ({size} of {stored.size} bytes); "
            "try again"
        )
