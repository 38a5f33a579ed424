"""The S3 backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self

from oslo_config import cfg

from shoebox.errors import InvalidName
from shoebox.escaping import logger
from shoebox.files import Directory
from shoebox.storage import ObjectInfo, StorageBackend, check_metadata, shown, validate_key
from shoebox_plugins.storage.s3 import objects
from shoebox_plugins.storage.s3.options import OPTIONS
from shoebox_plugins.storage.s3.settings import settings
from shoebox_plugins.storage.s3.source import Source

if TYPE_CHECKING:
    from shoebox_plugins.storage.s3.bucket import Bucket

_log = logger(__name__)


class S3Backend(StorageBackend):
    """Keeps objects in a bucket, below a prefix.

    The options are those of `OPTIONS`. Credentials that are left out are found by boto3.
    boto3 is imported when the first backend is made; a configuration that it refuses
    is a ConfigError.

    A put looks first what is there, uploads create-only, in parts over
    `multipart_threshold_mb`, and carries a CRC-32C of the whole object, or with
    `checksum = md5` a Content-MD5 of each request. Such services may ignore "create only":
    there the look before is all that guards the key.

    A call after `close` opens new connections.
    """

    OPTIONS: ClassVar[tuple[cfg.Opt, ...]] = OPTIONS

    def __init__(self, *, bucket: str, **options: Any) -> None:
        # boto3 is slow to import, and not everybody's.
        from shoebox_plugins.storage.s3.bucket import Bucket  # noqa: PLC0415

        self._settings = settings({**options, "bucket": bucket})
        self._bucket: Bucket = Bucket(self._settings)
        self.checksums = frozenset({self._settings.checksum})
        self._named_foreign = False

    @classmethod
    def from_url(cls, bucket: str, /, **options: Any) -> Self:
        """Return the backend for `s3://bucket/`; a URL has its prefix in its own path.

        Options may be a whole section's, with its bucket: thus the first is positional.
        """
        return cls(**{**options, "bucket": bucket, "prefix": None})

    def put(self, key: str, path: Path, metadata: Mapping[str, str] | None = None) -> None:
        """Store the file, with the metadata as the object's own."""
        from shoebox_plugins.storage.s3 import upload  # noqa: PLC0415 - as above

        path, key, plain = Path(path), validate_key(key), check_metadata(metadata)
        with Directory(path.parent) as folder, folder.reading(path.name) as file:
            upload.put(self._bucket, self._settings, key, Source(path, file, plain), plain)

    def get(self, key: str, path: Path) -> None:
        """Write the object to a new file."""
        from shoebox_plugins.storage.s3 import reading  # noqa: PLC0415 - as above

        reading.download(self._bucket, validate_key(key), Path(path))

    def open(self, key: str) -> BinaryIO:
        """Return the object as a file."""
        from shoebox_plugins.storage.s3 import reading  # noqa: PLC0415 - as above

        return reading.ranged(self._bucket, key, self._bucket.head(validate_key(key)))

    def stat(self, key: str) -> ObjectInfo:
        """Return what the service says of the object; nothing of it is read."""
        return objects.info(key, self._bucket.head(validate_key(key)))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose names are keys, without checksums and metadata.

        They are sorted here, with size and time of each in memory: services that keep
        objects in folders list them in another order.
        """
        for key, size, modified in sorted(self._listed(prefix)):
            yield ObjectInfo(key, size, modified)

    def delete(self, key: str) -> None:
        """Remove the object."""
        self._bucket.head(validate_key(key))
        self._bucket.call("delete_object", key)

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._bucket.close()

    def _listed(self, prefix: str) -> Iterator[tuple[str, int, datetime]]:
        for page in self._bucket.pages("list_objects_v2", prefix):
            for found in page.get("Contents", []):
                key = found["Key"].removeprefix(self._settings.prefix)
                if self._is_ours(key):
                    yield key, found["Size"], found["LastModified"]

    def _is_ours(self, name: str) -> bool:
        """Tell whether the name is a key; the first one that is not is named in the log."""
        try:
            validate_key(name)
        except InvalidName as error:
            if not self._named_foreign:
                _log.warning(
                    "%s: holds objects that are not ours, which are left alone, such as %s (%s)",
                    self._bucket,
                    shown(name),
                    error,
                )
            self._named_foreign = True
            return False
        return True
