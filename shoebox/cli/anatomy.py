"""One archive in all its parts, for people and programs."""

from __future__ import annotations

from typing import Any

from cliff.columns import FormattableColumn

from shoebox.archive import ArchiveReader, Fault, Header, search
from shoebox.archive.frames import Located
from shoebox.archive.reader import frame_of
from shoebox.archive.source import Bytes
from shoebox.cli.command import Maybe, Text
from shoebox.cli.survey import Survey, ends, survey
from shoebox.cli.text import moment
from shoebox.errors import FormatError
from shoebox.escaping import escaped, sentence
from shoebox.format import codecs, v2
from shoebox.format.index import Entry, entry_of
from shoebox.sources import Archive

Row = dict[str, Any]


class Rows(FormattableColumn[list[Row]]):
    """A list of rows: as it is for programs, one a line for people."""

    def human_readable(self) -> str:
        """Return the rows as lines."""
        lines = (", ".join(f"{key} {value}" for key, value in row.items()) for row in self._value)
        return "\n".join(map(escaped, lines))


class Pairs(FormattableColumn[dict[str, str]]):
    """Metadata: as it is for programs, escaped for people."""

    def human_readable(self) -> str:
        """Return the pairs as lines."""
        return "\n".join(sentence(f"{key}={value}") for key, value in self._value.items())


def of(archive: Archive) -> tuple[Row, list[Fault]]:
    """Return what there is to say of an archive, and what is wrong with it."""
    told = None if archive.path is not None else _told(archive)
    return _surveyed(archive) if told is None else (told, [])


def _told(archive: Archive) -> Row | None:
    """Return what the ends and the index of an archive in a store say of it, if they are sound.

    So that not every block's head is fetched.
    """
    seen = ends(archive)
    if seen is None:
        return None
    with archive.open() as file:
        try:
            outline = search.outline(Bytes(file))
        except FormatError:
            return None
    return _shown(
        seen, list(map(_told_block, outline.blocks)), list(map(_told_piece, outline.pieces))
    )


def _surveyed(archive: Archive) -> tuple[Row, list[Fault]]:
    blocks: list[Row] = []
    index: list[Row] = []

    def look(reader: ArchiveReader, located: Located) -> None:
        if located.is_a(v2.BLOCK):
            blocks.append(_block(located))
        elif located.is_a(v2.INDEX):
            index.append(_index(reader, located))

    seen = survey(archive, look)
    return _shown(seen, blocks, index), seen.faults


def _shown(seen: Survey, blocks: list[Row], index: list[Row]) -> Row:
    parts = {"blocks": Rows(blocks), "index": Rows(index)}
    return {**_summary(seen), **_origin(seen.header), **parts}


def _summary(seen: Survey) -> Row:
    return {
        "archive": Text(seen.name),
        "state": seen.state,
        "version": seen.version,
        "records": seen.records,
        "bytes": seen.size,
        "first": _moment(seen.first_time),
        "last": _moment(seen.last_time),
    }


def _moment(time: int | None) -> Maybe[str]:
    return Maybe(None if time is None else moment(time))


def _origin(header: Header | None) -> Row:
    if header is None:
        return {}
    return {
        "id": header.archive,
        "writer": header.writer,
        "sequence": header.sequence,
        "created": moment(header.created),
        "metadata": Pairs(header.metadata),
    }


def _block(located: Located) -> Row:
    frame = frame_of(located)
    return _row(located.at, entry_of(frame, frame.items))


def _told_block(hit: search.Hit) -> Row:
    return _row(hit.at, hit.entry)


def _row(at: int, entry: Entry) -> Row:
    return {
        "offset": at,
        "records": entry.records,
        "sequence": entry.sequence,
        "first": moment(entry.first_time),
        "last": moment(entry.last_time),
        "metadata_bytes": entry.metadata,
        "payload_bytes": entry.payload,
        "compression": codecs.NAMES.get(entry.codec, str(entry.codec)),
    }


def _told_piece(piece: search.Piece) -> Row:
    entries, keys = piece.told.entries, sorted(piece.told.runs)
    return {"offset": piece.at, "level": piece.level, "entries": len(entries), "keys": keys}


def _index(reader: ArchiveReader, located: Located) -> Row:
    """Return what an index frame covers, and for which keys it can leave blocks out."""
    frame = frame_of(located)
    try:
        entries = reader.read_index(located)
        keys = sorted({key for it in entries if it.filters for key in it.filters})
    except FormatError as error:
        return {"offset": located.at, "error": str(error)}
    return {"offset": located.at, "level": frame.level, "entries": len(entries), "keys": keys}
