"""Static large objects: files over the segment size, as segments and a manifest of them.

A segment is called CONTAINER/NAME/ID/NUMBER-MD5 in the segments' container. ID is a try's
own, so that what it has sent can be removed when it fails, whatever became of other tries.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from threading import Event, Lock
from typing import Any

import msgspec

from shoebox.errors import (
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageError,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.escaping import logger
from shoebox_plugins.storage.swift.account import Account
from shoebox_plugins.storage.swift.body import Body, Segment, cut, md5
from shoebox_plugins.storage.swift.errors import reason
from shoebox_plugins.storage.swift.info import WHOLE, is_large
from shoebox_plugins.storage.swift.settings import Settings

_log = logger(__name__)

_GET = "multipart-manifest=get"
_PUT = "multipart-manifest=put"
_SEGMENT = re.compile(r"[0-9a-f]{32}/[0-9]{8}-[0-9a-f]{32}")


class _Part(msgspec.Struct):
    """A segment in a manifest: /CONTAINER/NAME."""

    name: str


class LargeObjects:
    """Puts large objects, one at a time, and removes what a put has left behind."""

    def __init__(self, account: Account, settings: Settings) -> None:
        self._account = account
        self._settings = settings
        self._container = settings.segment_container
        self._lock = Lock()

    def put(
        self, name: str, fd: int, size: int, headers: Mapping[str, str], expected: str | None
    ) -> None:
        """Store a file of which `expected`, if it is known, is the MD5.

        Raise KeyCollision if there is an object. Whatever is raised, the segments are
        removed, except where the manifest may have been stored nevertheless.
        """
        with self._lock:
            folder = f"{self._folder(name)}{os.urandom(16).hex()}/"
            sent: list[str] = []
            try:
                segments, whole = self._send_segments(folder, fd, size, headers, sent)
                if expected not in {None, whole}:
                    raise StorageUnavailable(
                        f"{self._account.where(self._settings.container, name)}: the file is not "
                        "what the MD5 in its metadata is of, and was not stored"
                    )
            except BaseException:
                self._discard(name, sent)
                raise
            try:
                self._send_manifest(name, folder, segments, whole, headers)
            except (KeyCollision, StorageRejected, StorageDenied, ObjectNotFound) as error:
                self._discard(name, sent)
                if "Errors:" in reason(error.__cause__):
                    # It does not see, or no longer sees, segments that it took.
                    raise StorageUnavailable(f"{error}; try again") from error
                raise
            self.sweep(name, sent)

    def segments(self, name: str) -> list[tuple[str, str]]:
        """Return container and name of each of an object's segments, none if it is not large.

        Raise ObjectNotFound where there is no object.
        """
        container = self._settings.container
        if not is_large(self._account.head(container, name)):
            return []
        try:
            with self._account.reading(container, name, query=_GET) as (_, body):
                parts = msgspec.json.decode(body.read(), type=list[_Part])
        except msgspec.DecodeError as error:
            where = self._account.where(container, name)
            raise StorageUnavailable(f"{where}: its manifest can't be read: {error}") from error
        paths = (part.name.lstrip("/").partition("/") for part in parts)
        return [(container, path) for container, _, path in paths]

    def tidy(self, name: str) -> None:
        """Remove the segments that other tries of an object have left, which is there."""
        try:
            segments = self.segments(name)
        except ObjectNotFound as error:
            # Were that believed, the object would lose what it is made of.
            where = self._account.where(self._settings.container, name)
            raise StorageUnavailable(f"{where}: was there, and is gone; try again") from error
        self.sweep(name, {path for container, path in segments if container == self._container})

    def sweep(self, name: str, used: Collection[str]) -> None:
        """Remove the segments of this name that are not used; log what can't be removed."""
        folder = self._folder(name)
        try:
            for entry in self._account.listing(self._container, folder):
                path = entry.name
                if _SEGMENT.fullmatch(path.removeprefix(folder)) and path not in used:
                    self.remove(self._container, path)
        except ObjectNotFound:
            pass  # the container: there never was a segment
        except StorageError as error:
            _log.warning("segments of %s that nothing uses are left: %s", name, error)

    def remove(self, container: str, path: str) -> None:
        """Remove a segment; one that is gone already is fine."""
        with suppress(ObjectNotFound):
            self._account.delete(container, path)

    def _discard(self, name: str, sent: Collection[str]) -> None:
        """Remove what a try has sent that failed, which is what is raised."""
        try:
            for path in sent:
                self.remove(self._container, path)
        except StorageError as error:
            _log.warning("segments of %s that nothing uses are left: %s", name, error)

    def _folder(self, name: str) -> str:
        return f"{self._settings.container}/{name}/"

    def _send_segments(
        self, folder: str, fd: int, size: int, headers: Mapping[str, str], sent: list[str]
    ) -> tuple[list[Segment], str]:
        """Send a few segments at once, while the next is being digested."""
        whole = md5()
        segments: list[Segment] = []
        jobs: list[Future[None]] = []
        failures: list[BaseException] = []
        stop = Event()

        def send(*arguments: Any) -> None:
            # What is next in the queue is begun before this thread hears of a failure.
            if failures:
                return
            try:
                self._send(*arguments)
            except BaseException as error:  # noqa: BLE001 - it is raised below
                failures.append(error)
                stop.set()

        with ThreadPoolExecutor(self._settings.max_concurrency) as pool:
            try:
                for segment in cut(fd, size, self._settings.segment_size, whole):
                    segments.append(segment)
                    sent.append(folder + _name(segment))
                    body = Body(fd, segment.offset, segment.size, stop)
                    jobs.append(pool.submit(send, sent[-1], segment, body, headers))
                    if failures:
                        break
                wait(jobs)
            except BaseException:
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        if failures:
            raise failures[0]
        return segments, whole.hexdigest()

    def _send(self, path: str, segment: Segment, body: Body, headers: Mapping[str, str]) -> None:
        lasting = {name: value for name, value in headers.items() if name == "X-Delete-After"}
        try:
            self._account.put(
                self._container, path, body, size=segment.size, etag=segment.md5, headers=lasting
            )
        except ObjectNotFound as error:
            raise self._account.missing(self._container) from error

    def _send_manifest(
        self,
        name: str,
        folder: str,
        segments: list[Segment],
        whole: str,
        headers: Mapping[str, str],
    ) -> None:
        manifest = json.dumps(
            [
                {
                    "path": f"/{self._container}/{folder}{_name(segment)}",
                    "etag": segment.md5,
                    "size_bytes": segment.size,
                }
                for segment in segments
            ]
        ).encode()
        expected = md5()
        for segment in segments:
            expected.update(segment.md5.encode())
        etag = expected.hexdigest()
        self._account.put(
            self._settings.container,
            name,
            manifest,
            size=len(manifest),
            headers={**headers, "If-None-Match": "*", WHOLE: f"{etag} {whole}"},
            etag=etag,
            query=_PUT,
        )


def _name(segment: Segment) -> str:
    return f"{segment.number:08}-{segment.md5}"
