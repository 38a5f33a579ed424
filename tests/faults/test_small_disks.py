"""Disks that are full, without names, read-only or another's: an error, and then it goes on."""

import errno
import gzip
import os
import stat

import pytest

from shoebox.callback import Callback
from shoebox.cli.spool_states import states
from shoebox.errors import BadWorkingDirectory, SpoolFull
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingJSONRollManager, WritingRollManager
from shoebox.spool import Spool
from shoebox_plugins.storage.local import LocalBackend
from tests.faults.children import run, until
from tests.faults.reading import TEMPLATE, left_in, once_by_identity, records, without_a_hole
from tests.faults.small_disks import Disk, may_mount
from tests.faults.stages import impatient, leave_torn

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

NOBODY = 65534


def manager(spool, *stores, **options):
    """Return a writer whose records take the room that they have."""
    backends = [LocalBackend(path=store) for store in stores]
    options = {"durability": "record", "compression": "none", "storage": backends, **options}
    return WritingRollManager(TEMPLATE, NeverRollChecker(), spool, **options)


def refused(call, *codes):
    """Make sure that a call fails for one of these reasons."""
    try:
        call()
    except OSError as error:
        assert error.errno in codes, error  # noqa: PT017 - it runs in a child
        return str(error)
    raise AssertionError("it did not fail")


def write_until_full(writer):
    """Write until there is no room; return what was taken."""
    taken = []
    for index in range(1000):
        try:
            writer.write({}, f"{index}:" + "x" * 5000)
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017 - it runs in a child
            return taken
        taken.append(f"{index}:" + "x" * 5000)
    raise AssertionError("it never was full")


def there(*folders):
    """Return the payloads that are there, after making sure that all is in order."""
    found = records(*folders)
    without_a_hole(found)
    return once_by_identity(found)


def a_full_spool(folder):
    """An error at once, with everything before intact; with more room the same writer goes on."""
    disk = Disk(folder / "spool")
    writer = manager(disk.path)
    taken = write_until_full(writer)
    said = refused(lambda: writer.write({}, "y" * 50_000), errno.ENOSPC)
    assert "make room on that disk" in said
    assert str(disk.path) in said
    assert there(disk.path) == taken
    disk.change("size=1m")
    writer.write({}, "after")
    writer.close()
    assert there(disk.path) == [*taken, "after"]


def no_room_to_seal(folder):
    """The archive stays, and is sealed by itself when there is room."""
    disk = Disk(folder / "spool")
    writer = manager(disk.path)
    writer.write({}, "x" * 3000)
    filler = disk.fill()
    refused(lambda: (writer.write({}, "y" * 5000), writer.roll()), errno.ENOSPC)
    filler.unlink()
    writer.write({}, "after")
    writer.roll()
    assert until(lambda: not list(disk.path.glob("*.open")))
    writer.close()
    assert there(disk.path) == ["x" * 3000, "after"]


def no_room_for_the_state(folder):
    """What is sealed is shipped and makes room, although neither can be noted."""
    disk, store = Disk(folder / "spool"), folder / "store"
    store.mkdir()

    class Filling(Callback):
        def on_close(self, path):
            disk.fill()

    writer = manager(disk.path, store, archive_callback=Filling())
    writer.write({}, "first")
    writer.roll()
    assert until(lambda: left_in(disk.path) == ["filler"])
    assert there(store) == ["first"]
    (disk.path / "filler").unlink()
    writer.close()
    assert there(store) == ["first"]


def a_full_store(folder):
    """Writing goes on; the archives wait, say why, and are shipped when there is room."""
    spool, other = folder / "spool", folder / "other"
    spool.mkdir()
    other.mkdir()
    disk = Disk(folder / "store", "64k")
    writer = manager(spool, disk.path, other, close_timeout=1.0)
    for index in range(3):
        writer.write({}, f"{index}" * 50_000)
        writer.roll()
    assert until(lambda: len(there(other)) == 3)
    assert until(lambda: "No space" in " ".join(it.reason for it in writer._shipper.waiting()))
    assert len(there(disk.path)) < 3
    disk.change("size=1m")
    assert until(lambda: not left_in(spool))
    writer.close()
    assert [it[0] for it in there(disk.path)] == ["0", "1", "2"]


def no_room_to_recover(folder):
    """What a dead writer left waits, and is recovered by itself when there is room."""
    disk, store = Disk(folder / "spool"), folder / "store"
    store.mkdir()
    leave_torn(disk.path)
    filler = disk.fill()
    # So much that the tail has no room: what is in the last page can grow still.
    os.truncate(filler, filler.stat().st_size)
    writer = manager(disk.path, store)
    assert (disk.path / "left.events.open").exists()
    filler.unlink()
    writer.write({}, "after")
    writer.roll()
    assert until(lambda: not left_in(disk.path)), left_in(disk.path)
    writer.close()
    assert sorted(there(store)) == ["after", "left"]


def no_room_for_lines(folder):
    """The lines stay in the working folder, and arrive when there is room."""
    live, disk = folder / "live", Disk(folder / "done", "16k")
    live.mkdir()
    filler = disk.fill()
    writer = WritingJSONRollManager("[[CRC]].json", live, disk.path)
    writer.write({}, "1")
    refused(writer.roll, errno.ENOSPC)
    writer.write({}, "2")
    filler.unlink()
    writer.roll()
    writer.close()
    found = [gzip.decompress(path.read_bytes()) for path in disk.path.iterdir()]
    assert sorted(found) == [b"1\n", b"2\n"]
    assert left_in(live) == []


