"""The blocks of an open archive: in its file, in its index, and durable or not."""

from __future__ import annotations

from collections.abc import Iterator

from shoebox.archive.layout import Block, Layout, Placement
from shoebox.archive.openfile import OpenFile
from shoebox.archive.unsynced import Unsynced


class Blocks:
    """What is in the file of an open archive, and what is known of it.

    A signal handler may raise in the middle of each method: what was to be done is done then,
    or nothing is. `commit` may be called while another thread appends.
    """

    def __init__(self, file: OpenFile, layout: Layout) -> None:
        self._file = file
        self._layout = layout
        self._unsynced = Unsynced()
        self.records = 0
        """Records in the file."""
        self.committed = 0
        """Records that survive a power cut."""
        self.ended = False
        """Whether the end is in the file, behind which nothing may follow."""

    def append(self, block: Block) -> None:
        """Append a block; raise OSError, with nothing changed, where the disk fails."""
        file, before = self._file, self._file.size
        placement = self._layout.place(block, before, file.synced)
        records = self.records + block.records
        try:
            file.append(*placement.buffers)
            self._appended(placement, block, records)
        except BaseException:
            if file.size != before:
                self._appended(placement, block, records)
            raise

    def end(self) -> None:
        """Append what an archive ends with."""
        file, before = self._file, self._file.size
        try:
            file.append(*self._layout.end(before, file.synced))
        finally:
            self.ended = file.size != before

    def commit(self) -> None:
        """Make what was appended survive a power cut; raise DurabilityError if it may not."""
        covered = self.records
        self._file.sync()
        self.committed = max(self.committed, covered)
        self._unsynced.forget(self._file.synced)

    def unsynced(self) -> Iterator[Block]:
        """Yield the blocks that a power cut may take."""
        return iter(self._unsynced)

    def _appended(self, placement: Placement, block: Block, records: int) -> None:
        """Take in that a block is in the file; a second time changes nothing."""
        self._layout.placed(placement)
        self._unsynced.keep(block, self._file.size)
        self.records = records
