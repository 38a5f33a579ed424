"""What fuzzing begins with: small archives as they are, and the parts of them.

`python -m tests.faults.hostile.seeds` writes them to tests/data/fuzz.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from array import array
from collections.abc import Iterator
from pathlib import Path

import zstandard

from shoebox.archive import ArchiveReader
from shoebox.archive.frames import Located, RecordV1
from shoebox.archive.reader import frame_of
from shoebox.format import catalog, codecs, v2
from shoebox.format.catalog import Row, hash_of
from tests import golden
from tests.faults.hostile.targets import BLOCK, RUNS, SECTION

CORPUS = golden.DATA / "fuzz"
_STATE = b"""{"offered": "2026-01-01T00:00:00+00:00", "checksums": {"sha256": "00"},
"destinations": {"hot": {"key": "a", "stored": null, "error": "no", "refusals": 2}}}"""


def name_of(data: bytes) -> str:
    """Return the name of an input's file."""
    return hashlib.sha256(data).hexdigest()[:16]


def seeds() -> Iterator[tuple[str, bytes]]:
    """Yield a target and an input."""
    for name in golden.SPECIMENS:
        data = (golden.DATA / name).read_bytes()
        for target in ("archive", "recovery"):
            yield target, data
        if name != "v1.events":
            yield "tail", data
            yield "descent", data
        with ArchiveReader(io.BytesIO(data), name=name) as reader:
            for item in reader.frames():
                yield from _of_frame(reader, item, data)
    tree, old = ((golden.DATA / it).read_bytes() for it in ("v2-tree.events", "v1.events"))
    with ArchiveReader(io.BytesIO(tree), name="a") as reader:
        parts = [tree[item.at : item.end] for item in reader.frames()]
    yield "archive", b"".join([old, *parts[:3], *parts[4:]])
    yield "recovery", tree[:-1000]
    yield "packed", gzip.compress(tree, mtime=0)
    yield "packed", zstandard.compress(old + tree)
    yield "filters", b"n1\0n2\0" + bytes(range(256))
    yield "catalog", _catalog()
    yield "delivery", _STATE


def _of_frame(
    reader: ArchiveReader, item: Located | RecordV1, data: bytes
) -> Iterator[tuple[str, bytes]]:
    yield "preamble", data[item.at : item.at + 8]
    if isinstance(item, RecordV1):
        yield "v1", data[item.at : item.end]
        return
    yield "head", data[item.at : item.at + v2.FRAME_SIZE]
    if isinstance(item.frame, v2.Tail):
        return
    frame, raw = frame_of(item), reader.metadata_section(item)
    payload = reader.payload_section(item)
    begin = item.at + v2.FRAME_SIZE
    stored = data[begin : begin + frame.metadata.stored]
    yield "section", SECTION.pack(*frame.metadata) + stored
    for codec in codecs.CODECS.values():
        used, stored = codecs.compress(codec, payload * 4)
        yield "codec", bytes([used]) + (4 * len(payload)).to_bytes(3, "little") + stored
    if frame.kind == v2.HEADER:
        yield "origin", raw
    elif frame.kind == v2.BLOCK:
        yield "block", BLOCK.pack(frame.items, len(raw)) + raw + payload
    else:
        yield "index", BLOCK.pack(frame.items, len(raw)) + raw + payload
        yield "directory", RUNS.pack(frame.items, len(payload)) + raw[frame.items * 56 :]


def _catalog() -> bytes:
    rows = [Row(f"k{at}", 100, "", "", at, 0, 1, at, 9, [at, 1]) for at in range(3)]
    values = [
        array("Q", [hash_of(f"n{it}") << 32 | at for at in range(3) for it in range(at)]),
        array("Q", [hash_of("compute.usage") << 32 | at for at in range(3)]),
    ]
    file = io.BytesIO()
    catalog.write(file, ["host", "event_type"], rows, values)
    return file.getvalue()


def add(target: str, data: bytes, corpus: Path = CORPUS) -> Path:
    """Put an input into the corpus; return its path."""
    path = corpus / target / name_of(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    for of, seed in seeds():
        add(of, seed)
