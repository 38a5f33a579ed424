"""Writing records into archives that roll."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from threading import Lock, RLock
from time import monotonic
from typing import Any, Literal, TypeVar

from shoebox.callback import Callback, CallbackList
from shoebox.closing import Closing
from shoebox.complaints import Complaints
from shoebox.destination import Destination, destinations
from shoebox.errors import ConfigError, WriterClosed
from shoebox.escaping import logger
from shoebox.metrics import SILENT, Metrics, guarded
from shoebox.roll_checker import RollChecker
from shoebox.roll_manager import asking, lifetime
from shoebox.roll_manager.asking import Asked
from shoebox.roll_manager.background import Background
from shoebox.roll_manager.current import Current
from shoebox.roll_manager.leftovers import Leftovers
from shoebox.roll_manager.room import Room
from shoebox.roll_manager.sealer import Sealer
from shoebox.roll_manager.succession import Succession
from shoebox.roll_manager.taking import Taker
from shoebox.roll_manager.telling import Telling
from shoebox.shipper import Shipper, Waiting
from shoebox.spool import Spool, render
from shoebox.starting import apart
from shoebox.storage import StorageBackend

_log = logger(__name__)

_DURABILITIES = ("record", "interval", "roll")

_C = TypeVar("_C", str, int)


class WritingRollManager(Taker, Closing):
    """Appends records to one open archive, and rolls it when its checker says so.

    `write` may be called from any number of threads, and after a fork. Sealing, calling
    `archive_callback` and shipping to `storage` go on in the background, in this order.

    durability: "record" (synced when `write` returns; concurrent writers share one
    sync), "interval" (at the latest after `sync_interval` seconds) or "roll" (when
    sealed). compression: "zstd", "gzip" or "none". format_version: 2, or 1 for the
    format of 2014. index_keys: the metadata keys by whose values a search can leave out
    blocks; empty stands for all. spool_limit_mb: where the spool reaches so many MiB,
    `write` raises SpoolFull, at once, or with on_full="block" after `on_full_timeout`
    seconds. metrics: who hears of what is measured.

    Raise BadWorkingDirectory for a directory that is not safe to write in, InvalidName
    for a template that can't give a name, ConfigError for options that don't fit.
    """

    def __init__(
        self,
        filename_template: str,
        roll_checker: RollChecker,
        directory: str | os.PathLike[str] = ".",
        archive_callback: Callback | None = None,
        *,
        durability: Literal["record", "interval", "roll"] = "interval",
        sync_interval: float = 1.0,
        compression: Literal["zstd", "gzip", "none"] = "zstd",
        format_version: Literal[1, 2] = 2,
        index_keys: Collection[str] = (),
        storage: Sequence[StorageBackend | Destination] = (),
        spool_limit_mb: float | None = None,
        on_full: Literal["raise", "block"] = "raise",
        on_full_timeout: float = 30.0,
        close_timeout: float = 10.0,
        trust_directory: bool = False,
        metrics: Metrics = SILENT,
    ) -> None:
        if not isinstance(roll_checker, RollChecker):
            raise ConfigError(
                f"roll_checker is {roll_checker!r}; give a RollChecker, such as SizeRollChecker"
            )
        render(filename_template, datetime.now(UTC))
        self._template = filename_template
        self._checker = roll_checker
        self._callback = CallbackList([] if archive_callback is None else [archive_callback])
        each_record = _choice("durability", durability, _DURABILITIES) == "record"
        self._sync_interval = sync_interval if durability == "interval" else None
        self._options: dict[str, Any] = {
            "compression": _choice("compression", compression, ("zstd", "gzip", "none")),
            "format_version": _choice("format_version", format_version, (1, 2)),
            "index_keys": index_keys,
        }
        self._close_timeout = close_timeout
        self._metrics = guarded(metrics)
        targets = destinations(storage)
        waits = _choice("on_full", on_full, ("raise", "block")) == "block"
        self._spool = Spool(directory, trusted=trust_directory)
        self._metrics.watch(self._spool.path)
        self._shipper = None
        if targets:
            self._shipper = Shipper(self._spool, targets, archive_callback, metrics=self._metrics)
            self._options["digests"] = self._shipper.kinds
        limit = None if spool_limit_mb is None else int(spool_limit_mb * (1 << 20))
        timeout = on_full_timeout if waits else 0.0
        room = None if limit is None else Room(self._spool, limit, timeout)
        super().__init__(room, each_record=each_record)
        self._ended = False
        """Whether it was closed to the end."""
        self.unshipped: list[Waiting] = []
        """What waited still when the manager was closed."""
        self._begin()
        lifetime.know(self)
        self._recover()

    def roll(self) -> None:
        """Seal the open archive, if it has a record; raise OSError where the disk fails.

        Its callbacks have been called then, unless one takes longer than `close_timeout`.
        """
        self._current.refuse_reentry(seals=True)
        with self._current.lock:
            sealing = self._current.hand_over("asked for")
        self._sealer.run(self._close_timeout)
        if sealing is not None and sealing.error is not None:
            raise sealing.error

    def close(self) -> None:
        """Seal the open archive, and wait for `close_timeout` seconds for what is being shipped.

        Raise OSError where the disk fails. Where the open archive could not be flushed the
        writer stays open, and closing it again tries again; where one could not be sealed
        the next start recovers it. Apart from that a second call changes nothing.
        """
        self._current.refuse_reentry(seals=True)
        with self._current.lock:
            sealing = None if self._closed else self._current.hand_over("closed")
            self._closed = True
        with self._ending:
            errors = [] if self._ended else self._end()
        if sealing is not None and sealing.error is not None:
            errors = [sealing.error, *errors]
        for error in errors:
            raise error

    def locks(self) -> Iterator[lifetime.Lockable]:
        """Yield what is to be held while the process forks."""
        yield self._current.lock
        yield self._metrics.lock
        if self._shipper is not None:
            yield from self._shipper.locks()

    def after_fork(self) -> None:
        """Begin anew in a forked child: what was buffered or open is the parent's."""
        self._metrics.after_fork()
        for archive in (*self._current.files(), *self._sealer.files()):
            archive.let_go()
        if self._shipper is not None:
            self._shipper.after_fork()
        self._begin()

    def at_exit(self) -> None:
        """Flush and sync; the next start does the rest."""
        try:
            self.sync()
        except Exception:  # noqa: BLE001 - a plugin may raise anything
            _log.exception("%s: not all that was written could be synced", self._spool.path)

    def _begin(self) -> None:
        """Set up what belongs to one process."""
        complaints = Complaints(asking.log)
        asked = Asked(self._checker, complaints)
        self._telling = Telling(self._metrics)
        self._sealer = Sealer(
            self._callback,
            self._shipper,
            lambda blocks: self._current.salvage(blocks),  # noqa: PLW0108 (comes next)
            self._telling.noted,
            Leftovers(self._spool, self._shipper),
        )
        current = Current(
            Succession(self._spool, self._template, noted=self._telling.noted, **self._options),
            self._sealer,
            asked,
            complaints,
            self._opening,
            ready=lambda: self._background.soon(),  # noqa: PLW0108 (comes next)
            each_record=self._each_record,
        )
        self._take_into(current, asked)
        self._background = Background(current, asked, complaints, self._sync_interval)
        self._ending = RLock()
        """Held by who closes; others wait until it is done."""
        self._begun = False
        """Whether its threads are known to run."""
        self._starting = Lock()

    def _recover(self) -> None:
        """Bring to an end what an earlier process left."""
        self._sealer.gather()
        if self._shipper is not None:
            self._shipper.resume()

    def _opening(self) -> None:
        """Hear that an archive is going to be opened; under the lock."""
        if self._closed:
            raise WriterClosed(f"{self._spool.path}: the writer is closed; make a new one")
        if not self._begun:
            lifetime.hold(self)
            apart(self._start)
            if self._shipper is not None:
                self._shipper.start()
            self._begun = True

    def _start(self) -> None:
        """Start the threads that are not running yet."""
        with self._starting:
            self._background.start()
            self._sealer.start()
            self._telling.start()

    def _end(self) -> list[Exception]:
        deadline = monotonic() + self._close_timeout
        self._background.stop()
        errors = self._sealer.finish(self._close_timeout)
        self._telling.stop()
        if self._shipper is not None:
            late = [archive.path.name for archive in self._sealer.files()]
            left = max(0.0, deadline - monotonic())
            self.unshipped = self._shipper.close(left) + self._shipper.not_offered(late)
        self._telling.join(max(0.0, deadline - monotonic()))
        lifetime.let_go(self)
        self._ended = True
        ships = self._shipper is not None and self._shipper.alive
        if not (ships or self._sealer.behind):
            self._spool.close()
        return errors


def _choice(option: str, value: _C, choices: tuple[object, ...]) -> _C:
    if value not in choices:
        raise ConfigError(f"{option} = {value!r}: give one of {', '.join(map(str, choices))}")
    return value
