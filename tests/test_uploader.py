"""One destination: what is offered is stored, and what it refuses holds up no other."""

import errno
import os
import threading
from dataclasses import replace
from time import monotonic, time

import pytest

from shoebox import backoff, uploader
from shoebox.archive import ArchiveWriter
from shoebox.delivery import POISON, Deliveries
from shoebox.destination import Destination
from shoebox.errors import StorageDenied, StorageRejected, StorageUnavailable
from shoebox.files import Directory
from shoebox.metrics import SILENT
from shoebox.spool import Spool
from shoebox.uploader import Uploader
from shoebox.waking import Flag, Waker
from shoebox_plugins.storage.local import LocalBackend
from tests.metering import Kept

SECONDS = 30


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    with ArchiveWriter(folder / "a.events", archive_id=bytes(range(16))) as writer:
        writer.write({}, "x")
    return Spool(folder)


def run(spool, backend, metrics=SILENT):
    """Ship until it is settled; return the uploader, which has ended."""
    deliveries, stop, changed = Deliveries(spool), Flag(), Waker()
    found = Uploader(
        Destination("hot", backend),
        spool,
        deliveries,
        ["hot"],
        kinds=frozenset({"sha256"}),
        stop=stop,
        notify=changed.wake,
        jitter=lambda: 0.0,
        metrics=metrics,
    )
    deliveries.offer("a.events")
    found.start()
    deadline = monotonic() + SECONDS
    while not found.settled and monotonic() < deadline:
        changed.wait(SECONDS)
    assert found.settled
    stop.set()
    found.waker.wake()
    found.join(SECONDS)
    assert not found.is_alive()
    return found


def local(tmp_path, kind=LocalBackend):
    (tmp_path / "store").mkdir()
    return kind(path=tmp_path / "store")


def test_its_backend_is_closed_when_it_ends(tmp_path, spool):
    closed = []

    class Closes(LocalBackend):
        def close(self):
            closed.append(True)

    run(spool, local(tmp_path, Closes))
    assert closed == [True]


def test_it_looks_now_and_then_for_what_other_processes_offered(tmp_path, spool, monkeypatch):
    monkeypatch.setattr(uploader, "RESCAN", 0.01)
    backend, stop = local(tmp_path), Flag()
    deliveries, stored = Deliveries(spool), threading.Event()

    def notify():
        if not spool.directory.exists("a.events"):
            stored.set()

    found = Uploader(
        Destination("hot", backend),
        spool,
        deliveries,
        ["hot"],
        kinds=frozenset({"sha256"}),
        stop=stop,
        notify=notify,
    )
    found.start()
    Deliveries(Spool(spool.path)).offer("a.events")
    assert stored.wait(SECONDS)
    stop.set()
    found.waker.wake()
    found.join(SECONDS)


class Picky(LocalBackend):
    """Refuses archives of this name for good."""

    refused = "a-"
    puts = 0

    def put(self, key, path, metadata=None):
        self.puts += 1
        if key.startswith(self.refused):
            raise StorageRejected("no such thing here")
        super().put(key, path, metadata)


def archive(spool, name):
    with ArchiveWriter(spool.path / name) as writer:
        writer.write({}, name)


def refusals(spool, name="a.events"):
    return Deliveries(spool).read(name).stand("hot").refusals


@pytest.mark.parametrize("error", [StorageDenied, StorageUnavailable])
def test_what_can_not_be_stored_alone_holds_up_no_other(tmp_path, spool, caplog, error):
    """A key that is denied, or a part of a service that is down."""
    others = threading.Event()

    class One(LocalBackend):
        tries = 0

        def put(self, key, path, metadata=None):
            if key.startswith("a"):
                self.tries += 1
                if error is StorageDenied or not others.is_set():
                    raise error("not this one")
            super().put(key, path, metadata)
            if key.startswith("c"):
                others.set()

    for name in ("b.events", "c.events"):
        archive(spool, name)
        Deliveries(spool).offer(name)
    found = run(spool, local(tmp_path, One))
    assert others.is_set()
    assert not found.denied
    if error is StorageDenied:
        assert spool.sealed() == ["a.events"]
        assert found.denials == {"a.events": "not this one"}
        assert caplog.text.count("can't be stored in hot: not this one") == 1
        assert refusals(spool) == 0, "it is no reason for quarantine"
    else:
        assert spool.sealed() == []
        assert "ERROR" not in caplog.text


def test_what_another_thread_finishes_meanwhile_is_no_trouble(tmp_path, spool, caplog):
    class Finishes(LocalBackend):
        def put(self, key, path, metadata=None):
            for left in spool.path.iterdir():
                left.unlink()
            super().put(key, path, metadata)

    run(spool, local(tmp_path, Finishes))
    assert list(spool.path.iterdir()) == []
    assert caplog.text == ""


