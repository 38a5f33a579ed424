"""What the headers of an object, or its line in a listing, say of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from shoebox.errors import StorageUnavailable
from shoebox.storage import ObjectInfo, shown

WHOLE = "x-object-meta-shoebox-whole"
"""Of a large object: its ETag, and the MD5 of its whole content, which no service computes.

Both are made in one pass over the file, and the service has checked the MD5 of each
segment. So as long as the object's ETag, the MD5 of those, is still this one, the other is
that of what is stored.
"""

_META = "x-object-meta-"
_MD5 = re.compile(r"[0-9a-f]{32}")


class Entry(msgspec.Struct):
    """An object in a listing."""

    name: str
    bytes: int
    last_modified: str


def info(key: str, headers: Mapping[str, str]) -> ObjectInfo:
    """Return what the headers say, their names in lower case."""
    try:
        size = int(headers["content-length"])
        modified = parsedate_to_datetime(headers["last-modified"])
    except (KeyError, ValueError) as error:
        raise StorageUnavailable(f"{key}: the answer lacks size or time; try again") from error
    md5 = _md5(headers)
    return ObjectInfo(key, size, modified, {"md5": md5} if md5 else {}, _metadata(headers))


def listed(key: str, entry: Entry) -> ObjectInfo:
    """Return what a listing says; its hash is not always the content's MD5."""
    try:
        modified = datetime.fromisoformat(entry.last_modified).replace(tzinfo=UTC)
    except ValueError as error:
        when = shown(entry.last_modified)
        raise StorageUnavailable(f"{key}: was modified at {when}, says the listing") from error
    return ObjectInfo(key, entry.bytes, modified)


def etag(headers: Mapping[str, str]) -> str:
    """Return the object's ETag without quotes."""
    return headers.get("etag", "").strip('"')


def is_large(headers: Mapping[str, str]) -> bool:
    """Tell whether these are a static large object's headers."""
    return headers.get("x-static-large-object", "").lower() == "true"


def _md5(headers: Mapping[str, str]) -> str | None:
    """Return the MD5 of the content; the ETag of what has parts is not that."""
    if "x-object-manifest" in headers:
        return None
    found = etag(headers)
    if is_large(headers):
        manifest, _, found = headers.get(WHOLE, "").partition(" ")
        if manifest != etag(headers):
            return None
    return found if _MD5.fullmatch(found) else None


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    hidden = {WHOLE} if is_large(headers) else set()
    return {
        name.removeprefix(_META): value
        for name, value in headers.items()
        if name.startswith(_META) and name not in hidden
    }
