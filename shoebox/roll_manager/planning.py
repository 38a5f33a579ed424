"""Parting archives among several readers: about as many bytes for each, in the order of reading.

Bytes are counted along all archives, and cut where a reader's share ends: between two
archives, or at the nearest block that the index of a sealed one tells of. What has no
sound index is not cut. Of a selection only those blocks count that can hold a match.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import accumulate, pairwise
from typing import BinaryIO, NamedTuple

from shoebox.archive import search
from shoebox.archive.header import Header, header_of
from shoebox.archive.search import Hit
from shoebox.archive.source import Bytes
from shoebox.archive.span import Span, Start
from shoebox.errors import FormatError, ObjectNotFound, StorageError
from shoebox.selection import Selection
from shoebox.sources import Archive
from shoebox.spool import OPEN

_AT_ONCE = 8
"""Archives that are asked at the same time."""


class Piece(NamedTuple):
    """An archive, or a part of one, and how many bytes of it are to be read, about."""

    archive: Archive
    size: int


class _Cut(NamedTuple):
    """A place between two shares: in an archive, by its number, or in front of it."""

    number: int
    at: int
    """How much of the archive lies before it."""
    start: Start | None = None


_Near = Callable[[int], tuple[int, Hit]]
"""Return the block nearest to so many bytes of an archive, and how many lie before it."""


def plan(
    archives: Sequence[Archive], missing: Collection[str], selection: Selection, count: int
) -> list[list[Piece]]:
    """Return the pieces of each share, at most `count` shares and none that is empty.

    Archives that are gone are left out, but for those that are known to be `missing`.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda it: _weighed(it, missing, selection), archives)
        weighed = [it for it in answers if it is not None]
    cuts = _cuts(weighed, selection, count)
    ends = [_Cut(0, 0), *cuts, _Cut(len(weighed), 0)]
    return [_share(weighed, *pair) for pair in pairwise(ends)] if weighed else []


def _weighed(archive: Archive, missing: Collection[str], selection: Selection) -> Piece | None:
    """Return an archive and the bytes to be read of it; None where it has nothing to read."""
    try:
        archive = archive.pinned()
        if not archive.can_match(selection):
            return None
        return _weighed_by_index(archive, selection)
    except (FileNotFoundError, ObjectNotFound):
        return Piece(archive, 0) if archive.name in missing else None
    except StorageError:
        raise
    except OSError:
        # Whoever reads it will say why it can't be read.
        return Piece(archive, archive.size)


def _weighed_by_index(archive: Archive, selection: Selection) -> Piece | None:
    if selection.everything or not _may_have_index(archive):
        return Piece(archive, archive.size)
    try:
        with archive.open() as file:
            hits = list(search.hits(_indexed(file), selection))
    except FormatError:
        return Piece(archive, archive.size)
    return Piece(archive, sum(it.entry.size for it in hits)) if hits else None


def _cuts(weighed: Sequence[Piece], selection: Selection, count: int) -> list[_Cut]:
    """Return where shares end, but for the last one, in order."""
    ends = list(accumulate(it.size for it in weighed))
    total = ends[-1] if ends else 0
    places = [total * number // count for number in range(1, count)]
    found: set[_Cut] = set()
    for number, piece in enumerate(weighed):
        first = ends[number] - piece.size
        within = places[bisect_left(places, first) : bisect_left(places, ends[number])]
        found.update(_cuts_of(piece, number, [it - first for it in within], selection))
    return sorted(found - {_Cut(0, 0), _Cut(len(weighed), 0)}, key=lambda it: it[:2])


def _cuts_of(
    piece: Piece, number: int, places: Sequence[int], selection: Selection
) -> Iterator[_Cut]:
    """Yield the cut that is nearest to each place in an archive: at its ends, or within."""
    inner = list(_cuts_within(piece.archive, number, places, selection)) if places else []
    for place in places:
        able = [(place, _Cut(number, 0)), (piece.size - place, _Cut(number + 1, 0))]
        able += [(abs(it.at - place), it) for it in inner]
        yield min(able, key=lambda it: it[0])[1]


def _cuts_within(
    archive: Archive, number: int, places: Sequence[int], selection: Selection
) -> Iterator[_Cut]:
    """Yield the blocks of an archive that are near to places, as far as there is an index."""
    if not _may_have_index(archive):
        return
    with suppress(FormatError), archive.open() as file:
        data = _indexed(file)
        near, header = _near(data, selection), header_of(data)
        for at, hit in map(near, places):
            if at and not _is_first(hit, header) and _is_sound(hit, data):
                begin = Start(hit.at, hit.start, hit.archive_id, hit.entry.sequence)
                yield _Cut(number, at, begin)


def _may_have_index(archive: Archive) -> bool:
    return not archive.name.endswith(OPEN)


def _indexed(file: BinaryIO) -> Bytes:
    """Return the bytes of a file that may have an index; else raise FormatError."""
    data = Bytes(file)
    if data.packed:
        raise FormatError("compressed as a whole: it can only be read from its beginning")
    return data


def _near(data: Bytes, selection: Selection) -> _Near:
    if selection.everything:
        return lambda place: _at(search.nearest(data, place))
    hits = list(search.hits(data, selection))
    before = list(accumulate((it.entry.size for it in hits), initial=0))[:-1]

    def near(place: int) -> tuple[int, Hit]:
        behind = bisect_right(before, place)
        able = range(behind - 1, min(behind + 1, len(hits)))
        nearest = min(able, key=lambda it: abs(before[it] - place))
        return before[nearest], hits[nearest]

    return near


def _at(hit: Hit) -> tuple[int, Hit]:
    return hit.at, hit


def _is_first(hit: Hit, header: Header | None) -> bool:
    """Tell whether no record of the file lies before a block."""
    return header is None or (hit.start == 0 and hit.entry.sequence == header.sequence)


def _is_sound(hit: Hit, data: Bytes) -> bool:
    """Tell whether the block is where it should be: so no damage lies across the cut."""
    try:
        hit.locate(data)
    except FormatError:
        return False
    return True


def _share(weighed: Sequence[Piece], begin: _Cut, end: _Cut) -> list[Piece]:
    """Return what lies between two cuts."""
    pieces = []
    for number in range(begin.number, end.number + (end.start is not None)):
        archive, size = weighed[number]
        start = begin.start if number == begin.number else None
        stop = end.start if number == end.number else None
        size = (size if stop is None else end.at) - (0 if start is None else begin.at)
        span = Span(start, None if stop is None else stop.at)
        pieces.append(Piece(archive.part(span), size))
    return pieces