def test_what_was_denied_alone_is_tried_again(tmp_path, spool, monkeypatch):
    """And is no reason to ask for nothing else meanwhile."""
    monkeypatch.setattr(uploader, "AGAIN", 0.01)
    tried, told = [], threading.Event()

    class One(LocalBackend):
        def put(self, key, path, metadata=None):
            tried.append(key[0])
            if key.startswith("a") and tried.count("a") < 4:
                raise StorageDenied("not this one")
            super().put(key, path, metadata)
            if key.startswith("a"):
                told.set()

    archive(spool, "b.events")
    deliveries, stop = Deliveries(spool), Flag()
    for name in ("a.events", "b.events"):
        deliveries.offer(name)
    found = Uploader(
        Destination("hot", local(tmp_path, One)),
        spool,
        deliveries,
        ["hot"],
        kinds=frozenset({"sha256"}),
        stop=stop,
        notify=lambda: None,
        jitter=lambda: 0.0,
    )
    found.start()
    assert told.wait(SECONDS)
    stop.set()
    found.waker.wake()
    found.join(SECONDS)
    assert tried == ["a", "b", "a", "a", "a"]
    assert not found.denied


def test_one_that_waits_alone_is_tried_for_as_long_as_it_takes(tmp_path, spool):
    class Down(LocalBackend):
        tries = 0

        def put(self, key, path, metadata=None):
            self.tries += 1
            if self.tries < 4 * uploader.TRIES:
                raise StorageUnavailable("down")
            super().put(key, path, metadata)

    run(spool, local(tmp_path, Down))
    assert spool.sealed() == []


