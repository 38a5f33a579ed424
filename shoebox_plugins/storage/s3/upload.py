"""Putting a file under a key where nothing, or the same, is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoebox.errors import KeyCollision, ObjectNotFound, StorageDenied, StorageUnavailable
from shoebox.storage import digests, shown
from shoebox_plugins.storage.s3.bucket import Bucket
from shoebox_plugins.storage.s3.codes import Damaged
from shoebox_plugins.storage.s3.multipart import put_parts
from shoebox_plugins.storage.s3.objects import info
from shoebox_plugins.storage.s3.reading import ranged
from shoebox_plugins.storage.s3.settings import Settings
from shoebox_plugins.storage.s3.source import DIGESTS, Source, base64_of


def put(
    bucket: Bucket, settings: Settings, key: str, source: Source, metadata: dict[str, str]
) -> None:
    """Store the file under the key, or see that it is there; never replace anything."""
    head = bucket.find(key)
    if head is not None:
        return _accept(bucket, key, source, head)
    try:
        if source.size > settings.threshold:
            put_parts(bucket, settings, key, source, metadata)
        else:
            _put_whole(bucket, settings, key, source, metadata)
    except ObjectNotFound as error:
        raise StorageDenied(f"{error}; correct endpoint_url: no S3 service is there") from error
    except KeyCollision:
        # Somebody was quicker, or it was we: the answer to an earlier try was lost.
        _accept(bucket, key, source, _taken(bucket, key))


def _put_whole(
    bucket: Bucket, settings: Settings, key: str, source: Source, metadata: dict[str, str]
) -> None:
    kind = settings.checksum
    check = "ContentMD5" if kind == "md5" else "ChecksumCRC32C"
    try:
        bucket.call(
            "put_object",
            key,
            Body=source.slice(0, source.size),
            ContentLength=source.size,
            IfNoneMatch="*",
            Metadata=metadata,
            **settings.object_parameters,
            **{check: base64_of(source.digest(kind))},
        )
    except Damaged:
        # It is the file itself, if it has rotted since its digest was made.
        source.check(kind, bytes.fromhex(source.computed(kind)))
        raise


def _taken(bucket: Bucket, key: str) -> dict[str, Any]:
    try:
        return bucket.head(key)
    except ObjectNotFound as error:
        raise _gone(bucket, key) from error


def _accept(bucket: Bucket, key: str, source: Source, head: Mapping[str, Any]) -> None:
    """Raise KeyCollision unless what is there is what the file holds."""
    try:
        same = _is_same(bucket, key, source, head)
    except ObjectNotFound as error:
        raise _gone(bucket, key) from error
    if not same:
        raise KeyCollision(
            f"{bucket}: {shown(key)}: is there with other content, and was not replaced: "
            "look at the object"
        )


def _gone(bucket: Bucket, key: str) -> StorageUnavailable:
    return StorageUnavailable(f"{bucket}: {shown(key)}: was there, and is gone; try again")


def _is_same(bucket: Bucket, key: str, source: Source, head: Mapping[str, Any]) -> bool:
    """Compare by size and what the service computed, else by reading the object back."""
    stored = info(key, head)
    if stored.size != source.size:
        return False
    kinds = stored.checksums.keys() & DIGESTS.keys()
    if kinds:
        return all(stored.checksums[kind] == source.digest(kind).hex() for kind in kinds)
    with ranged(bucket, key, head) as file:
        return digests(file, ["sha256"])["sha256"] == source.computed("sha256")
