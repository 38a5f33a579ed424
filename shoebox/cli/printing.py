"""Records on standard output."""

from __future__ import annotations

import argparse
import glob
import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from time import sleep
from typing import TypeAlias

import msgspec

from shoebox import stores
from shoebox.archive import Record
from shoebox.cli import exits, messages, selecting, sources, streams
from shoebox.errors import ConfigError
from shoebox.escaping import escaped
from shoebox.roll_manager import ReadingRollManager

_BUFFER = 1 << 20
_Output: TypeAlias = "io.BufferedWriter[streams.Output]"


def cat(args: argparse.Namespace, config_files: list[str]) -> int:
    """Print the records that the arguments ask for; return the exit code."""
    selection = selecting.selected(args)
    streams.require_output()
    out = io.BufferedWriter(streams.Output(), _BUFFER)
    if args.follow:
        if _is_missing(args.sources):
            return sources.missing(args.sources[0])
        with _following(args.sources, selection, out) as reader:
            return _print(reader, args, out)
    with sources.found(args.sources, config_files) as found:
        if not found.archives:
            return found.code
        with ReadingRollManager(found.archives, **selection) as reader:
            return _print(reader, args, out) or found.code


def _is_missing(wanted: Sequence[str]) -> bool:
    """Tell whether one name is to be followed of which nothing can ever come."""
    [name, *others] = wanted
    is_name = not others and stores.parse(name) is None and not glob.has_magic(name)
    return is_name and not os.path.lexists(name)


def _following(
    wanted: Sequence[str], selection: selecting.Selected, out: _Output
) -> ReadingRollManager:
    """Return a reader that, when it has to wait for more, prints what it has given."""
    if len(wanted) != 1 or stores.parse(wanted[0]) is not None:
        raise ConfigError(
            "--follow goes on with one SOURCE: a directory, a quoted glob in one, or a file"
        )
    path = Path(wanted[0])
    # A file is named, and one that is sealed has an end.
    pattern = path if os.path.lexists(path) else path.name
    folder, pattern = (path, "*") if path.is_dir() else (path.parent, pattern)

    def wait(seconds: float) -> None:
        out.flush()
        sleep(seconds)

    return ReadingRollManager(pattern, directory=folder, follow=True, wait=wait, **selection)


def _print(reader: ReadingRollManager, args: argparse.Namespace, out: _Output) -> int:
    try:
        out.writelines(islice(_lines(reader, args.format), args.limit))
        out.flush()
    except BrokenPipeError:
        pass  # whoever closed it had enough
    finally:
        for fault in reader.faults:
            messages.complain(str(fault))
    return exits.DATA if reader.faults else exits.FINE


def _lines(reader: ReadingRollManager, wanted: str) -> Iterator[bytes]:
    lines = _payloads(reader) if wanted == "payload" else _json(reader.records())
    return (_shown(line) for line in lines) if sys.stdout.isatty() else lines


def _payloads(pairs: Iterable[tuple[dict[str, str], str | bytes]]) -> Iterator[bytes]:
    for _, payload in pairs:
        yield (payload if isinstance(payload, bytes) else payload.encode()) + b"\n"


def _json(records: Iterable[Record]) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    for record in records:
        # Bytes are encoded as base64.
        key = "payload_base64" if isinstance(record.payload, bytes) else "payload"
        shown = {"metadata": record.metadata, key: record.payload, "timestamp": record.timestamp}
        yield encode(shown) + b"\n"


def _shown(line: bytes) -> bytes:
    return escaped(line[:-1].decode(errors="backslashreplace")).encode() + b"\n"
