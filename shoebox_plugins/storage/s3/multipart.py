"""Uploading a large file in parts, several at once, all or nothing."""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Any

from shoebox.errors import ObjectNotFound, StorageError, StorageUnavailable
from shoebox.escaping import logger
from shoebox.storage import shown
from shoebox_plugins.storage.s3.bucket import Bucket
from shoebox_plugins.storage.s3.settings import Settings
from shoebox_plugins.storage.s3.source import DIGESTS, Source, base64_of

_log = logger(__name__)

MOST_PARTS = 10_000


def put_parts(
    bucket: Bucket, settings: Settings, key: str, source: Source, metadata: dict[str, str]
) -> None:
    """Store the file under the key; whatever fails, no part of it stays there.

    What killed processes left of uploads under this very key is aborted first: of those
    who upload an archive only one holds its lock. Were there a second one after all,
    it would find its own upload gone, and try again.
    """
    _abort_leftovers(bucket, settings.prefix, key)
    full = {} if settings.checksum == "md5" else _FULL_CRC32C
    made = bucket.call(
        "create_multipart_upload", key, Metadata=metadata, **settings.object_parameters, **full
    )
    upload = Upload(bucket, settings, key, source, made["UploadId"])
    try:
        upload.send()
        upload.complete()
    except BaseException:
        abort(bucket, key, made["UploadId"])
        raise


_FULL_CRC32C = {"ChecksumAlgorithm": "CRC32C", "ChecksumType": "FULL_OBJECT"}


class Upload:
    """One upload under way: workers take the parts in turn, and send them beside each other.

    Digests of a part, and of the file up to its end, are made in one pass when it is taken.
    """

    def __init__(
        self, bucket: Bucket, settings: Settings, key: str, source: Source, upload_id: str
    ) -> None:
        self._bucket = bucket
        self._kind = settings.checksum
        self._workers = settings.max_concurrency
        self._part_size = max(settings.part_size, -(-source.size // MOST_PARTS))
        self._key = key
        self._source = source
        self._id = upload_id
        self._lock = Lock()
        self._stop = Event()
        self._taken = 0
        self._whole = DIGESTS[self._kind]()
        self._parts: dict[int, dict[str, Any]] = {}
        self._error: BaseException | None = None

    def send(self) -> None:
        """Send all parts; raise what the first one that failed has raised."""
        threads: list[Thread] = []
        try:
            self._start(threads)
            for thread in threads:
                thread.join()
        except RuntimeError as error:
            raise StorageUnavailable(f"{shown(self._key)}: no thread can be started") from error
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
        if self._error is not None:
            raise self._error

    def _start(self, threads: list[Thread]) -> None:
        """Start the threads, none of which takes a part before all have been started.

        An interrupt may come before one that was started is known: it must send nothing.
        """
        with self._lock:
            try:
                while len(threads) < min(self._workers, self._count):
                    thread = Thread(target=self._work, name=f"part of {self._key}", daemon=True)
                    thread.start()
                    threads.append(thread)
            except BaseException:
                self._stop.set()
                raise

    def complete(self) -> None:
        """Make the object of the parts, unless they are not what the caller said of the file."""
        self._source.check_size()
        digest = self._whole.digest()
        self._source.check(self._kind, digest)
        full = {
            "ChecksumCRC32C": base64_of(digest),
            "ChecksumType": "FULL_OBJECT",
            "MpuObjectSize": self._source.size,
        }
        answer = self._call(
            "complete_multipart_upload",
            MultipartUpload={"Parts": [self._parts[number] for number in sorted(self._parts)]},
            IfNoneMatch="*",
            **({} if self._kind == "md5" else full),
        )
        if not answer.keys() & {"ETag", "Key"}:
            raise StorageUnavailable(f"{shown(self._key)}: the service's answer was cut; try again")

    @property
    def _count(self) -> int:
        return -(-self._source.size // self._part_size)

    def _work(self) -> None:
        try:
            while not self._stop.is_set() and self._send_one():
                pass
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            with self._lock:
                self._error = error if self._error is None else self._error
            self._stop.set()

    def _send_one(self) -> bool:
        """Send the next part; tell whether there was one."""
        with self._lock:
            if self._stop.is_set() or self._taken == self._count:
                return False
            start = self._taken * self._part_size
            self._taken = number = self._taken + 1
            body = self._source.slice(
                start, min(start + self._part_size, self._source.size), self._stop
            )
            digest = DIGESTS[self._kind]()
            body.update(digest, self._whole)
        text = base64_of(digest.digest())
        check = {"ContentMD5" if self._kind == "md5" else "ChecksumCRC32C": text}
        answer = self._call(
            "upload_part", PartNumber=number, Body=body, ContentLength=len(body), **check
        )
        part = {"PartNumber": number, "ETag": answer["ETag"]}
        self._parts[number] = part if self._kind == "md5" else {**part, **check}
        return True

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            return self._bucket.call(operation, self._key, UploadId=self._id, **parameters)
        except ObjectNotFound as error:
            raise StorageUnavailable(str(error)) from error


def abort(bucket: Bucket, key: str, upload_id: str) -> None:
    """Remove an upload; one that is gone is fine, and one that stays is named in the log."""
    try:
        _abort(bucket, key, upload_id)
    except StorageError as error:
        _log.warning("an upload can't be aborted, the next one of this key does it: %s", error)


def _abort(bucket: Bucket, key: str, upload_id: str) -> None:
    with suppress(ObjectNotFound):
        bucket.call("abort_multipart_upload", key, UploadId=upload_id)


def _abort_leftovers(bucket: Bucket, prefix: str, key: str) -> None:
    """Remove what is left of earlier uploads: once there is an object nobody looks for it."""
    try:
        for page in bucket.pages("list_multipart_uploads", key):
            for upload in page.get("Uploads", []):
                if upload["Key"] == prefix + key:
                    _abort(bucket, key, upload["UploadId"])
    except StorageUnavailable:
        raise
    except StorageError as error:
        _log.info("uploads that were left behind can't be removed: %s", error)
