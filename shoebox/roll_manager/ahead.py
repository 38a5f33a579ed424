"""Looking into the indexes of archives in stores before it is their turn to be read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from shoebox.archive import ArchiveReader
from shoebox.sources import Archive, Object

AT_ONCE = 8
"""Archives whose indexes are asked for at the same time."""

READY = 32
"""Archives that are looked into before the first of them has been read, at most."""


class Ahead:
    """Readers of archives in stores, made in this order and a few at the same time."""

    def __init__(
        self,
        archives: Iterable[Archive],
        make: Callable[[Archive], ArchiveReader],
        pool: ThreadPoolExecutor,
    ) -> None:
        self._rest = iter([it for it in archives if isinstance(it, Object)])
        self._make = make
        self._pool = pool
        self._begun: deque[tuple[str, Future[ArchiveReader]]] = deque()

    def take(self, archive: Archive) -> ArchiveReader | None:
        """Return the archive's reader, or raise what came instead; None where none was made."""
        self._begin()
        if not self._begun or self._begun[0][0] != archive.name:
            return None
        return self._begun.popleft()[1].result()

    def close(self) -> None:
        """Make no more, and close what was not taken."""
        self._rest = iter(())
        while self._begun:
            made = self._begun.popleft()[1]
            if not made.cancel() and made.exception() is None:
                made.result().close()

    def _begin(self) -> None:
        while len(self._begun) < READY and (archive := next(self._rest, None)) is not None:
            self._begun.append((archive.name, self._pool.submit(self._make, archive)))


@contextmanager
def ahead(archives: Iterable[Archive], make: Callable[[Archive], ArchiveReader]) -> Iterator[Ahead]:
    """Yield the readers of these archives, and close what is left of them at the end."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = Ahead(archives, make, pool)
        try:
            yield made
        finally:
            made.close()
