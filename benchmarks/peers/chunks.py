"""MCAP and array_record, which group records of bytes: these are msgpack's."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from time import time_ns
from typing import Any

import msgpack
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from benchmarks.peers.peer import Peer, synced
from benchmarks.records import AnyRecord

GROUP = 64
"""Records that array_record compresses as one; by default it is one, of twice the size."""

BATCH = 1000
"""Records that it reads with one call."""


def write_mcap(path: Path, records: Sequence[AnyRecord], compression: CompressionType) -> None:
    """Write messages of one channel."""
    pack = msgpack.Packer().pack
    with synced(path) as file:
        writer = Writer(file, compression=compression)
        writer.start()
        schema = writer.register_schema("record", "", b"")
        channel = writer.register_channel("records", "msgpack", schema)
        for number, record in enumerate(records):
            now = time_ns()
            writer.add_message(channel, now, pack(record), now, number)
        writer.finish()


def read_mcap(path: Path) -> Iterator[Any]:
    """Read messages, in the order in which they lie."""
    unpack = msgpack.unpackb
    with path.open("rb") as file:
        for _, _, message in make_reader(file).iter_messages(log_time_order=False):
            yield *unpack(message.data), message.log_time


def write_array_record(path: Path, records: Sequence[AnyRecord], compression: str) -> None:
    """Write by the path, which is all that it takes, and sync that."""
    pack = msgpack.Packer().pack
    writer = ArrayRecordWriter(str(path), f"group_size:{GROUP},{compression}")
    for metadata, payload in records:
        writer.write(pack((metadata, payload, time_ns())))
    writer.close()
    with path.open("rb") as file:
        os.fsync(file.fileno())


def read_array_record(path: Path) -> Iterator[Any]:
    """Read many at once, which takes its threads."""
    unpack = msgpack.unpackb
    reader = ArrayRecordReader(str(path))
    count = reader.num_records()
    for at in range(0, count, BATCH):
        yield from map(unpack, reader.read(at, min(at + BATCH, count)))
    reader.close()


def _mcap(compression: str, kind: CompressionType) -> Peer:
    return Peer("mcap", compression, partial(write_mcap, compression=kind), read_mcap)


def _array_record(compression: str, option: str) -> Peer:
    writing = partial(write_array_record, compression=option)
    return Peer("array_record", compression, writing, read_array_record)


PEERS = (
    _mcap("none", CompressionType.NONE),
    _mcap("zstd", CompressionType.ZSTD),
    _array_record("none", "uncompressed"),
    _array_record("zstd", "zstd:3"),
)
