"""Writing one archive."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from threading import Lock
from time import time_ns
from types import TracebackType
from typing import NoReturn, Self

from mypy_extensions import mypyc_attr

from shoebox.archive.blocks import Blocks
from shoebox.archive.checks import plain_metadata
from shoebox.archive.filling import Filling
from shoebox.archive.layout import Block, layout_of
from shoebox.archive.openfile import OpenFile
from shoebox.errors import RecordValueError, WriterClosed
from shoebox.format import v1
from shoebox.format.v2 import BLOCK_BYTES, PLAIN_BLOCK_BYTES
from shoebox.spool import Spool


# Users may derive from it, in modules that are not compiled.
@mypyc_attr(allow_interpreted_subclasses=True)
class ArchiveWriter(Filling):
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
        compressed = compression != "none" and format_version != v1.VERSION
        super().__init__(BLOCK_BYTES if compressed else PLAIN_BLOCK_BYTES, clock)
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
        self.commit_lock = Lock()
        """Held around `commit` and `seal`, so that concurrent writers share one sync."""
        self._file = OpenFile(Path(path), spool, digests)
        try:
            # The first commit makes the file and its name durable.
            self._file.append(*self._layout.header())
            self._blocks = Blocks(self._file, self._layout)
        except BaseException:
            self._file.discard()
            raise
        self.name = self._file.name
        self.size = self._file.size
        """Bytes in the file; checkers look at it after every record."""
        self.sealed = False
        self._released = False

    @property
    def path(self) -> Path:
        """Where the archive is now."""
        return self._file.path

    @property
    def records(self) -> int:
        """Records that were taken."""
        return self._blocks.records + len(self._pending)

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
        try:
            self._file.discard()
        finally:
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

    def _refuse(self, _: object) -> NoReturn:
        raise WriterClosed(f"{self.path}: nothing can be written after close")
