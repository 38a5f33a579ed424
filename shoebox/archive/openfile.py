"""The file of an open archive: `NAME.open` in a spool, locked, and its way to `NAME`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from shoebox.errors import ArchiveGone, DurabilityError
from shoebox.files import AppendFile, closing_on_error
from shoebox.spool import OPEN, Spool


class OpenFile(AppendFile):
    """A new file that its first sync makes durable with its name; `name` is what it will get.

    A wanted name that is taken gets a number. Without a `spool` the folder is one.
    """

    def __init__(self, wanted: Path, spool: Spool | None, digests: Collection[str]) -> None:
        self._spool = Spool(wanted.parent) if spool is None else spool
        self._owns_spool = spool is None
        self._named = False
        """Whether the name survives a power cut."""
        try:
            fd, self.name = self._spool.create(wanted.name)
        except BaseException:
            self._close_spool()
            raise
        with closing_on_error(fd):
            self._opened = self.name + OPEN
            super().__init__(fd, self._spool.path / self._opened, kinds=digests)

    def sync(self) -> None:
        """Make what was appended, and the name, survive a power cut, or raise DurabilityError."""
        super().sync()
        if not self._named:
            self._sync_name()

    def publish(self) -> None:
        """Give it its name, durably; one that was interrupted may be called again.

        The name gets a number if somebody has taken it meanwhile. Raise ArchiveGone where the
        file has not its open name any more, be that another file's now.
        """
        directory, opened = self._spool.directory, self._opened
        if directory.holds(opened, self.fd):
            self.name = self._spool.link(self.fd, opened)
            directory.remove(opened)
        elif not directory.holds(self.name, self.fd):
            raise ArchiveGone(
                f"{self.path}: somebody else has removed or renamed it while it was written; "
                "look for it, its records are nowhere else"
            )
        # It would come back, after the archive was shipped and removed.
        directory.sync()
        self.path = self._spool.path / self.name

    def discard(self) -> None:
        """Remove it while it is open, unless somebody else has, and give it back."""
        directory = self._spool.directory
        try:
            if directory.holds(self._opened, self.fd):
                directory.remove(self._opened)
        finally:
            self.release()

    def release(self) -> None:
        """Give the file and its lock back as it is."""
        super().release()
        self._close_spool()

    def _sync_name(self) -> None:
        try:
            self._spool.directory.sync()
        except OSError as error:
            # As with the file's own sync, one that succeeds after this promises nothing.
            self.finished = True
            raise DurabilityError(
                f"{self._spool.path}: the directory could not be synced ({error.strerror}); "
                f"nothing more is written to {self.name}: check the disk"
            ) from error
        self._named = True

    def _close_spool(self) -> None:
        if self._owns_spool:
            self._spool.close()
