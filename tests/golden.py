"""The golden files in tests/data: what they hold, and the writing of them.

`python -m tests.golden` writes them anew: for a new version of the format only, since
archives like these lie in stores for ever. Ids, clock and timestamps are fixed. What a
compressor gives may change with its release; everything else may not.
"""

import base64
import json
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from shoebox.archive import ArchiveWriter
from shoebox.format import index

DATA = Path(__file__).parent / "data"
ARCHIVE_ID = bytes(range(16))
WRITER_ID = bytes(range(16, 32))
CREATED = 1_400_000_000_000_000_000
FIRST_SEQUENCE = 7

Row = tuple[dict[str, str], str | bytes, int]

PLAIN: list[list[Row]] = [
    [
        ({"event_type": "compute.instance.create", "host": "n1"}, '{"a": 1}', CREATED),
        ({}, "", CREATED - 1),
        ({"": ""}, b"", CREATED + 1),
    ],
    [
        ({"größe": "日本語 🦊", "host": "n2"}, "Übergrößenträger 🦊\n", -(2**63)),
        ({"host": "n1"}, b"\x00\xff\xfe not UTF-8", 2**63 - 1),
    ],
    [({"event_type": "volume.usage"}, "the same again and again, " * 40, 0)],
]
"""Records by block."""

TREE: list[list[Row]] = [[({"id": str(at)}, f"payload {at}", CREATED + at)] for at in range(11)]
"""Eleven blocks: with two entries in each index frame, a tree of four levels."""

MAGIC = b"\x84\x78\x86\x69"
ESCAPED: list[list[Row]] = [
    [({"in": "a payload"}, MAGIC * 3 + MAGIC[:3] + b"\x00" + MAGIC[:2], CREATED)],
    [({"what completes a magic": "comes first"}, "i", CREATED)],
]

SPECIMENS: dict[str, tuple[list[list[Row]], dict[str, object]]] = {
    "v1.events": (PLAIN, {"format_version": 1}),
    "v2-none.events": (PLAIN, {"compression": "none"}),
    "v2-zstd.events": (PLAIN, {"compression": "zstd"}),
    "v2-gzip.events": (PLAIN, {"compression": "gzip"}),
    "v2-tree.events": (TREE, {"compression": "none"}),
    "v2-escaped.events": (ESCAPED, {"compression": "none"}),
}
"""Each file's blocks, and how they are written."""

FANOUT = {"v2-tree.events": 2}


def write(name: str, directory: Path) -> Path:
    """Write one specimen into a directory; return its path."""
    blocks, options = SPECIMENS[name]
    before, index.FANOUT = index.FANOUT, FANOUT.get(name, index.FANOUT)
    try:
        return write_blocks(directory / name, blocks, **options)
    finally:
        index.FANOUT = before


def write_blocks(path: Path, blocks: list[list[Row]], **options: object) -> Path:
    """Write an archive with these blocks, the same bytes each time."""
    clock = count(CREATED).__next__
    ids = {"archive_id": ARCHIVE_ID, "writer_id": WRITER_ID, "sequence": FIRST_SEQUENCE}
    metadata = {"made by": "tests/golden.py"}
    with ArchiveWriter(path, clock=clock, metadata=metadata, **ids | options) as writer:
        writer.sync()  # so that what is known to be durable begins with the header
        for block in blocks:
            for row in block:
                writer.write(*row)
            writer.flush()
    return writer.path


def expected(name: str) -> list[dict[str, object]]:
    """Return what a file's records are said to be, by the file beside it."""
    path = (DATA / name).with_suffix(".expected.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def described(name: str) -> Iterator[dict[str, object]]:
    """Yield a specimen's records as they stand in the file beside it."""
    blocks, options = SPECIMENS[name]
    for sequence, row in enumerate((row for block in blocks for row in block), FIRST_SEQUENCE):
        if options.get("format_version") == 1:
            yield describe(row[0], as_version_1_gives(row[1]), None, None)
        else:
            yield describe(*row, sequence)


def as_version_1_gives(payload: str | bytes) -> str | bytes:
    """Return a payload as version 1 does, which keeps no type: what is UTF-8 is text."""
    try:
        return payload if isinstance(payload, str) else payload.decode()
    except UnicodeDecodeError:
        return payload


def describe(
    metadata: dict[str, str], payload: str | bytes, timestamp: int | None, sequence: int | None
) -> dict[str, object]:
    """Return one record as JSON can say it."""
    line: dict[str, object] = {"metadata": metadata}
    if isinstance(payload, str):
        line["payload"] = payload
    else:
        line["payload_base64"] = base64.b64encode(payload).decode()
    return line | {"timestamp": timestamp, "sequence": sequence}


def main() -> None:
    """Write every golden file anew."""
    DATA.mkdir(exist_ok=True)
    for name in SPECIMENS:
        with tempfile.TemporaryDirectory() as directory:
            (DATA / name).write_bytes(write(name, Path(directory)).read_bytes())
        lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in described(name)]
        (DATA / name).with_suffix(".expected.jsonl").write_text("".join(lines))


if __name__ == "__main__":
    main()
