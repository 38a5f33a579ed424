"""What is run while calls fail: each stage of an archive's way, and what has to be so after it.

A stage prepares a folder, works in it under the fault and goes on when that is lifted, all in
one child; then it is looked at what is there. It returns what it was promised.
"""

import gzip
import os
from contextlib import suppress
from pathlib import Path

from shoebox import cataloging, retrying, uploader
from shoebox.archive import ArchiveReader, ArchiveWriter, recover
from shoebox.callback import CallbackList
from shoebox.catalog import Catalog
from shoebox.destination import Destination
from shoebox.errors import ObjectNotFound, RecoveryError, ShoeboxError, StorageError
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import (
    WritingJSONRollManager,
    WritingRollManager,
    json_lines,
    sealer,
)
from shoebox_plugins.callbacks.files import (
    ChangeExtensionCallback,
    CompressFileCallback,
    DeleteFileCallback,
    MoveFileCallback,
)
from shoebox_plugins.checkers.records import RecordsRollChecker
from shoebox_plugins.storage.local import LocalBackend
from tests.faults.children import until
from tests.faults.reading import (
    TEMPLATE,
    left_in,
    once_by_identity,
    records,
    start_over,
    without_a_hole,
)

UNDER_FAULT = 0.3
"""Seconds that the threads of a writer have to meet the fault."""


def impatient():
    """Try again at once what is else tried again after a while."""
    sealer.LOOK_AGAIN = sealer.AGAIN = uploader.AGAIN = retrying.BASE = 0.02
    uploader.RESCAN = uploader.CAP = retrying.CAP = json_lines.AGAIN = 0.1


def tried(call):
    """Return what a call returns, None if it raises what a caller has to expect."""
    try:
        return call()
    except (OSError, ShoeboxError):
        return None


def did(call):
    """Tell whether a call came to its end."""
    try:
        call()
    except (OSError, ShoeboxError):
        return False
    return True


def folders(folder, *names):
    """Return new folders in the folder."""
    found = [folder / name for name in names]
    for it in found:
        it.mkdir(exist_ok=True)
    return found


def leave_torn(spool):
    """Leave what a dead writer leaves: a synced record, and half of the next block."""
    dead = ArchiveWriter(spool / "left.events")
    dead.write({}, "left")
    dead.sync()
    dead.write({}, "torn")
    dead.flush()
    os.truncate(dead.path, dead.size - 3)
    dead.release()


class Archives:
    """Recover, write, roll and ship to two stores."""

    def __init__(self, durability):
        self._durability = durability

    def run(self, folder, calls):
        """Return what was promised."""
        impatient()
        spool, *stores = folders(folder, "spool", "one", "two")
        leave_torn(spool)
        safe, taken = ["left"], []
        calls.begin()
        manager = tried(lambda: self._manager(spool, stores))
        if manager is not None:
            for index in range(6):
                if did(lambda: manager.write({"k": "v"}, f"{index}")):  # noqa: B023
                    taken.append(f"{index}")
                    if self._durability == "record":
                        safe = ["left", *taken]
                if index % 3 == 2 and did(manager.sync):
                    safe = ["left", *taken]
            if did(manager.roll) and did(manager.sync):
                safe = ["left", *taken]
            until(lambda: tried(lambda: left_in(spool)) == [], UNDER_FAULT)
        calls.lift()
        if manager is None:
            manager = self._manager(spool, stores)
        manager.write({}, "after")
        manager.roll()
        # Also what it could not recover, seal or offer, it brings to its end.
        assert until(lambda: not self._waiting(spool)), self._waiting(spool)
        for store in stores:
            assert "after" in {it.payload for it in records(store / "inner")}
        manager.close()
        return [*safe, "after"]

    def check(self, folder, safe):
        """Check that what was promised is in both stores, and nothing else is left."""
        spool, *stores = folders(folder, "spool", "one", "two")
        start_over(spool, *stores)
        assert left_in(spool) == []
        for store in stores:
            found = records(store, store / "inner")
            payloads = once_by_identity(found)
            without_a_hole(found)
            assert set(safe) <= set(payloads) <= {"left", "after", *map(str, range(6))}

    def _waiting(self, spool):
        """Return what is in the spool, but for drafts, which the next start removes."""
        return [name for name in left_in(spool) if not name.endswith(".tmp")]

    def _manager(self, spool, stores):
        return WritingRollManager(
            TEMPLATE,
            RecordsRollChecker(roll_records=2),
            spool,
            durability=self._durability,
            storage=[
                Destination(store.name, LocalBackend(path=store), "inner/{name}")
                for store in stores
            ],
            close_timeout=5.0,
        )


