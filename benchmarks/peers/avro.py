"""Avro, by fastavro."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from time import time_ns
from typing import Any

import fastavro

from benchmarks.peers.peer import Peer, synced
from benchmarks.records import AnyRecord


def _schema(payload: str) -> Any:
    fields = {"metadata": {"type": "map", "values": "string"}, "payload": payload}
    named = [{"name": name, "type": it} for name, it in (fields | {"timestamp": "long"}).items()]
    return fastavro.parse_schema({"name": "Record", "type": "record", "fields": named})


SCHEMAS = {str: _schema("string"), bytes: _schema("bytes")}


def write(path: Path, records: Sequence[AnyRecord], codec: str) -> None:
    """Write with the parsed schema that fits, from a generator."""
    rows = ({"metadata": it, "payload": payload, "timestamp": time_ns()} for it, payload in records)
    with synced(path) as file:
        fastavro.writer(file, SCHEMAS[type(records[0][1])], rows, codec=codec)


def read(path: Path) -> Iterator[Any]:
    """Read dicts."""
    with path.open("rb") as file:
        yield from fastavro.reader(file)


def _plain(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["metadata"], row["payload"], row["timestamp"]


PEERS = tuple(
    Peer("fastavro", compression, partial(write, codec=codec), read, _plain)
    for compression, codec in {"none": "null", "zstd": "zstandard", "gzip": "deflate"}.items()
)
