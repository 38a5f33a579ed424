"""JSON lines, by msgspec, which is faster than most; bytes are base64 in them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from time import time_ns
from typing import Any

import msgspec
import zstandard

from benchmarks.peers.peer import Peer, synced
from benchmarks.peers.stream import Wrap, from_gzip, from_zstd, into_gzip, into_zstd
from benchmarks.records import AnyRecord

REFERENCE_LEVEL = 1
"""Of zstd, for the size that all others are compared with."""


class Line(msgspec.Struct):
    """What stands in a line."""

    metadata: dict[str, str]
    timestamp: int
    payload: str = ""
    payload_base64: bytes = b""


def encoded(records: Sequence[AnyRecord]) -> Iterator[bytes]:
    """Yield the lines."""
    encode = msgspec.json.Encoder().encode
    key = "payload" if isinstance(records[0][1], str) else "payload_base64"
    for metadata, payload in records:
        yield encode({"metadata": metadata, key: payload, "timestamp": time_ns()}) + b"\n"


def write(path: Path, records: Sequence[AnyRecord], through: Wrap) -> None:
    """Write lines through what compresses."""
    with synced(path) as file, through(file) as stream:
        put = stream.write
        for line in encoded(records):
            put(line)


def read(path: Path, through: Wrap) -> Iterator[Line]:
    """Read lines into what they hold."""
    decode = msgspec.json.Decoder(Line).decode
    with path.open("rb") as file, through(file) as stream:
        yield from map(decode, io.BufferedReader(stream, 1 << 17))


def reference_size(records: Sequence[AnyRecord]) -> int:
    """Return the bytes of these records as JSON lines through `zstd -1`."""
    compressor = zstandard.ZstdCompressor(level=REFERENCE_LEVEL).compressobj()
    sizes = [len(compressor.compress(line)) for line in encoded(records)]
    return sum(sizes) + len(compressor.flush())


def _plain(line: Line) -> tuple[Any, ...]:
    payload = line.payload_base64 or line.payload
    return line.metadata, payload, line.timestamp


def _peer(compression: str, into: Wrap, out_of: Wrap, *, slow: bool = False) -> Peer:
    writing, reading = partial(write, through=into), partial(read, through=out_of)
    return Peer("JSON lines", compression, writing, reading, _plain, slow)


PEERS = (
    _peer("zstd", into_zstd, from_zstd),
    _peer("gzip", into_gzip, from_gzip, slow=True),
)