class Lines:
    """Write lines, roll them, and take over what a dead worker left."""

    def run(self, folder, calls):
        """Return what was promised."""
        impatient()
        live, done = folders(folder, "live", "done")
        dead = live / f"shoebox-1700000000000000000-{'0' * 16}.jsonl"
        dead.write_text('"left"\n"torn')
        safe = ['"left"']
        calls.begin()
        manager = tried(lambda: self._manager(live, done))
        if manager is not None:
            for index in range(4):
                line = f'"{index}"'
                if did(lambda: manager.write({}, line)):  # noqa: B023
                    safe.append(line)
                if index == 1:
                    tried(manager.roll)
            tried(manager.roll)
        calls.lift()
        if manager is None:
            manager = self._manager(live, done)
        manager.write({}, '"after"')
        assert until(lambda: did(manager.roll) and not self._waiting(live)), self._waiting(live)
        manager.close()
        return [*safe, '"after"']

    def check(self, folder, safe):
        """Check that every line is there once."""
        live, done = folders(folder, "live", "done")
        self._manager(live, done).close()
        assert left_in(live) == []
        found = []
        for path in done.iterdir():
            found += gzip.decompress(path.read_bytes()).decode().splitlines()
        assert len(found) == len(set(found))
        assert set(safe) <= set(found) <= {'"left"', '"after"', *(f'"{it}"' for it in range(4))}

    def _waiting(self, live):
        """Return what is in the folder, but for drafts, which the next start removes."""
        return [name for name in left_in(live) if not name.endswith(".tmp")]

    def _manager(self, live, done):
        return WritingJSONRollManager("[[CRC]]_%Y%m%d.json", live, done)


class Callbacks:
    """Seal archives that callbacks compress, rename and move; or delete."""

    def __init__(self, *, deletes):
        self._deletes = deletes

    def run(self, folder, calls):
        """Return what was promised."""
        (spool,) = folders(folder, "spool")
        kept = [CompressFileCallback(compression="gzip"), ChangeExtensionCallback()]
        last = MoveFileCallback(destination_folder=folder / "moved")
        chain = CallbackList([DeleteFileCallback()] if self._deletes else [*kept, last])
        safe = []
        calls.begin()
        manager = tried(lambda: self._manager(spool, chain))
        if manager is not None:
            for index in range(3):
                written = did(lambda: manager.write({}, f"{index}"))  # noqa: B023
                if written and did(manager.roll):
                    safe.append(f"{index}")
        calls.lift()
        if manager is None:
            manager = self._manager(spool, chain)
        manager.write({}, "after")
        manager.roll()
        manager.close()
        return [*safe, "after"]

    def check(self, folder, safe):
        """Check that every archive is whole under one of its names, or was deleted."""
        spool, moved = folders(folder, "spool", "moved")
        WritingRollManager(TEMPLATE, NeverRollChecker(), spool).close()
        payloads = set(once_by_identity(records(spool, moved, pattern="*")))
        if self._deletes:
            assert "after" not in payloads
        else:
            assert set(safe) <= payloads
            assert "after" in {it.payload for it in records(moved, pattern="*")}

    def _manager(self, spool, chain):
        return WritingRollManager(TEMPLATE, NeverRollChecker(), spool, chain)


