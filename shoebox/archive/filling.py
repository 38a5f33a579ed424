"""Taking records into the block of an archive that is being filled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, overload

from mypy_extensions import mypyc_attr

from shoebox.archive.checks import (
    check_sizes,
    check_timestamp,
    plain_metadata,
    plain_payload,
)
from shoebox.archive.pending import Pending
from shoebox.archive.shape import Shape
from shoebox.format import v2
from shoebox.format.v2 import BLOCK_BYTES, RECORD_COST
from shoebox.selection import Time


# ArchiveWriter is one, which users may derive from.
@mypyc_attr(allow_interpreted_subclasses=True)
class Filling(ABC):
    """Takes records until they make a block of about `block_bytes`, which is flushed then.

    `clock` gives nanoseconds since the epoch.
    """

    def __init__(self, block_bytes: int, clock: Callable[[], int]) -> None:
        self._block_bytes = block_bytes
        self._clock = clock
        self._last: tuple[bytes, str | bytes, int] | None = None
        self._pending = Pending()
        self._shape = _EMPTY
        self._take: Callable[[tuple[bytes, str | bytes, int]], None]
        self._room: int
        """Bytes that the block may still take."""
        self._begin_block()

    @abstractmethod
    def flush(self) -> None:
        """Hand what was taken to the operating system: it survives the process then."""

    @property
    def buffered(self) -> int:
        """About how many bytes were taken that are not in the file yet, uncompressed."""
        return self._block_bytes - self._room

    @property
    def last_metadata(self) -> dict[str, str] | None:
        """The metadata of the record that was taken last."""
        last = self._last_record()
        return None if last is None else v2.decode_map(last[0])

    @property
    def last_payload(self) -> str | bytes | None:
        """The payload of the record that was taken last."""
        last = self._last_record()
        return None if last is None else last[1]

    # A compiled function refuses an argument of another type before it can say what is wrong
    # with which key: so the types are promised here, and looked at below.
    @overload
    def write(self, metadata: Mapping[str, str], payload: str | bytes) -> None: ...

    @overload
    def write(
        self, metadata: Mapping[str, str], payload: str | bytes, timestamp: Time | None
    ) -> None: ...

    def write(self, metadata: Any, payload: Any, timestamp: Any = None) -> None:
        """Take a record, copied and checked; `timestamp` in nanoseconds, or aware, else now.

        Raise RecordTypeError or RecordValueError for what can't be stored, and OSError
        where a block can't be written; the record is left out then, and no other.
        """
        # Every record comes through here: what can be left to the block is left to it. An
        # attribute that is called is loaded faster by itself than as a method.
        shape, clock, take = self._shape, self._clock, self._take
        values_of = shape.values_of
        try:
            packed = _pack(metadata)
            values = values_of(metadata)
            if len(metadata) != shape.width:
                raise KeyError
            _join(values)
        except (KeyError, TypeError, UnicodeEncodeError):
            packed, shape, values = self._reshape(metadata)
        if type(payload) is str and payload.isascii():
            size = len(packed) + len(payload)
        else:
            payload, length = plain_payload(payload)
            size = len(packed) + length
        time = clock() if timestamp is None else check_timestamp(timestamp)
        add = shape.add
        add(values)
        take((packed, payload, time))
        room = self._room = self._room - size - RECORD_COST
        if room < 0:
            self._flush_or_drop_last()

    def flush_soon(self) -> None:
        """Flush with the next record, so that its writer learns of an error."""
        if len(self._pending):
            self._room = min(self._room, 0)

    def drop_pending(self) -> None:
        """Leave out the records that were not flushed."""
        self._begin_block()

    def _next_block(self) -> None:
        """Let go of the records that are in the file now; a second time changes nothing."""
        if len(self._pending):
            self._last = self._pending.last
        self._begin_block()

    def _begin_block(self) -> None:
        self._pending.begin()
        if not self._pending.shapes:
            self._shape = _EMPTY
        self._take = self._pending.items.extend
        self._room = self._block_bytes

    def _flush_or_drop_last(self) -> None:
        packed, payload, _ = self._pending.last
        _, length = plain_payload(payload)
        try:
            # Whatever is over a limit is more than a block has room for, so it comes here.
            if len(packed) + length > BLOCK_BYTES:
                check_sizes(v2.decode_map(packed), len(packed), length)
            self.flush()
        except BaseException:
            if len(self._pending):
                self._room += len(packed) + length + RECORD_COST
                self._pending.drop_last()
            raise

    def _reshape(self, metadata: Mapping[str, str]) -> tuple[bytes, Shape, tuple[str, ...]]:
        """Take metadata of another shape than the record's before, or raise what is wrong."""
        shape = self._pending.shapes.get(tuple(metadata)) if type(metadata) is dict else None
        if shape is not None:
            with suppress(TypeError, UnicodeEncodeError):
                values = shape.values_of(metadata)
                _join(values)
                self._shape = shape
                return _pack(metadata), shape, values
        plain = plain_metadata(metadata)
        shape = self._shape = self._pending.shape(plain)
        return _pack(plain), shape, shape.values_of(plain)

    def _last_record(self) -> tuple[bytes, str | bytes, int] | None:
        return self._pending.last if len(self._pending) else self._last


_pack: Final = v2.encode_map
_join: Final = "".join
_EMPTY: Final = Shape(())
