"""Deliveries: durable, whole, and one process at a time for each archive."""

import errno
import os
import subprocess
import sys
from contextlib import closing

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.delivery import Deliveries, Delivery, Stand
from shoebox.spool import Spool


@pytest.fixture
def spool(tmp_path):
    (tmp_path / "a.events").write_bytes(b"a")
    return Spool(tmp_path)


def test_what_is_offered_is_known_to_every_process(spool):
    Deliveries(spool).offer("a.events")
    assert Deliveries(Spool(spool.path)).offered() == ["a.events"]


def test_offering_twice_forgets_nothing(spool):
    deliveries = Deliveries(spool)
    deliveries.offer("a.events")
    deliveries.note("a.events", "hot", Stand("key", "2026-01-01T00:00:00+00:00"))
    deliveries.offer("a.events")
    assert deliveries.read("a.events").stored_in(["hot"])


def test_the_stands_of_destinations_are_kept_apart(spool):
    deliveries = Deliveries(spool)
    deliveries.note("a.events", "hot", Stand("k", "2026-01-01T00:00:00+00:00"))
    whole = deliveries.note("a.events", "cold", Stand(error="no"))
    assert whole == Deliveries(spool).read("a.events")
    assert whole.stored_in(["hot"])
    assert not whole.stored_in(["hot", "cold"])
    assert not whole.stored_in(["other"])


def test_a_destination_that_was_added_later_has_to_get_it_too(spool):
    deliveries = Deliveries(spool)
    deliveries.note("a.events", "hot", Stand("k", "2026-01-01T00:00:00+00:00"))
    deliveries.finish("a.events", ["hot", "new"])
    assert spool.directory.exists("a.events")


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\xff",
        b"[1]",
        b'{"destinations": {"hot": 5}}',
        b'{"destinations": {"hot": {"stored": 1}}}',
        b'{"x": ' + b"[" * 100_000,
    ],
)
def test_a_state_that_can_not_be_read_means_nothing_was_delivered(spool, garbage):
    (spool.path / "a.events.delivery").write_bytes(garbage)
    assert Deliveries(spool).read("a.events") == Delivery()


def test_a_state_that_was_cut_anywhere_means_nothing_was_delivered(spool):
    path = spool.path / "a.events.delivery"
    Deliveries(spool).note("a.events", "hot", Stand("k", "2026-01-01T00:00:00+00:00"))
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert Deliveries(spool).read("a.events") == Delivery()


def test_finishing_removes_the_archive_and_its_state(spool):
    deliveries = Deliveries(spool)
    deliveries.note("a.events", "hot", Stand("k", "2026-01-01T00:00:00+00:00"))
    deliveries.finish("a.events", ["hot"])
    assert list(spool.path.iterdir()) == []
    deliveries.finish("a.events", ["hot"])


def test_the_state_of_an_archive_that_is_gone_is_forgotten(spool, caplog):
    deliveries = Deliveries(spool)
    for name in ("gone.events", "lost.events"):
        (spool.path / name).write_bytes(b"a")
        deliveries.offer(name)
    deliveries.note("gone.events", "hot", Stand("k", "2026-01-01T00:00:00+00:00"))
    for name in ("gone.events", "lost.events"):
        (spool.path / name).unlink()
    deliveries.forget("gone.events", ["hot"])
    assert caplog.text == ""
    deliveries.forget("lost.events", ["hot"])
    assert [(it.levelname, it.args) for it in caplog.records] == [("ERROR", ("lost.events",))]
    assert deliveries.lost == {"lost.events"}
    assert deliveries.offered() == []


def test_a_state_that_can_not_be_read_now_is_not_written_over(spool, monkeypatch):
    """What it says of other destinations, and of the digests, would be lost."""
    deliveries = Deliveries(spool)
    deliveries.offer("a.events", {"sha256": "00"})
    with monkeypatch.context() as patch:
        patch.setattr(spool.directory, "read", fail)
        with pytest.raises(OSError, match="Too many open files"):
            deliveries.note("a.events", "hot", Stand("k"))
    assert deliveries.read("a.events").checksums == {"sha256": "00"}


def fail(*_):
    raise OSError(24, "Too many open files")


def test_the_state_of_an_archive_that_has_come_in_the_meantime_is_kept(spool):
    deliveries = Deliveries(spool)
    deliveries.offer("a.events")
    deliveries.forget("a.events", ["hot"])
    assert deliveries.offered() == ["a.events"]


def test_what_decodes_a_state_is_made_before_there_are_threads():
    """Two threads that had msgspec make it at the same time crashed the process."""
    source = "from shoebox.delivery import Delivery; print(vars(Delivery)['__msgspec_cache__'])"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True)
    assert done.stdout.startswith(b"<msgspec.")


def test_an_archive_that_is_gone_is_not_put_into_quarantine(spool):
    deliveries = Deliveries(spool)
    assert deliveries.quarantine("gone.events") is None
    assert deliveries.quarantine("a.events") == "a.events.corrupt"


def test_a_state_that_is_no_file_means_nothing_was_delivered(spool):
    (spool.path / "a.events.delivery").mkdir()
    assert Deliveries(spool).read("a.events") == Delivery()


