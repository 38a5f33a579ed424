"""Digests of files, in hexadecimal, by the names that backends give them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from typing import BinaryIO, Protocol

import google_crc32c

_CHUNK = 1 << 20


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class _Crc32c:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = google_crc32c.extend(self._value, data)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


_DIGESTS: dict[str, Callable[[], _Digest]] = {
    "sha256": hashlib.sha256,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "crc32c": _Crc32c,
}
KINDS = frozenset(_DIGESTS)
"""`sha256`, `md5`, and `crc32c` (RFC 3720, appendix B.4; eight digits, most significant first)."""


class Digests:
    """Digests out of `KINDS`, made while the bytes come."""

    def __init__(self, kinds: Collection[str]) -> None:
        self._made = {kind: _DIGESTS[kind]() for kind in kinds}

    def __bool__(self) -> bool:
        return bool(self._made)

    def update(self, data: bytes) -> None:
        """Take in the next bytes."""
        for digest in self._made.values():
            digest.update(data)

    def values(self) -> dict[str, str]:
        """Return the digests of what came so far."""
        return {kind: digest.hexdigest() for kind, digest in self._made.items()}


def digests(file: BinaryIO, kinds: Collection[str]) -> dict[str, str]:
    """Return these digests of what is left of the file, in one pass."""
    made = Digests(kinds)
    while made and (chunk := file.read(_CHUNK)):
        made.update(chunk)
    return made.values()
