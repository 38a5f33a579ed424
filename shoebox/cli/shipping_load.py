"""How much one pass of shipping has to store, and how far it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from threading import Lock

from shoebox.cli.progress import Advance
from shoebox.cli.text import count
from shoebox.shipper import Waiting
from shoebox.spool import Spool


class Load:
    """What one pass has to ship, and how far it is; any thread may say what it has stored."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        """Bytes of each archive that was offered when the pass began."""
        self.total = 0
        """Bytes to be stored, of an archive as often as destinations lack it."""
        self.advance: Advance | None = None
        self._lacking = Counter[str]()
        """How many destinations lack an archive that is to be stored."""
        self._archives = 0
        self._lock = Lock()

    def take(self, spool: Spool, offered: Iterable[str], waiting: Iterable[Waiting]) -> None:
        """Take in what waits before anything is shipped."""
        for name in offered:
            with suppress(FileNotFoundError):
                self.sizes[name] = spool.directory.stat(name).st_size
        self._lacking = Counter(it.name for it in waiting if it.name in self.sizes)
        self._archives = len(self._lacking)
        self.total = sum(self.sizes[name] * times for name, times in self._lacking.items())

    @property
    def label(self) -> str:
        """How far it is, in archives."""
        done = self._archives - len(self._lacking)
        return f"shipping, {done} of {count(self._archives, 'archive')} stored"

    def stored(self, name: str, _destination: str) -> None:
        """Take down that one destination more has an archive."""
        with self._lock:
            if self.advance is not None and name in self._lacking:
                self._lacking[name] -= 1
                if not self._lacking[name]:
                    del self._lacking[name]
                self.advance(self.sizes[name], self.label)
