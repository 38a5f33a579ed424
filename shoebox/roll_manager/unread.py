"""What is left to read of the archives that there are: going over them, once or again and again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path

from shoebox.archive import ArchiveReader, Fault
from shoebox.archive.batch import Batch
from shoebox.callback import CallbackList
from shoebox.errors import ArchiveError, NoValidFile, ObjectNotFound, StorageError
from shoebox.escaping import logger
from shoebox.roll_manager.ahead import Ahead, ahead
from shoebox.roll_manager.listing import Listing, in_order
from shoebox.selection import Selection
from shoebox.sources import Archive, File, base_name
from shoebox.spool import OPEN

_log = logger(__name__)


class Unread:
    """The archives of a listing, opened when it is their turn and read block by block.

    `marks` say where to go on. Faults are noted in `faults`, or raised if `strict`.
    """

    def __init__(
        self,
        listing: Listing,
        selection: Selection,
        marks: Mapping[str, int],
        callback: CallbackList,
        *,
        strict: bool,
        follow: bool,
    ) -> None:
        self._listing = listing
        self._selection = selection
        self._marks = marks
        self._callback = callback
        self._strict = strict
        self._follow = follow
        self._readers: dict[str, tuple[Archive, ArchiveReader]] = {}
        """The archives that are being read, by their names."""
        self._ahead: Ahead | None = None
        self._read: set[str] = set()
        """Names of the archives that have been read to their end."""
        self.faults: list[Fault] = []
        self.any = listing.planned
        """Whether there was a record, here or for another reader."""

    def archives(self) -> list[Archive]:
        """Return all that match now, read or not, in the order of reading."""
        return self._in_order(self._listing.there())

    def batches(self, wait: Callable[[float], object]) -> Generator[Batch, None, None]:
        """Yield the batches of every archive; when following, wait for more again and again."""
        while True:
            came = False
            for _, batch in self.once(payloads=True):
                came = True
                yield batch
            if not self._follow:
                return
            if not came:
                if self._listing.named and not self._to_read():
                    return
                wait(self._listing.poll)

    def once(self, *, payloads: bool) -> Iterator[tuple[Archive, Batch]]:
        """Yield the batches of what was not read to its end; of archives that can match alone."""
        archives = self._to_read()
        begun = [it for it in archives if base_name(it.name) not in self._readers]
        looked_for = [] if self._selection.everything else begun
        with ahead(looked_for, self._look_up) as self._ahead:
            for archive in archives:
                for batch in self._of(archive, payloads=payloads):
                    yield archive, batch

    def close(self) -> None:
        """Close the files."""
        for _, reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def _look_up(self, archive: Archive) -> ArchiveReader:
        reader = self._made(archive, growing=False)
        try:
            reader.look_up()
        except BaseException:
            reader.close()
            raise
        return reader

    def _made(self, archive: Archive, *, growing: bool) -> ArchiveReader:
        return archive.reader(growing=growing, strict=self._strict, selection=self._selection)

    def _to_read(self) -> list[Archive]:
        """Return what was not read to its end, first what is gone: shipped, or moved."""
        there = {base_name(archive.name): archive for archive in self._listing.there()}
        if not self._listing.may_lag:
            self._read.intersection_update(there)
        gone = [
            File(Path(name)) if archive.path is not None else archive
            for name, (archive, _) in self._readers.items()
            if name not in there
        ]
        rest = [archive for name, archive in there.items() if name not in self._read]
        return [*gone, *self._able(rest)]

    def _able(self, archives: list[Archive]) -> list[Archive]:
        """Return those that can hold what is selected, in the order that they have among all."""
        if self._selection.everything:
            return self._in_order(archives)
        able = {it.name for it in archives if it.can_match(self._selection)}
        self._read.update(base_name(it.name) for it in archives if it.name not in able)
        return [it for it in self._in_order(archives) if it.name in able]

    def _in_order(self, archives: Sequence[Archive]) -> list[Archive]:
        return list(archives) if self._listing.planned else in_order(archives)

    def _of(self, archive: Archive, *, payloads: bool) -> Iterator[Batch]:
        """Yield what an archive has that was not read yet."""
        name = base_name(archive.name)
        growing = archive.name.endswith(OPEN) and (self._follow or archive.growing)
        reader = self._reader(archive, name, growing=growing)
        if reader is None:
            return
        if not growing:
            reader.settle()
        for batch in reader.batches(self._marks, payloads=payloads):
            self.any = True
            yield batch
        if not (growing and self._follow):
            self._finish(archive, name)

    def _reader(self, archive: Archive, name: str, *, growing: bool) -> ArchiveReader | None:
        if name in self._readers:
            return self._readers[name][1]
        try:
            reader = self._ahead.take(archive) if self._ahead else None
            if reader is None:
                reader = self._made(archive, growing=growing)
        except ObjectNotFound as error:
            self._read.add(name)
            self._gone(archive, error)
            return None
        except StorageError:
            raise
        except OSError as error:
            self._read.add(name)
            self._unreadable(archive, error)
            return None
        reader.faults = self.faults
        self._readers[name] = archive, reader
        if archive.path is not None:
            self._callback.on_open(archive.path)
        return reader

    def _unreadable(self, archive: Archive, error: OSError) -> None:
        """Note what can't be opened."""
        if not isinstance(error, FileNotFoundError):
            self._note(Fault(archive.name, "foreign", 0, 0, f"can't be read: {error.strerror}"))
        elif archive.name in self._listing.missing:
            self._note(Fault(archive.name, "foreign", 0, 0, "there is no such file"))
        else:
            self._gone(archive, error)

    def _gone(self, archive: Archive, error: Exception) -> None:
        """Pass over what was listed and has been shipped, moved or removed; but not in a plan."""
        if self._listing.planned:
            raise NoValidFile(
                f"{archive.name}: it is not there any more since this was split; split anew "
                "what is there now"
            ) from error

    def _finish(self, archive: Archive, name: str) -> None:
        self._readers.pop(name)[1].close()
        self._read.add(name)
        if archive.path is not None and not archive.name.endswith(OPEN):
            self._callback.on_close(archive.path)

    def _note(self, fault: Fault) -> None:
        if self._strict:
            raise ArchiveError(fault)
        _log.warning("%s", fault)
        self.faults.append(fault)
