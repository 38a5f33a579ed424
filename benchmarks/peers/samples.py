"""WARC, by warcio, and tar files of samples, by webdataset."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from time import time_ns
from typing import Any

import webdataset
from warcio.archiveiterator import ArchiveIterator
from warcio.warcwriter import WARCWriter

from benchmarks.peers.peer import Peer, synced
from benchmarks.records import AnyRecord

TIME = "X-Time"
PAIR = "X-Metadata-"


def write_warc(path: Path, records: Sequence[AnyRecord], *, packed: bool) -> None:
    """Write resources whose headers are the metadata and the time."""
    with synced(path) as file:
        writer = WARCWriter(file, gzip=packed)
        for number, (metadata, payload) in enumerate(records):
            text = isinstance(payload, str)
            raw = payload.encode() if isinstance(payload, str) else payload
            headers = {PAIR + key: value for key, value in metadata.items()}
            record = writer.create_warc_record(
                f"urn:record:{number}",
                "resource",
                payload=io.BytesIO(raw),
                length=len(raw),
                warc_content_type="text/plain" if text else "application/octet-stream",
                warc_headers_dict={**headers, TIME: str(time_ns())},
            )
            writer.write_record(record)


def read_warc(path: Path) -> Iterator[Any]:
    """Read resources, and their metadata from the headers."""
    with path.open("rb") as file:
        for record in ArchiveIterator(file):
            headers = dict(record.rec_headers.headers)
            metadata = {
                key.removeprefix(PAIR): value
                for key, value in headers.items()
                if key.startswith(PAIR)
            }
            raw = record.content_stream().read()
            text = headers["Content-Type"] == "text/plain"
            yield metadata, raw.decode() if text else raw, int(headers[TIME])


def write_samples(path: Path, records: Sequence[AnyRecord], *, packed: bool) -> None:
    """Write two files a record: what it is, and its payload."""
    with synced(path) as file, webdataset.TarWriter(file, compress=packed) as writer:
        for number, (metadata, payload) in enumerate(records):
            said = {"metadata": metadata, "timestamp": time_ns()}
            kind = "txt" if isinstance(payload, str) else "bin"
            writer.write({"__key__": f"{number:09}", "json": said, kind: payload})


def read_samples(path: Path) -> Iterator[Any]:
    """Read samples, decoded by their extensions."""
    for sample in webdataset.WebDataset(str(path), shardshuffle=False).decode():
        payload = sample["txt"] if "txt" in sample else sample["bin"]
        yield sample["json"]["metadata"], payload, sample["json"]["timestamp"]


PEERS = tuple(
    Peer(name, compression, partial(write, packed=compression == "gzip"), read, slow=True)
    for name, write, read in (
        ("warcio", write_warc, read_warc),
        ("webdataset", write_samples, read_samples),
    )
    for compression in ("none", "gzip")
)
