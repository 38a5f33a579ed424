"""One destination: verified by what the service says, else by reading back."""

import hashlib
import threading

import pytest

from shoebox import uploader
from shoebox.archive import ArchiveWriter
from shoebox.delivery import Deliveries
from shoebox.destination import Destination
from shoebox.errors import StorageUnavailable
from shoebox.spool import Spool
from shoebox.storage import ObjectInfo
from shoebox.uploader import Uploader, archive_id
from shoebox_plugins.storage.local import LocalBackend

SECONDS = 30


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    with ArchiveWriter(folder / "a.events", archive_id=bytes(range(16))) as writer:
        writer.write({}, "x")
    return Spool(folder)


def run(spool, backend, **options):
    """Ship until it is settled; return the uploader, which has ended."""
    deliveries, stop, changed = Deliveries(spool), threading.Event(), threading.Condition()

    def notify():
        with changed:
            changed.notify_all()

    found = Uploader(
        Destination("hot", backend),
        spool,
        deliveries,
        ["hot"],
        stop=stop,
        notify=notify,
        jitter=lambda: 0.0,
    )
    deliveries.offer("a.events")
    found.start()
    with changed:
        assert changed.wait_for(lambda: found.settled, SECONDS)
    stop.set()
    found.wake.set()
    found.join(SECONDS)
    assert not found.is_alive()
    return found


def local(tmp_path, kind=LocalBackend):
    (tmp_path / "store").mkdir()
    return kind(path=tmp_path / "store")


def test_the_key_is_made_from_the_archive_s_id(tmp_path, spool):
    backend = local(tmp_path)
    run(spool, backend)
    (info,) = backend.list()
    assert info.key == f"a-{bytes(range(16)).hex()}.events"


def test_the_object_says_its_checksum_and_its_archive(tmp_path, spool):
    content = (spool.path / "a.events").read_bytes()
    backend = local(tmp_path)
    run(spool, backend)
    (info,) = backend.list()
    assert backend.stat(info.key).metadata == {
        "archive": bytes(range(16)).hex(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


@pytest.mark.parametrize("kind", ["md5", "sha256", None, "crc64"])
def test_what_is_stored_is_compared_by_whatever_checksum_there_is(tmp_path, spool, kind):
    content = (spool.path / "a.events").read_bytes()
    reads = []

    class Says(LocalBackend):
        def stat(self, key):
            info = super().stat(key)
            known = {} if kind is None else {kind: "00"}
            if kind in ("md5", "sha256"):
                known = {kind: hashlib.new(kind, content).hexdigest()}
            return ObjectInfo(info.key, info.size, info.modified, known)

        def open(self, key):
            reads.append(key)
            return super().open(key)

    found = run(spool, local(tmp_path, Says))
    assert found.refused == {}
    assert spool.sealed() == []
    assert len(reads) == (0 if kind in ("md5", "sha256") else 1)


def test_a_wrong_checksum_refuses_the_archive(tmp_path, spool):
    class Says(LocalBackend):
        def stat(self, key):
            info = super().stat(key)
            return ObjectInfo(info.key, info.size, info.modified, {"md5": "0" * 32})

    found = run(spool, local(tmp_path, Says))
    assert "is not the archive" in found.refused["a.events"]
    assert spool.sealed() == ["a.events"]


def test_a_read_that_breaks_off_while_verifying_is_tried_again(tmp_path, spool):
    class Breaks(LocalBackend):
        tries = 0

        def stat(self, key):
            info = super().stat(key)
            return ObjectInfo(info.key, info.size, info.modified)

        def open(self, key):
            Breaks.tries += 1
            if Breaks.tries < 3:
                raise StorageUnavailable("reset")
            return super().open(key)

    run(spool, local(tmp_path, Breaks))
    assert Breaks.tries == 3
    assert spool.sealed() == []


def test_its_backend_is_closed_when_it_ends(tmp_path, spool):
    closed = []

    class Closes(LocalBackend):
        def close(self):
            closed.append(True)

    run(spool, local(tmp_path, Closes))
    assert closed == [True]


def test_archives_of_version_1_are_named_by_their_content(tmp_path, spool):
    for name in ("b.events", "c.events"):
        with ArchiveWriter(spool.path / name, format_version=1) as writer:
            writer.write({}, "same")
    assert archive_id(spool, "b.events") == archive_id(spool, "c.events")
    assert archive_id(spool, "b.events") != archive_id(spool, "a.events")


@pytest.mark.parametrize("content", [b"", b"x", b"PK\x03\x04" * 100, b"\x1f\x8b\x08broken"])
def test_what_does_not_begin_as_an_archive_is_none(spool, content, caplog):
    (spool.path / "other").write_bytes(content)
    assert archive_id(spool, "other") is None
    assert caplog.text == ""


def test_nothing_is_searched_for_in_a_foreign_file(spool, monkeypatch):
    """A large one would be read to its end."""
    (spool.path / "other").write_bytes(b"\0" * (64 << 20))
    monkeypatch.setattr(
        "shoebox.archive.frames.Frames.search", lambda *_: pytest.fail("it is searched")
    )
    assert archive_id(spool, "other") is None


def test_it_looks_now_and_then_for_what_other_processes_offered(tmp_path, spool, monkeypatch):
    monkeypatch.setattr(uploader, "RESCAN", 0.01)
    backend, stop = local(tmp_path), threading.Event()
    deliveries, stored = Deliveries(spool), threading.Event()

    def notify():
        if not spool.directory.exists("a.events"):
            stored.set()

    found = Uploader(
        Destination("hot", backend), spool, deliveries, ["hot"], stop=stop, notify=notify
    )
    found.start()
    Deliveries(Spool(spool.path)).offer("a.events")
    assert stored.wait(SECONDS)
    stop.set()
    found.wake.set()
    found.join(SECONDS)
