"""What a get, an open, a stat and a list must give, and what a delete must take away.

A check's docstring says the duty; it returns what was seen, or raises.
"""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import BinaryIO

from shoebox.errors import ObjectNotFound
from shoebox.testing.subject import Failed, Subject, refusing, refusing_the_file

_LISTED = ("a-1", "a.x", "a/b", "a/c/d", "a0", "b", "c/a")
_PREFIXES = ("", "a", "a/", "a/c", "a/c/d", "a/c/d/", "a/c/de", "a-", "gone", "gone/")
_READS = 200


def missing(it: Subject) -> str:
    """What is not there is ObjectNotFound, whatever is asked of it."""
    it.put("is/there", b"content")
    for key in ("gone", "gone/gone", "is", "is/ther", "is/there2"):
        _require_missing(it, key)
    it.require_keys(["is/there"])
    return "ObjectNotFound, and no file is made"


def a_delete(it: Subject) -> str:
    """A delete takes away the object and nothing else; its key is free again."""
    it.put("key", b"content", {"number": "1"})
    it.put("key2", b"content")
    it.backend.delete("key")
    it.require_nothing("key", "after a delete")
    it.require("key2", b"content", "after a delete of another key")
    _require_missing(it, "key")
    it.put("key", b"other", {"number": "2"})
    it.require("key", b"other", "after a delete and a put")
    if dict(it.backend.stat("key").metadata) != {"number": "2"}:
        raise Failed(f"metadata after a delete and a put: {it.backend.stat('key').metadata}")
    it.backend.delete("key2")
    it.require_keys(["key"])
    return "it is gone, and no other"


def a_strangers_object_is_read(it: Subject) -> str:
    """An object that somebody else has put can be got, read, listed and deleted."""
    data = it.content()
    it.raw_put("theirs", data)
    target = it.vacant()
    it.backend.get("theirs", target)
    with it.backend.open("theirs") as file:
        read = file.read()
    if target.read_bytes() != data or read != data or it.backend.stat("theirs").size != len(data):
        raise Failed("get, open or stat of somebody else's object gives something else")
    it.require_keys(["theirs"])
    it.backend.delete("theirs")
    it.require_nothing("theirs", "after a delete of somebody else's object")
    return f"{len(data)} bytes"


def a_get_replaces_nothing(it: Subject) -> str:
    """A get to a name that is taken is FileExistsError, and leaves the file there as it was."""
    it.raw_put("key", it.content())
    target = it.file(b"precious")
    with refusing(FileExistsError, "get to a name that is taken"):
        it.backend.get("key", target)
    if target.read_bytes() != b"precious":
        raise Failed("a get has replaced the file that was there")
    _require_files(target, ["file"])
    return "FileExistsError, the file stays"