def test_a_full_disk_does_not_keep_what_makes_room(tmp_path, spool, monkeypatch):
    """What is stored is removed although that can't be noted any more."""
    real = Directory.create

    def create(directory, name, *arguments):
        if name.endswith(".delivery.tmp"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(directory, name, *arguments)

    monkeypatch.setattr(Directory, "create", create)
    run(spool, local(tmp_path))
    assert list(spool.path.iterdir()) == []
    assert len(list((tmp_path / "store").glob("a*"))) == 1


def test_what_is_refused_again_and_again_is_put_aside_once_others_were_taken(tmp_path, spool):
    """Each start tries it once more; the third refusal is the last."""
    backend = local(tmp_path, Picky)
    for number in (1, 2):
        archive(spool, f"b{number}.events")
        Deliveries(spool).offer(f"b{number}.events")
        run(spool, backend)
        assert refusals(spool) == number
        assert spool.sealed() == ["a.events"]
    archive(spool, "b3.events")
    Deliveries(spool).offer("b3.events")
    run(spool, backend)
    assert spool.names(".corrupt") == ["a.events.corrupt"]
    assert Deliveries(spool).offered() == []
    state = Deliveries(spool).read("a.events.corrupt")
    assert state.stand("hot").error == "no such thing here"


def test_where_everything_is_refused_nothing_is_put_aside(tmp_path, spool):
    """It may be the destination's fault."""
    backend = local(tmp_path, Picky)
    for _ in range(5):
        run(spool, backend)
    assert refusals(spool) == 5
    assert spool.sealed() == ["a.events"]


def test_what_holds_up_an_archive_is_noted_where_others_can_see_it(tmp_path, spool):
    noted = []

    class Down(LocalBackend):
        def put(self, key, path, metadata=None):
            noted.append(Deliveries(spool).read("a.events").stand("hot").error)
            if len(noted) < 3:
                raise StorageUnavailable("down for lunch")
            super().put(key, path, metadata)

    run(spool, local(tmp_path, Down))
    assert noted == [None, "down for lunch", "down for lunch"]


def test_where_everything_is_refused_from_now_on_nothing_is_put_aside(tmp_path, spool, monkeypatch):
    """What was stored before says nothing of a key that was disabled since."""
    monkeypatch.setattr(uploader, "CAP", 0.0)
    monkeypatch.setattr(uploader, "RESCAN", 0.01)

    class Changes(LocalBackend):
        puts = 0

        def put(self, key, path, metadata=None):
            self.puts += 1
            if self.puts > 1:
                refused.set() if self.puts > 8 else None
                raise StorageRejected("the key is disabled")
            super().put(key, path, metadata)

    refused = threading.Event()
    for name in ("b.events", "c.events"):
        archive(spool, name)
        Deliveries(spool).offer(name)
    Deliveries(spool).offer("a.events")
    stop = Flag()
    found = Uploader(
        Destination("hot", local(tmp_path, Changes)),
        spool,
        Deliveries(spool),
        ["hot"],
        kinds=frozenset({"sha256"}),
        stop=stop,
        notify=lambda: None,
    )
    found.start()
    assert refused.wait(SECONDS)
    stop.set()
    found.waker.wake()
    found.join(SECONDS)
    assert spool.sealed() == ["b.events", "c.events"]
    assert spool.names(".corrupt") == []


STORED = ("shoebox_stored_archives_total", "hot")
FAILED = ("shoebox_failed_archives_total", "hot")


def test_metrics_hear_of_what_was_stored_and_of_each_try_that_failed(tmp_path, spool):
    class Down(LocalBackend):
        tries = 0

        def put(self, key, path, metadata=None):
            self.tries += 1
            if self.tries < 4:
                raise StorageUnavailable("down for lunch")
            super().put(key, path, metadata)

    kept, before = Kept(), time()
    run(spool, local(tmp_path, Down), kept)
    assert (kept.sums[STORED], kept.sums[FAILED]) == (1, 3)
    (last,) = kept.values["shoebox_last_stored_timestamp_seconds"]
    assert before <= last <= time()


@pytest.mark.parametrize("error", [StorageDenied, StorageRejected, RuntimeError])
def test_metrics_hear_of_what_is_not_tried_again(tmp_path, spool, error):
    class Refuses(LocalBackend):
        def put(self, key, path, metadata=None):
            raise error("go away")

    kept = Kept()
    run(spool, local(tmp_path, Refuses), kept)
    assert (kept.sums[STORED], kept.sums[FAILED]) == (0, 1)


def test_metrics_hear_of_a_destination_before_there_is_anything_to_store(tmp_path, spool):
    """Else the first failure would not be seen to be one more."""
    spool.directory.remove("a.events")
    kept = Kept()
    run(spool, local(tmp_path), kept)
    assert (kept.values[STORED[0]], kept.values[FAILED[0]]) == ([0], [0])


def uploader_of(spool, backend, stop=None):
    """Return an uploader, not started: its passes are made one by one."""
    return Uploader(
        Destination("hot", backend),
        spool,
        Deliveries(spool),
        ["hot"],
        kinds=frozenset({"sha256"}),
        stop=Flag() if stop is None else stop,
        notify=lambda: None,
        jitter=lambda: 0.0,
    )


def test_what_is_told_to_stop_ships_no_further_archive(tmp_path, spool):
    stop = Flag()

    class Stops(LocalBackend):
        def put(self, key, path, metadata=None):
            super().put(key, path, metadata)
            stop.set()

    archive(spool, "b.events")
    for name in ("a.events", "b.events"):
        Deliveries(spool).offer(name)
    uploader_of(spool, local(tmp_path, Stops), stop)._pass()
    assert spool.sealed() == ["b.events"]


def test_a_service_that_denies_again_is_told_of_once(tmp_path, spool, caplog):
    class Denies(LocalBackend):
        def put(self, key, path, metadata=None):
            raise StorageDenied("wrong key")

    Deliveries(spool).offer("a.events")
    found = uploader_of(spool, local(tmp_path, Denies))
    assert found._pass() == found._pass() == backoff.CAP
    assert found.denied == "wrong key"
    assert caplog.text.count("paused: wrong key") == 1


def test_what_another_process_ships_is_left_to_it_and_looked_at_again(tmp_path, spool):
    Deliveries(spool).offer("a.events")
    found = uploader_of(spool, local(tmp_path))
    with Deliveries(Spool(spool.path)).claims.on("a.events") as held:
        assert held
        assert found._pass() == uploader.AGAIN
        assert not found.settled
    assert list((tmp_path / "store").iterdir()) == []
    assert found._pass() == uploader.RESCAN
    assert found.settled
    assert spool.sealed() == []


def poisoned(tmp_path, spool):
    """Return an uploader that has stored one archive, and that one more pass puts `a` aside of."""
    deliveries = Deliveries(spool)
    archive(spool, "b.events")
    for name in ("a.events", "b.events"):
        deliveries.offer(name)
    found = uploader_of(spool, local(tmp_path, Picky))
    found._pass()
    assert found.refused == {"a.events": "no such thing here"}
    stand = replace(deliveries.read("a.events").stand("hot"), refusals=POISON)
    deliveries.note("a.events", "hot", stand)
    return found


def test_what_another_process_works_on_is_put_aside_by_a_later_pass(tmp_path, spool):
    found = poisoned(tmp_path, spool)
    with Deliveries(Spool(spool.path)).claims.on("a.events") as held:
        assert held
        found._pass()
        assert spool.sealed() == ["a.events"]
    found._pass()
    assert found.quarantined == {"a.events": "a.events.corrupt"}


def test_what_is_removed_while_it_is_put_aside_is_in_no_quarantine(
    tmp_path, spool, monkeypatch, caplog
):
    found = poisoned(tmp_path, spool)
    quarantine = found._deliveries.quarantine

    def overtaken(name):
        (spool.path / name).unlink()
        return quarantine(name)

    monkeypatch.setattr(found._deliveries, "quarantine", overtaken)
    found._pass()
    assert (found.quarantined, found.refused) == ({}, {})
    assert spool.names(".corrupt") == []
    assert "quarantine" not in caplog.text


def test_what_can_not_be_put_aside_now_is_by_a_later_pass(tmp_path, spool, monkeypatch, caplog):
    found = poisoned(tmp_path, spool)

    def refuse(_):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(found._deliveries, "quarantine", refuse)
        found._pass()
    assert spool.sealed() == ["a.events"]
    assert "Too many open files" in caplog.text
    found._pass()
    assert found.quarantined == {"a.events": "a.events.corrupt"}
