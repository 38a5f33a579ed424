"""A bare stream of msgpack: no lock, roll, checksum or index."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from time import time_ns
from typing import Any, BinaryIO

import msgpack
import zstandard

from benchmarks.peers.peer import GZIP_LEVEL, ZSTD_LEVEL, Peer, synced
from benchmarks.records import AnyRecord

Wrap = Callable[[BinaryIO], AbstractContextManager[Any]]


def write(path: Path, records: Sequence[AnyRecord], through: Wrap) -> None:
    """Write one after the other through what compresses."""
    pack = msgpack.Packer(autoreset=True).pack
    with synced(path) as file, through(file) as stream:
        put = stream.write
        for metadata, payload in records:
            put(pack((metadata, payload, time_ns())))


def read(path: Path, through: Wrap) -> Iterator[Any]:
    """Read them back."""
    with path.open("rb") as file, through(file) as stream:
        yield from msgpack.Unpacker(stream, use_list=False)


def into_zstd(file: BinaryIO) -> AbstractContextManager[Any]:
    """Return a stream that compresses."""
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).stream_writer(file, closefd=False)


def from_zstd(file: BinaryIO) -> AbstractContextManager[Any]:
    """Return a stream that decompresses."""
    return zstandard.ZstdDecompressor().stream_reader(file)


def into_gzip(file: BinaryIO) -> AbstractContextManager[Any]:
    """Return a stream that compresses, with a buffer, without which it is much slower."""
    packed = gzip.GzipFile(fileobj=file, mode="wb", compresslevel=GZIP_LEVEL)
    return io.BufferedWriter(packed, 1 << 17)


def from_gzip(file: BinaryIO) -> AbstractContextManager[Any]:
    """Return a stream that decompresses."""
    return gzip.GzipFile(fileobj=file)


def _peer(compression: str, into: Wrap, out_of: Wrap, *, slow: bool = False) -> Peer:
    writing, reading = partial(write, through=into), partial(read, through=out_of)
    return Peer("msgpack", compression, writing, reading, slow=slow)


PEERS = (
    _peer("none", nullcontext, nullcontext),
    _peer("zstd", into_zstd, from_zstd),
    _peer("gzip", into_gzip, from_gzip, slow=True),
)