def a_get_is_whole(it: Subject) -> str:
    """A get for which the disk has no room is the caller's OSError, and leaves no file."""
    it.raw_put("key", it.content())
    target = it.vacant()
    with _no_file_over(it.size // 2), refusing_the_file("get of more than there is room for"):
        it.backend.get("key", target)
    _require_files(target, [])
    with refusing_the_file("get to a folder that is not there"):
        it.backend.get("key", target / "gone")
    _require_files(target, [])
    return "OSError, and no file is left"


def ranges(it: Subject) -> str:
    """An open object is read from anywhere, in pieces of any size, as a file is."""
    data = it.content()
    it.raw_put("key", data)
    with it.backend.open("key") as file:
        if not (file.readable() and file.seekable()):
            raise Failed("the file says that it can't be read from anywhere")
        _compare(file, data)
    it.raw_put("empty", b"")
    with it.backend.open("empty") as file:
        if any(_done(file, what, 5, 0) != (0, b"", 0) for what in ("read", "readinto")):
            raise Failed("an empty object gives bytes")
    return f"{_READS} reads of {len(data)} bytes"


def a_list(it: Subject) -> str:
    """A list gives the objects whose keys begin with the prefix, sorted, each once."""
    for number, key in enumerate(reversed(_LISTED)):
        it.raw_put(key, bytes(number))
    for prefix in _PREFIXES:
        it.require_keys([key for key in _LISTED if key.startswith(prefix)], prefix)
    for info in it.backend.list():
        if info.size != len(it.raw_get(info.key) or b""):
            raise Failed(f"a list gives {info.size} bytes for {info.key}")
        if info.modified.tzinfo is None:
            raise Failed(f"a list gives the time {info.modified}, which says no time zone")
    return f"{len(_PREFIXES)} prefixes"


def a_long_list(it: Subject) -> str:
    """A list of more than a page gives every object, sorted and once; it may be left early."""
    keys = sorted(f"page/{number * 7919 % it.many:06}" for number in range(it.many))
    for key in keys:
        it.raw_put(key, b"")
    it.raw_put("other", b"")
    it.require_keys(keys, "page/")
    it.require_keys(["other", *keys])
    next(it.backend.list(""))
    return f"{it.many} objects"


def _require_missing(it: Subject, key: str) -> None:
    target = it.vacant()
    with refusing(ObjectNotFound, f"get of {key}, which is not there"):
        it.backend.get(key, target)
    _require_files(target, [])
    with (
        refusing(ObjectNotFound, f"open of {key}, which is not there"),
        it.backend.open(key) as file,
    ):
        file.read()
    with refusing(ObjectNotFound, f"stat of {key}, which is not there"):
        it.backend.stat(key)
    with refusing(ObjectNotFound, f"delete of {key}, which is not there"):
        it.backend.delete(key)


def _require_files(target: Path, expected: Sequence[str]) -> None:
    """Raise Failed if there is anything else in the folder of a get."""
    found = sorted(path.name for path in target.parent.iterdir())
    if found != list(expected):
        raise Failed(f"a get leaves {', '.join(found)}")


@contextmanager
def _no_file_over(size: int) -> Iterator[None]:
    """Have this process write no file that is larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _compare(file: BinaryIO, data: bytes) -> None:
    """Do with the file what is done with its bytes in memory, here and there, and compare."""
    memory = io.BytesIO(data)
    for number, step in enumerate(_steps(len(data))):
        found, expected = _done(file, *step), _done(memory, *step)
        if found != expected:
            raise Failed(f"step {number}, {step}: {found!r:.60} instead of {expected!r:.60}")


def _steps(size: int) -> Iterator[tuple[str, int, int]]:
    """Yield what to do, by name, number and whence: the same each time."""
    draw = Random(0)  # noqa: S311 - it need not be secret
    yield from (("read", size, 0), ("read", 1, 0), ("seek", size + 9, io.SEEK_SET), ("read", 9, 0))
    yield from (("readinto", 9, 0), ("seek", -1, io.SEEK_END), ("read", 9, 0), ("seek", 0, 0))
    for _ in range(_READS):
        yield draw.choice(
            [
                ("seek", draw.randint(0, size + 9), io.SEEK_SET),
                ("seek", draw.randint(0, 999), io.SEEK_CUR),
                ("seek", -draw.randint(0, size), io.SEEK_END),
                ("read", draw.choice([0, 1, 99, 9999, size // 2]), 0),
                ("readinto", draw.choice([0, 1, 99, 9999, size // 2]), 0),
            ]
        )
        yield ("read", draw.randint(0, 999), 0)
    yield from (("seek", 5, io.SEEK_SET), ("read", -1, 0))


def _done(file: BinaryIO, what: str, number: int, whence: int) -> tuple[int, bytes, int]:
    """Do it; return the number and the bytes that it gave, and where the file then is."""
    if what == "seek":
        return file.seek(number, whence), b"", file.tell()
    if what == "read":
        return 0, file.read(number), file.tell()
    # A raw file need not fill the buffer, and so is asked until it is at its end.
    buffer = bytearray(number)
    filled = 0
    while count := file.readinto(memoryview(buffer)[filled:]):  # type: ignore[attr-defined]
        filled += count
    return filled, bytes(buffer[:filled]), file.tell()
