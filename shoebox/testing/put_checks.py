"""What a put must do, and what it must not leave.

A check's docstring says the duty; it returns what was seen, or raises.
"""

from __future__ import annotations

from collections.abc import Collection
from io import BytesIO

from shoebox.digests import digests
from shoebox.errors import (
    KeyCollision,
    StorageError,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.storage import MAX_METADATA, ObjectInfo
from shoebox.testing.cutting import cut_while_read
from shoebox.testing.subject import (
    Failed,
    Subject,
    content,
    refusing,
    refusing_the_file,
    seen,
)

CUT_SIZE = 3 << 20
"""Bytes of a file that is cut; more than any one read takes."""

ODD_KEYS = (
    "plain",
    "year=2026/month=11/day=07/a.events",
    "2026+11+07=x",
    "a..b/c...d.",
    "-/_/=/+",
    "--help",
    "Case",
    "case",
    "a/b/c/d/e/f/g/h/i/j",
    "under_score",
    "n" * 255,
    "o" * 255 + "/" + "p" * 255,
)
METADATA = {
    "archive": "0123456789abcdef0123456789abcdef",
    "records": "12345",
    "first": "2026-11-07T08:09:10.123456+00:00",
    "format": "2",
    "a-long-key-7": "~!@#$%^&*()_+ {}|:\"<>?[];',./`=\\%41",
}
FULL_METADATA = {f"key-{number}": "v" * (MAX_METADATA // 8 - len("key-0")) for number in range(8)}
REFUSED_METADATA = (
    {"Key": "v"},
    {"k_y": "v"},
    {"": "v"},
    {"k": ""},
    {"k": " v"},
    {"k": "a\nb"},
    {"k": "ä"},
    {"k": "v" * MAX_METADATA},
)


def an_empty_file(it: Subject) -> str:
    """An empty file comes back."""
    return _round_trip(it, b"")


def one_byte(it: Subject) -> str:
    """A file of one byte comes back."""
    return _round_trip(it, b"\0")


def a_file(it: Subject) -> str:
    """What was put is what is stored, and what is got."""
    return _round_trip(it, it.content())


def odd_keys(it: Subject) -> str:
    """Every key that is allowed can be used, as it is."""
    for number, key in enumerate(ODD_KEYS):
        it.put(key, b"%d" % number)
    for number, key in enumerate(ODD_KEYS):
        it.require(key, b"%d" % number, "after a put of another key")
        if it.backend.stat(key).key != key:
            raise Failed(f"stat of {key} gives the key {it.backend.stat(key).key}")
    it.require_keys(sorted(ODD_KEYS))
    return f"{len(ODD_KEYS)} keys"


def metadata(it: Subject) -> str:
    """Metadata comes back as it was, up to all that is allowed, and also none."""
    digest = digests_of(it.content(), it.backend.checksums)
    for key, given in (("some", METADATA | digest), ("full", FULL_METADATA), ("none", {})):
        it.put(key, it.content(), given)
        found = dict(it.backend.stat(key).metadata)
        if found != given:
            raise Failed(f"metadata {given} came back as {found}")
    return f"{len(METADATA | digest)} pairs, 0, and {MAX_METADATA} bytes at most"


def refused_metadata(it: Subject) -> str:
    """Metadata that not every service could keep is StorageRejected, and nothing is stored."""
    for given in REFUSED_METADATA:
        with refusing(StorageRejected, f"put with metadata {given!r:.80}"):
            it.put("key", b"content", given)
        it.require_nothing("key", f"after a refused put with metadata {given!r:.80}")
    return f"{len(REFUSED_METADATA)} refused"


def other_content(it: Subject) -> str:
    """Other content under a key that is taken is a KeyCollision, and replaces nothing."""
    first = it.content()
    it.put("key", first, {"number": "1"})
    for other in (it.content(1), first[:-1], first + b"\0", b""):
        with refusing(KeyCollision, f"put of {len(other)} other bytes"):
            it.put("key", other, {"number": "2"} | digests_of(other, it.backend.checksums))
        it.require("key", first, "after a put of other content")
        _require_number(it, "1")
    return "KeyCollision, the first content stays"


def equal_content(it: Subject) -> str:
    """The same content once more is fine, and leaves one object with its first metadata."""
    data = it.content()
    it.put("key", data, {"number": "1"} | digests_of(data, it.backend.checksums))
    it.put("key", data, {"number": "2"} | digests_of(data, it.backend.checksums))
    it.put("key", data)
    it.require("key", data, "after a second put")
    it.require_keys(["key"])
    _require_number(it, "1")
    return "one object, with its first metadata"


def a_strangers_object(it: Subject) -> str:
    """An object that somebody else has put is never replaced, and accepted if it is equal."""
    data = it.content()
    it.raw_put("other", it.content(1))
    it.raw_put("equal", data)
    with refusing(KeyCollision, "put of other content than somebody else's"):
        it.put("other", data, digests_of(data, it.backend.checksums))
    it.require("other", it.content(1), "after a put where somebody else's object is")
    it.put("equal", data, digests_of(data, it.backend.checksums))
    it.require("equal", data, "after a put where an equal object is")
    it.require_keys(["equal", "other"])
    return "KeyCollision, the stranger's content stays"


def a_wrong_checksum(it: Subject) -> str:
    """A file that a given digest is not of is refused, and nothing is stored."""
    data = it.content()
    right = digests_of(data, it.backend.checksums)
    for kind, digest in right.items():
        wrong = digest[:-1] + ("0" if digest[-1] != "0" else "1")
        with refusing((StorageUnavailable, StorageRejected), f"put with a wrong {kind}"):
            it.put("key", data, right | {kind: wrong})
        it.require_nothing("key", f"after a put with a wrong {kind}")
    it.require_keys([])
    it.put("key", data, right)
    it.require("key", data, "after a put with the right digests")
    return f"refused for {', '.join(sorted(right))}" if right else "it takes no digests"


def a_file_that_is_cut(it: Subject) -> str:
    """A file that is cut while it is put is not stored, neither cut nor in parts."""
    size = max(CUT_SIZE, it.size)
    data = content(size)
    kinds = frozenset[str](), it.backend.checksums
    return "; ".join(dict.fromkeys(_put_cut(it, data, digests_of(data, them)) for them in kinds))


def a_missing_file(it: Subject) -> str:
    """A file that is not there is the caller's OSError, and nothing is stored."""
    with refusing_the_file("put of a file that is not there"):
        it.backend.put("key", it.vacant())
    it.require_nothing("key", "after a put of a file that is not there")
    it.require_keys([])
    return "OSError, and nothing is stored"


def digests_of(data: bytes, kinds: Collection[str]) -> dict[str, str]:
    """Return these digests of the bytes, as metadata has them."""
    return digests(BytesIO(data), kinds)


def _round_trip(it: Subject, data: bytes) -> str:
    """Put the bytes, and compare what is stored and what is got with them."""
    given = digests_of(data, it.backend.checksums)
    for key, metadata in (("plain", {}), ("digested", given)):
        it.put(key, data, metadata)
        it.require(key, data, "after a put")
        target = it.vacant()
        it.backend.get(key, target)
        if target.read_bytes() != data:
            raise Failed(f"of {len(data)} bytes a get gives {target.stat().st_size}, or others")
        _require_stat(it.backend.stat(key), key, data)
    it.require_keys(["digested", "plain"])
    return f"{len(data)} bytes, with and without digests"


def _require_stat(info: ObjectInfo, key: str, data: bytes) -> None:
    """Raise Failed unless what a stat says is of these bytes."""
    right = digests_of(data, info.checksums)
    if (info.key, info.size, dict(info.checksums)) != (key, len(data), right):
        raise Failed(f"stat gives {info}, and should give {len(data)} bytes with {right}")
    if info.modified.tzinfo is None:
        raise Failed(f"stat gives the time {info.modified}, which says no time zone")


def _require_number(it: Subject, number: str) -> None:
    found = it.backend.stat("key").metadata.get("number")
    if found != number:
        raise Failed(f"metadata of put number {number} came back as that of {found}")


def _put_cut(it: Subject, data: bytes, given: dict[str, str]) -> str:
    """Put a file that is cut meanwhile; only who had read all of it by then may store it."""
    path = it.file(data)
    try:
        with cut_while_read(path):
            it.backend.put("key", path, given)
    except Exception as error:
        if not isinstance(error, StorageUnavailable) and (
            isinstance(error, StorageError) or not isinstance(error, OSError)
        ):
            raise Failed(f"a cut file: {seen(error)}, not StorageUnavailable") from error
        it.require_nothing("key", "after a put of a file that was cut meanwhile")
        it.require_keys([])
        return "refused, and nothing is stored"
    it.require("key", data, "after a put of a file that was cut meanwhile")
    it.backend.delete("key")
    return "stored whole, since it was read before"
