"""The archives of one writer, one after the other."""

from __future__ import annotations

import os
import uuid
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Lock
from time import perf_counter
from typing import Any

from mypy_extensions import mypyc_attr

from shoebox.archive import ArchiveWriter
from shoebox.archive.layout import Block
from shoebox.metrics import BYTES, NOWHERE, RECORDS, SYNC, WRITE, Note
from shoebox.spool import Spool, render


class Batch:
    """Records that are taken and not in the file yet; their writers wait for a sync."""

    def __init__(self) -> None:
        self.lock = Lock()
        """Held by the writer that syncs for all of them."""
        self._kept: int | None = None
        self._error = OSError()

    def leave_out(self, kept: int, error: OSError) -> None:
        """Say that of the archive's records only so many were kept."""
        self._kept, self._error = kept, error

    def check(self, target: int) -> None:
        """Raise the error that left out the record that was the archive's `target`-th then."""
        if self._kept is not None and target > self._kept:
            raise OSError(self._error.errno, f"{self._error.strerror}; the record is left out")


# As its base says; mypyc would else initialise it twice, before and after it is made.
@mypyc_attr(allow_interpreted_subclasses=True)
class OpenArchive(ArchiveWriter):
    """The archive that a writer appends to; what could not be flushed can be left out."""

    batch: Batch
    noted: deque[Note]
    """What metrics are to be told. Nothing is called that a signal could interrupt."""

    def append(self, block: Block) -> None:
        """Append a block, and note what it was and what it took."""
        size, start = self.size, perf_counter()
        super().append(block)
        self.noted.append((WRITE, perf_counter() - start, ""))
        self.noted.append((RECORDS, block.records, ""))
        self.noted.append((BYTES, self.size - size, ""))

    def commit(self) -> None:
        """Make what was flushed survive a power cut, and note what it took."""
        start = perf_counter()
        super().commit()
        self.noted.append((SYNC, perf_counter() - start, ""))

    def leave_out(self, error: OSError) -> None:
        """Leave out the records that are not in the file; their writers will raise the error."""
        self.drop_pending()
        self.batch.leave_out(self.records, error)
        self.batch = Batch()


class Succession:
    """Names and numbers one writer's archives, and carries over what one left in doubt.

    Blocks and syncs are put into `noted`. `options` are those of ArchiveWriter. Sequence
    numbers run on from one to the next.
    """

    def __init__(
        self, spool: Spool, template: str, *, noted: deque[Note] = NOWHERE, **options: Any
    ) -> None:
        self.path = spool.path
        self._spool = spool
        self._template = template
        self._noted = noted
        self._options = {**options, "writer_id": uuid.uuid4().bytes}
        self._sequence = 0
        self.carried: list[Block] = []
        """What the last archive left in doubt, and the next one begins with."""

    def next(self) -> OpenArchive:
        """Open the next archive; raise OSError where the disk fails, with nothing changed."""
        archive = self._create(self._sequence, self.carried)
        self.carried = []
        return archive

    def again(self, blocks: Sequence[Block]) -> OpenArchive:
        """Return an archive of its own for blocks that are not the last of this writer."""
        return self._create(blocks[0].sequence, blocks)

    def ended(self, archive: OpenArchive) -> None:
        """Go on with the numbers after those of an archive that gets nothing more."""
        self._sequence = archive.sequence

    def left(self, archive: OpenArchive) -> None:
        """Carry over what an archive, that can't be written to any more, has put in doubt."""
        self.ended(archive)
        self.carried = list(archive.carried())

    def _create(self, sequence: int, blocks: Sequence[Block]) -> OpenArchive:
        archive = OpenArchive(
            self._spool.path / render(self._template, datetime.now(UTC)),
            spool=self._spool,
            sequence=blocks[0].sequence if blocks else sequence,
            metadata={"host": os.uname().nodename},
            **self._options,
        )
        try:
            archive.batch = Batch()
            archive.noted = self._noted
            for block in blocks:
                archive.append(block)
            if blocks:
                # On a disk that does not sync there would else be a new archive each time.
                archive.commit()
        except BaseException:
            archive.discard()
            raise
        return archive
