"""Who hears of an archive that is opened or sealed: the interface of callbacks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from shoebox.escaping import logger

LOG = logger(__name__)


class Callback:
    """Hears of archives; override what you need.

    Constructors take keyword arguments only and tolerate ones they don't know.
    One that moves or deletes the file says `keeps_file = False`; it is refused
    together with storage. After a crash it may be called again for the same file.
    A writer calls them one at a time, on a thread that nothing else waits for.
    """

    keeps_file: bool = True

    def on_open(self, path: Path) -> None:
        """Hear that the archive at `path` was opened."""

    def on_close(self, path: Path) -> Path | None:  # noqa: ARG002  (the interface's)
        """Hear that the archive at `path` was sealed; return where it is now, None if there."""
        return None


class CallbackList(Callback):
    """Calls callbacks in the order given; each gets the path that the one before returned.

    One that raises is logged with the archive's name; the archive stays where it
    is, and the others are called.
    """

    def __init__(self, callbacks: Iterable[Callback]) -> None:
        self._callbacks = tuple(callbacks)
        self.keeps_file = all(callback.keeps_file for callback in self._callbacks)

    @property
    def empty(self) -> bool:
        """Whether there is nobody to be told."""
        return not self._callbacks

    def on_open(self, path: Path) -> None:
        """Tell every callback of the opened archive."""
        for callback in self._callbacks:
            try:
                callback.on_open(path)
            except Exception as error:  # noqa: BLE001  (a plugin's may be any; writing goes on)
                _log(callback, "on_open", path, error)

    def on_close(self, path: Path) -> Path:
        """Tell every callback of the sealed archive; return where it is after the last."""
        for callback in self._callbacks:
            try:
                moved = callback.on_close(path)
                path = path if moved is None else Path(moved)
            except Exception as error:  # noqa: BLE001  (a plugin's may be any; writing goes on)
                _log(callback, "on_close", path, error)
        return path


def _log(callback: Callback, event: str, path: Path, error: Exception) -> None:
    LOG.error(
        "%s.%s failed for archive %s; the archive stays and the other callbacks are called",
        type(callback).__name__,
        event,
        path.name,
        exc_info=error,
    )
