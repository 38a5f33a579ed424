"""Writing one archive."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from time import time_ns
from types import TracebackType
from typing import Any, Final, NoReturn, Self, overload

from mypy_extensions import mypyc_attr

from shoebox.archive.blocks import Blocks
from shoebox.archive.checks import (
    check_sizes,
    check_timestamp,
    plain_metadata,
    plain_payload,
)
from shoebox.archive.layout import Block, layout_of
from shoebox.archive.openfile import OpenFile
from shoebox.archive.pending import Pending
from shoebox.archive.shape import Shape
from shoebox.errors import RecordValueError, WriterClosed
from shoebox.format import v1, v2
from shoebox.format.v2 import BLOCK_BYTES, PLAIN_BLOCK_BYTES, RECORD_COST
from shoebox.selection import Time
from shoebox.spool import Spool


# Users may derive from it, in modules that are not compiled.
@mypyc_attr(allow_interpreted_subclasses=True)
class ArchiveWriter:
    """Appends records to an open archive, `PATH.open`, and seals it as `PATH`.

    A name that is taken gets a number. For one thread at a time, but for `commit`.
    After a DurabilityError nothing more is written here: `carried` gives what is to be
    written again in the next archive.

    `writer_id` and `archive_id` are 16 bytes, `sequence` is the first record's number,
    `metadata` what the header says besides. `index_keys` are the metadata keys whose values
    get a filter in the index, all if it is empty. `digests` names those that `checksums` is
    to give of the sealed file. `clock` gives nanoseconds since the epoch.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        spool: Spool | None = None,
        compression: str = "zstd",
        format_version: int = 2,
        archive_id: bytes | None = None,
        writer_id: bytes | None = None,
        sequence: int = 0,
        metadata: Mapping[str, str] | None = None,
        index_keys: Collection[str] = (),
        digests: Collection[str] = (),
        clock: Callable[[], int] = time_ns,
    ) -> None:
        self._clock = clock
        self.opened = clock()
        self.archive_id = uuid.uuid4().bytes if archive_id is None else archive_id
        self._layout = layout_of(
            format_version,
            self.archive_id,
            uuid.uuid4().bytes if writer_id is None else writer_id,
            created=self.opened,
            sequence=sequence,
            compression=compression,
            metadata={} if metadata is None else plain_metadata(metadata),
            index_keys=index_keys,
        )
        self._sequence = sequence
        compressed = compression != "none" and format_version != v1.VERSION
        self._block_bytes = BLOCK_BYTES if compressed else PLAIN_BLOCK_BYTES
        self._last: tuple[bytes, str | bytes, int] | None = None
        self.commit_lock = Lock()
        """Held around `commit` and `seal`, so that concurrent writers share one sync."""
        self._file = self._create(Path(path), spool, digests)
        self._blocks = Blocks(self._file, self._layout)
        self.name = self._file.name
        self.size = self._file.size
        """Bytes in the file; checkers look at it after every record."""
        self.sealed = False
        self._released = False
        self._pending = Pending()
        self._shape = _EMPTY
        self._take: Callable[[tuple[bytes, str | bytes, int]], None]
        self._room: int
        """Bytes that the block may still take."""
        self._begin_block()

    @property
    def path(self) -> Path:
        """Where the archive is now."""
        return self._file.path

    @property
    def records(self) -> int:
        """Records that were taken."""
        return self._blocks.records + len(self._pending)

    @property
    def buffered(self) -> int:
        """About how many bytes were taken that are not in the file yet, uncompressed."""
        return self._block_bytes - self._room

    @property
    def checksums(self) -> dict[str, str]:
        """The digests of the file that were asked for; none while not all of it is synced."""
        return self._file.checksums()

    @property
    def committed(self) -> int:
        """Records that survive a power cut."""
        return self._blocks.committed

    @property
    def sequence(self) -> int:
        """The number of the next record."""
        return self._sequence + self.records

    @property
    def finished(self) -> bool:
        """Whether an error forbids to write here any more."""
        return self._file.finished

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

    def flush(self) -> None:
        """Hand what was taken to the operating system: it survives the process then."""
        if not len(self._pending):
            return
        block, appended = self._pending_block(), self._blocks.records
        try:
            self.append(block)
            self._next_block()
        except BaseException:
            # A signal handler may raise in between: what is in the file is not pending any more.
            if self._blocks.records != appended:
                self._next_block()
            raise

    def flush_soon(self) -> None:
        """Flush with the next record, so that its writer learns of an error."""
        if len(self._pending):
            self._room = min(self._room, 0)

    def append(self, block: Block) -> None:
        """Append a block, of this archive or carried over from one before."""
        try:
            self._blocks.append(block)
        finally:
            self.size = self._file.size

    def commit(self) -> None:
        """Make what was flushed survive a power cut; raise DurabilityError if it may not.

        May be called while another thread writes.
        """
        self._blocks.commit()

    def sync(self) -> None:
        """Flush and commit."""
        self.flush()
        self.commit()

    def seal(self) -> Path:
        """Finish the archive under its name, which is returned; its lock stays held.

        One that was interrupted can be called again. A second time changes nothing.
        """
        if self.sealed:
            return self.path
        if not self._blocks.ended:
            self._end()
        try:
            self.commit()
            self._file.publish()
        except Exception:
            self._file.finished = True
            raise
        self.sealed = True
        return self.path

    def carried(self) -> Iterator[Block]:
        """Yield the blocks that may not survive a power cut here, and the pending records."""
        yield from self._blocks.unsynced()
        if len(self._pending):
            yield self._pending_block()

    def drop_pending(self) -> None:
        """Leave out the records that were not flushed."""
        self._begin_block()

    def release(self) -> None:
        """Give the file and its lock back as it is: recovery takes what is not sealed."""
        self._released = True
        self._take = self._refuse
        self._file.release()

    def let_go(self) -> None:
        """Close, in a forked child, its copy of the parent's file: the lock stays the parent's."""
        self._file.close()

    def close(self) -> None:
        """Seal the archive, or remove it if it holds no record; twice is fine."""
        if not (self.sealed or self._released):
            if self.records:
                self.seal()
            else:
                self.discard()
        self.release()

    def discard(self) -> None:
        """Remove the archive, which holds no record."""
        self._file.discard()
        self.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        finally:
            self.release()

    def _create(self, wanted: Path, spool: Spool | None, digests: Collection[str]) -> OpenFile:
        """Make the file; the first commit makes it and its name durable."""
        file = OpenFile(wanted, spool, digests)
        try:
            file.append(*self._layout.header())
        except BaseException:
            file.discard()
            raise
        return file

    def _end(self) -> None:
        self.flush()
        if not self.records:
            raise RecordValueError(f"{self.path}: without a record it can't be sealed; close it")
        self._take = self._refuse
        try:
            self._blocks.end()
        finally:
            self.size = self._file.size
            if not self._blocks.ended:
                self._begin_block()

    def _pending_block(self) -> Block:
        return self._layout.block(self._pending, self._sequence + self._blocks.records)

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

    def _refuse(self, _: object) -> NoReturn:
        raise WriterClosed(f"{self.path}: nothing can be written after close")

    def _last_record(self) -> tuple[bytes, str | bytes, int] | None:
        return self._pending.last if len(self._pending) else self._last


_pack: Final = v2.encode_map
_join: Final = "".join
_EMPTY: Final = Shape(())
