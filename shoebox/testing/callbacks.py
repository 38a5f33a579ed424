"""The tests of a callback."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from tempfile import mkdtemp

from shoebox.archive import ArchiveWriter
from shoebox.callback import Callback
from shoebox.testing.subject import Failed, constructor_fault

_NEIGHBOUR = b"another archive"


class CallbackTests(ABC):
    """What every callback does. Subclass it, and say how the callback is made."""

    @abstractmethod
    def make(self, **more: object) -> Callback:
        """Return a new callback; hand these further arguments to its constructor."""

    def test_its_constructor_is_tolerant(self) -> None:
        """It takes keyword arguments only, and tolerates ones it doesn't know."""
        kind = type(self.make(no_such_option=1))
        fault = constructor_fault(kind)
        if fault is not None:
            raise Failed(f"{kind.__name__} {fault}")

    def test_it_says_whether_the_file_stays(self) -> None:
        """As True or False."""
        keeps_file = self.make().keeps_file
        if not isinstance(keeps_file, bool):
            raise Failed(f"its keeps_file is {keeps_file!r}, neither True nor False")

    def test_an_archive_that_is_opened_stays_as_it_is(self, tmp_path: Path) -> None:
        """Its writer goes on, and the name is the writer's."""
        callback = self.make()
        with ArchiveWriter(tmp_path / "a.events") as writer:
            writer.write({"key": "value"}, "payload")
            writer.sync()
            before = writer.path.read_bytes()
            callback.on_open(writer.path)
            if not writer.path.is_file() or writer.path.read_bytes() != before:
                raise Failed("the open archive is gone, or has changed")

    def test_an_archive_that_is_sealed_is_where_it_says(self, tmp_path: Path) -> None:
        """It returns where the file is now; that stays in its folder if it says so."""
        path = _sealed(tmp_path)
        callback = self.make()
        _require_place(callback, path, callback.on_close(path))
        _require_neighbour(path.parent)

    def test_it_may_be_called_again_for_the_same_file(self, tmp_path: Path) -> None:
        """After a crash, when what it did last may not have lasted; it overwrites nothing."""
        path = _sealed(tmp_path)
        content = path.read_bytes()
        first = self.make().on_close(path)
        kept = None if first is None or not first.exists() else first.read_bytes()
        if not path.exists():
            path.write_bytes(content)
        callback = self.make()
        _require_place(callback, path, callback.on_close(path))
        if first is not None and kept is not None and first != path:
            _require_kept(first, kept)
        _require_neighbour(path.parent)


def _sealed(above: Path) -> Path:
    """Return a sealed archive in a folder of its own, beside which lies another."""
    folder = Path(mkdtemp(dir=above))
    (folder / "neighbour.events").write_bytes(_NEIGHBOUR)
    with ArchiveWriter(folder / "a.events") as writer:
        writer.write({"key": "value"}, "payload" * 1000)
    return folder / "a.events"


def _require_place(callback: Callback, path: Path, place: Path | None) -> None:
    """Raise Failed unless the file is where the callback has said."""
    if place is not None and not isinstance(place, Path):
        raise Failed(f"on_close returned {place!r}, neither a path nor None")
    if place is not None and not place.is_file():
        raise Failed(f"on_close returned {place}, where there is no file")
    now = path if place is None else place
    if callback.keeps_file and not (now.is_file() and now.parent == path.parent):
        raise Failed("it says that it keeps the file, which is not in its folder any more")


def _require_kept(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        raise Failed(f"called again, it has replaced {path.name}")


def _require_neighbour(folder: Path) -> None:
    neighbour = folder / "neighbour.events"
    if not neighbour.is_file() or neighbour.read_bytes() != _NEIGHBOUR:
        raise Failed("another archive in the folder is gone, or has changed")