def no_names(folder):
    """Without a name for an archive nothing is taken; with one it goes on."""
    disk = Disk(folder / "spool", names=3)
    for name in ("a", "b"):
        (disk.path / name).touch()
    writer = manager(disk.path)
    for _ in range(3):
        assert "make room" in refused(lambda: writer.write({}, "x"), errno.ENOSPC)
    disk.change("nr_inodes=100")
    writer.write({}, "after")
    writer.close()
    assert there(disk.path) == ["after"]


def a_spool_that_is_read_only(folder):
    """Between two archives; the next is opened when it can be."""
    disk = Disk(folder / "spool")
    writer = manager(disk.path)
    writer.write({}, "before")
    writer.roll()
    assert until(lambda: not writer._sealer.files())
    disk.change("ro")
    assert "mount it so" in refused(lambda: writer.write({}, "x"), errno.EROFS)
    with pytest.raises(BadWorkingDirectory, match="mount it so"):
        Spool(disk.path)
    assert [it.state for it in states(str(disk.path), [])] == ["sealed"]
    disk.change("rw")
    writer.write({}, "after")
    writer.close()
    assert there(disk.path) == ["before", "after"]


def a_store_that_is_read_only(folder):
    """It is paused, says so, and shipped to when it can be written to."""
    spool, disk = folder / "spool", Disk(folder / "store")
    spool.mkdir()
    disk.change("ro")
    writer = manager(spool, disk.path)
    writer.write({}, "x")
    writer.roll()
    assert until(lambda: "Read-only" in " ".join(it.reason for it in writer._shipper.waiting()))
    assert "let this user write there" in writer._shipper.waiting()[0].reason
    disk.change("rw")
    assert until(lambda: not left_in(spool))
    writer.close()
    assert there(disk.path) == ["x"]


def another_owner(folder):
    """What is not ours to write is an error; when it is, it goes on."""
    disk, store = Disk(folder / "spool"), Disk(folder / "store")
    # The modules that are imported when they are first used: nobody may not read them everywhere.
    with manager(disk.path, store.path) as first:
        first.write({}, "first")
    assert there(store.path) == ["first"]
    for it in store.path.iterdir():
        it.unlink()
    for it in (folder, *folder.parents):
        if not it.stat().st_mode & stat.S_IXOTH:
            it.chmod(0o711)
    os.chown(disk.path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    writer = manager(disk.path, store.path)
    writer.write({}, "before")
    writer.roll()
    assert until(lambda: "Permission" in " ".join(it.reason for it in writer._shipper.waiting()))
    os.seteuid(0)
    os.chown(disk.path, 0, 0)
    os.seteuid(NOBODY)
    assert "let this user" in refused(lambda: writer.write({}, "x"), errno.EACCES)
    os.seteuid(0)
    for it in (disk, store):
        os.chown(it.path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    writer.write({}, "after")
    writer.roll()
    assert until(lambda: not left_in(disk.path))
    writer.close()
    assert sorted(there(store.path)) == ["after", "before"]


def a_limit_that_raises(folder):
    """Nothing is taken at the limit; when the store takes archives again, it goes on."""
    _limit(folder, refused_at_the_limit, on_full="raise")


def a_limit_that_blocks(folder):
    """Wait for the store, for so long; when that takes archives again, it goes on."""
    _limit(
        folder,
        refused_at_the_limit,
        on_full="block",
        on_full_timeout=0.2,
    )


def refused_at_the_limit(writer):
    """Make sure that the limit refuses, and says what to do."""
    try:
        writer.write({}, "x" * 60_000)
    except SpoolFull as error:
        assert "see that archives are shipped, or raise the limit" in str(error)  # noqa: PT017
        return
    raise AssertionError("it has taken a record over its limit")


def _limit(folder, refused_now, **options):
    spool, disk = folder / "spool", Disk(folder / "store", "16k")
    spool.mkdir()
    writer = manager(spool, disk.path, spool_limit_mb=0.1, **options)
    writer.write({}, "a" * 60_000)
    writer.roll()
    refused_now(writer)
    disk.change("size=1m")
    assert until(lambda: not left_in(spool))
    writer.write({}, "b" * 60_000)
    writer.close()
    assert [it[0] for it in there(disk.path)] == ["a", "b"]


@pytest.mark.parametrize(
    "scenario",
    [
        a_full_spool,
        no_room_to_seal,
        no_room_for_the_state,
        a_full_store,
        no_room_to_recover,
        no_room_for_lines,
        no_names,
        a_spool_that_is_read_only,
        a_store_that_is_read_only,
        another_owner,
        a_limit_that_raises,
        a_limit_that_blocks,
    ],
)
def test_it_is_an_error_that_loses_nothing_and_when_it_is_over_it_goes_on(tmp_path, scenario):
    def in_child():
        impatient()
        may_mount()
        scenario(tmp_path)

    _, wrong = run(in_child)
    assert not wrong, wrong[0]
