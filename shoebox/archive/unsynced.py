"""The blocks of an archive that a power cut may take."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from shoebox.archive.layout import Block

MAX_BYTES = 8 << 20
"""Blocks are kept up to this size, to be written again in another archive."""


class Unsynced:
    """Blocks that were appended and are not known to be durable, the oldest first.

    One thread may forget what was synced while another keeps what it appends.
    """

    def __init__(self) -> None:
        self._blocks: deque[tuple[int, int, Block]] = deque()
        """Each with where it ends in the file, and its size."""
        self._bytes = 0
        self._lock = threading.Lock()

    def keep(self, block: Block, end: int) -> None:
        """Keep a block that ends there in the file; let go of the oldest if there are too many.

        One that is kept already is not kept twice.
        """
        size = sum(map(len, block.buffers))
        with self._lock:
            if self._blocks and self._blocks[-1][0] >= end:
                return
            self._blocks.append((end, size, block))
            self._bytes += size
            while self._bytes > MAX_BYTES:
                self._drop_oldest()

    def forget(self, synced: int) -> None:
        """Let go of the blocks that end within the first `synced` bytes of the file."""
        with self._lock:
            while self._blocks and self._blocks[0][0] <= synced:
                self._drop_oldest()

    def __iter__(self) -> Iterator[Block]:
        for *_, block in self._blocks:
            yield block

    def _drop_oldest(self) -> None:
        self._bytes -= self._blocks.popleft()[1]