class Backend:
    """All that the local backend does with an object."""

    KEY = "a/b/object"

    def run(self, folder, calls):
        """Return whether a put had succeeded, and a delete after it."""
        (store,) = folders(folder, "store")
        content = b"content" * 1000
        path = folder / "file"
        path.write_bytes(content)
        backend = LocalBackend(path=store)
        calls.begin()
        put = did(lambda: backend.put(self.KEY, path, {"k": "v"}))
        put = did(lambda: backend.put(self.KEY, path, {"k": "v"})) or put
        for call in (
            lambda: backend.stat(self.KEY),
            lambda: self._read(backend),
            lambda: list(backend.list("a/")),
        ):
            try:
                call()
            except StorageError as error:
                assert not put or not isinstance(error, ObjectNotFound), "it was put"  # noqa: PT017
        tried(lambda: backend.get(self.KEY, folder / "fetched"))
        calls.lift()
        assert not put or self._read(backend) == content
        calls.resume()
        tried(lambda: backend.delete(self.KEY))
        calls.lift()
        backend.put(self.KEY, path, {"k": "v"})
        assert self._read(backend) == content
        backend.close()
        return []

    def check(self, folder, _):
        """Check that there is just the object, and what was fetched is whole or not there."""
        content = (folder / "file").read_bytes()
        backend = LocalBackend(path=folder / "store")
        assert [it.key for it in backend.list("")] == [self.KEY]
        info = backend.stat(self.KEY)
        assert info.metadata == {"k": "v"}
        with suppress(FileNotFoundError):
            assert (folder / "fetched").read_bytes() == content
        backend.delete(self.KEY)
        assert list(backend.list("")) == []

    def _read(self, backend):
        with backend.open(self.KEY) as file:
            return file.read()


class Recovering:
    """Recover archives that dead writers left: torn, without a whole header, and damaged."""

    def run(self, folder, calls):
        """Return what was promised."""
        (spool,) = folders(folder, "spool")
        leave_torn(spool)
        (torn,) = spool.glob("*.open")
        (spool / "empty.events.open").write_bytes(torn.read_bytes()[:20])
        (spool / "damaged.events.open").write_bytes(self._damaged(folder))
        paths = sorted(spool.glob("*.open"))
        calls.begin()
        for path in paths:
            tried(lambda: recover(path))  # noqa: B023
        calls.lift()
        return ["left"]

    def check(self, folder, safe):
        """Check that recovering them again does what it does without a fault."""
        (spool,) = folders(folder, "spool")
        for path in sorted(spool.glob("*.open")):
            with suppress(RecoveryError):
                recover(path)
        assert not list(spool.glob("*.open"))
        assert [it.payload for it in records(spool, pattern="*.events")] == safe
        (corrupt,) = spool.glob("*.corrupt")
        assert corrupt.name.startswith("damaged")
        assert len([it for it in spool.glob("*.torn") if it.stat().st_size]) == 1
        assert not list(spool.glob("*.tmp"))

    def _damaged(self, folder):
        """Return an archive with damage before what was known to be synced."""
        writer = ArchiveWriter(folder / "damaged.events", compression="none")
        for payload in ("first", "second", "third"):
            writer.write({}, payload * 10)
            writer.sync()
        content = bytearray((folder / "damaged.events.open").read_bytes())
        writer.close()
        at = content.index(b"second")
        content[at] ^= 1
        return bytes(content)


class Cataloged:
    """Bring a catalog up to date."""

    def run(self, folder, calls):
        """Return nothing; there is a sound catalog all the time."""
        (store,) = folders(folder, "store")
        for name in ("a.events", "b.events"):
            self._archive(store / name)
        backend = LocalBackend(path=store)
        cataloging.refresh(backend, "")
        self._archive(store / "c.events")
        calls.begin()
        tried(lambda: cataloging.refresh(backend, ""))
        calls.lift()
        assert any(Catalog(backend, it).everything() is not None for it in self._keys(backend))
        return []

    def check(self, folder, _):
        """Check that the next refresh leaves one catalog of all archives."""
        backend = LocalBackend(path=folder / "store")
        assert cataloging.refresh(backend, "").archives == 3
        (key,) = self._keys(backend)
        assert set(Catalog(backend, key).everything()) == {"k"}

    def _archive(self, path: Path):
        with ArchiveWriter(path) as writer:
            writer.write({"k": path.stem}, "x")
        with ArchiveReader(path) as reader:
            assert len(list(reader)) == 1

    def _keys(self, backend):
        return [it.key for it in backend.list("") if it.key.endswith(".catalog")]


STAGES = {
    "archives": Archives("interval"),
    "each record": Archives("record"),
    "lines": Lines(),
    "callbacks": Callbacks(deletes=False),
    "deleting": Callbacks(deletes=True),
    "backend": Backend(),
    "recovery": Recovering(),
    "catalog": Cataloged(),
}