def test_what_has_the_name_of_an_archive_and_is_none_has_no_id(spool):
    (spool.path / "b.events").mkdir()
    assert Deliveries(spool).read("b.events") == Delivery()


def test_what_has_the_name_of_a_state_and_is_none_is_no_archive_that_waits(tmp_path):
    """Nor is it removed. Beside an archive it is taken for one that starts again."""
    os.mkfifo(tmp_path / "a.delivery")
    (tmp_path / "b.delivery").symlink_to("a.delivery")
    (tmp_path / "c.delivery").mkdir()
    os.mkfifo(tmp_path / "d.delivery")
    (tmp_path / "d").touch()
    with closing(Spool(tmp_path)) as spool:
        assert Deliveries(spool).offered() == ["d"]


STORED = Stand("k", "2026-01-01T00:00:00+00:00")


def archive(spool, name="b.events"):
    """Write an archive under the name, which another one may have had."""
    with ArchiveWriter(spool.path / "new") as writer:
        writer.write({}, "x")
    (spool.path / "new").rename(spool.path / name)


def test_a_state_that_outlived_its_archive_says_nothing_of_another_of_its_name(spool):
    """Its process was killed between the two, and a callback has used the name again."""
    archive(spool)
    Deliveries(spool).offer("b.events", {"sha256": "00"})
    assert Deliveries(spool).note("b.events", "hot", STORED).stored_in(["hot"])
    archive(spool)
    deliveries = Deliveries(spool)
    assert not deliveries.is_offered("b.events")
    deliveries.finish("b.events", ["hot"])
    assert spool.directory.exists("b.events")
    deliveries.offer("b.events")
    assert deliveries.is_offered("b.events")
    assert deliveries.read("b.events").checksums == {}
    assert not deliveries.note("b.events", "cold", STORED).stored_in(["hot"])


def test_an_archive_whose_beginning_is_damaged_is_not_removed(spool):
    """Whether it is the one that is stored can't be told."""
    archive(spool)
    deliveries = Deliveries(spool)
    deliveries.note("b.events", "hot", STORED)
    (spool.path / "b.events").write_bytes(b"garbage")
    assert deliveries.read("b.events").stored_in(["hot"])
    deliveries.finish("b.events", ["hot"])
    assert spool.directory.exists("b.events")


def test_what_can_not_be_opened_now_is_not_taken_for_gone(spool, monkeypatch):
    deliveries = Deliveries(spool)
    monkeypatch.setattr(spool.directory, "reading", fail)
    with pytest.raises(OSError, match="Too many open files"):
        deliveries.read("a.events")


@pytest.fixture
def full(spool, monkeypatch):
    """Have no state be written, and return what lets them be again."""
    real, patch = spool.directory.create, monkeypatch

    def create(name, *arguments):
        if name.endswith(".tmp"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(name, *arguments)

    patch.setattr(spool.directory, "create", create)
    return patch.undo


def test_on_a_full_disk_what_is_known_is_kept_here_until_there_is_room(spool, full):
    archive(spool)
    deliveries = Deliveries(spool)
    deliveries.offer("b.events", {"sha256": "00"})
    deliveries.note("b.events", "hot", STORED)
    assert deliveries.offered() == ["b.events"]
    assert deliveries.read("b.events").checksums == {"sha256": "00"}
    assert Deliveries(spool).offered() == []
    full()
    deliveries.note("b.events", "cold", Stand(error="no"))
    assert Deliveries(spool).read("b.events").stored_in(["hot"])
    assert Deliveries(spool).read("b.events").offered is not None


def test_on_a_full_disk_what_is_stored_everywhere_makes_room(spool, full):
    archive(spool)
    deliveries = Deliveries(spool)
    deliveries.offer("b.events")
    for name in ("hot", "cold"):
        deliveries.note("b.events", name, STORED)
    deliveries.finish("b.events", ["hot", "cold"])
    assert not spool.directory.exists("b.events")
    assert deliveries.offered() == []


def test_what_is_gone_while_the_disk_is_full_waits_no_more(spool, full, caplog):
    archive(spool)
    deliveries = Deliveries(spool)
    deliveries.offer("b.events")
    spool.directory.remove("b.events")
    deliveries.forget("b.events", ["hot"])
    assert deliveries.offered() == []
    assert "b.events: was removed before" in caplog.text


def test_another_error_of_the_disk_is_raised(spool, monkeypatch):
    monkeypatch.setattr(spool.directory, "create", fail)
    with pytest.raises(OSError, match="Too many open files"):
        Deliveries(spool).offer("a.events")


def test_of_an_archive_that_another_thread_has_finished_nothing_is_taken_down(spool):
    """It would be the state of the next archive of the name, or left for ever."""
    deliveries = Deliveries(spool)
    deliveries.note("a.events", "hot", STORED)
    deliveries.finish("a.events", ["hot"])
    deliveries.note("a.events", "cold", Stand(error="No such file or directory"))
    deliveries.offer("a.events")
    assert list(spool.path.iterdir()) == []
