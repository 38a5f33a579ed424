"""What a service says of an object, and whether that is a file's content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shoebox.storage import ObjectInfo
from shoebox_plugins.storage.s3.source import hex_of

_MD5 = re.compile(r'"?([0-9a-f]{32})"?')
_FIELDS = {"crc32c": "ChecksumCRC32C", "sha256": "ChecksumSHA256"}


def info(key: str, head: Mapping[str, Any]) -> ObjectInfo:
    """Return what the answer to a HEAD says."""
    metadata = {name.lower(): value for name, value in head.get("Metadata", {}).items()}
    return ObjectInfo(
        key, int(head["ContentLength"]), head["LastModified"], checksums(head), metadata
    )


def checksums(head: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of the whole object, as far as the service computed them itself."""
    found = {}
    if head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT":
        for kind, field in _FIELDS.items():
            # That of an object in parts has their number behind it, and is no Base64.
            digest = hex_of(head.get(field, "-"))
            if digest is not None:
                found[kind] = digest
    md5 = _MD5.fullmatch(head.get("ETag", ""))
    if md5 is not None and not _is_sealed(head):
        found["md5"] = md5[1]
    return found


def _is_sealed(head: Mapping[str, Any]) -> bool:
    """Tell whether it is encrypted so that its ETag is no MD5 of the content."""
    return "SSECustomerAlgorithm" in head or head.get("ServerSideEncryption", "").startswith(
        "aws:kms"
    )
