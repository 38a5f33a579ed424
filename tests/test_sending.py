"""Sending one archive: stored, compared with what is here, and mended where it went wrong."""

import hashlib
import threading

import pytest

from shoebox import delivery
from shoebox.archive import ArchiveWriter
from shoebox.delivery import Deliveries
from shoebox.destination import Destination
from shoebox.errors import (
    InvalidName,
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.retrying import RetryingBackend
from shoebox.sending import MENDS, Sender, identity_of
from shoebox.spool import Spool
from shoebox.storage import ObjectInfo
from shoebox_plugins.storage.local import LocalBackend

ID = bytes(range(16))
KEY = f"a-{ID.hex()}.events"


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    with ArchiveWriter(folder / "a.events", archive_id=ID) as writer:
        writer.write({}, "x")
    Deliveries(Spool(folder)).offer("a.events")
    return Spool(folder)


@pytest.fixture
def content(spool):
    return (spool.path / "a.events").read_bytes()


def local(tmp_path, kind=LocalBackend):
    (tmp_path / "store").mkdir(exist_ok=True)
    return kind(path=tmp_path / "store")


def send(spool, backend, *, tries=5, kinds=frozenset({"sha256"}), **options):
    """Send the archive with so many tries; return its key."""
    left = iter(range(tries - 1))
    retrying = RetryingBackend(backend, lambda *_: next(left, None) is None, jitter=lambda: 0.0)
    destination = Destination("hot", backend, **options)
    return Sender(destination, retrying, spool, Deliveries(spool), kinds).send("a.events")


def stored(tmp_path):
    return (tmp_path / "store" / KEY).read_bytes()


def test_the_key_is_made_from_the_archive_s_id(tmp_path, spool, content):
    assert send(spool, local(tmp_path)) == KEY
    assert stored(tmp_path) == content


def test_the_object_says_what_it_holds(tmp_path, spool, content):
    backend = local(tmp_path)
    send(spool, backend)
    metadata = backend.stat(KEY).metadata
    times = {metadata.pop("first"), metadata.pop("last")}
    assert len(times) == 1
    assert metadata == {
        "archive": ID.hex(),
        "format": "2",
        "records": "1",
        "sha256": hashlib.sha256(content).hexdigest(),
    }


class Hashes(LocalBackend):
    """Makes use of another digest."""

    checksums = frozenset({"md5"})


def test_the_digests_that_a_backend_makes_use_of_are_handed_to_it(tmp_path, spool, content):
    backend = local(tmp_path, Hashes)
    send(spool, backend, kinds=frozenset({"sha256", "md5", "crc32c"}))
    metadata = backend.stat(KEY).metadata
    assert metadata["md5"] == hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert "crc32c" not in metadata


def test_what_is_no_archive_is_not_sent(tmp_path, spool):
    (spool.path / "a.events").write_bytes(b"PK")
    with pytest.raises(InvalidName, match=r"a\.events: is not an archive"):
        send(spool, local(tmp_path))


@pytest.mark.parametrize("kind", ["md5", "sha256", "crc32c", None, "crc64"])
def test_what_is_stored_is_compared_by_whatever_checksum_there_is(tmp_path, spool, kind):
    """Else it is read back."""
    reads = []

    class Says(LocalBackend):
        def stat(self, key):
            info = super().stat(key)
            known = {} if kind is None else {kind: "00"}
            if kind in ("md5", "sha256", "crc32c"):
                known = Deliveries(spool).digests("a.events", [kind])
            return ObjectInfo(info.key, info.size, info.modified, known)

        def open(self, key):
            reads.append(key)
            return super().open(key)

    send(spool, local(tmp_path, Says))
    assert len(reads) == (0 if kind in ("md5", "sha256", "crc32c") else 1)


def test_it_is_read_back_all_the_same_where_that_is_asked_for(tmp_path, spool):
    reads = []

    class Reads(LocalBackend):
        def open(self, key):
            reads.append(key)
            return super().open(key)

    send(spool, local(tmp_path, Reads), verify="get")
    assert reads == [KEY]


def test_a_wrong_checksum_refuses_the_archive(tmp_path, spool):
    class Says(LocalBackend):
        def stat(self, key):
            info = super().stat(key)
            return ObjectInfo(info.key, info.size, info.modified, {"md5": "0" * 32})

    with pytest.raises(StorageRejected, match="is not the archive"):
        send(spool, local(tmp_path, Says))


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

    send(spool, local(tmp_path, Breaks))
    assert Breaks.tries == 3


class Lies(LocalBackend):
    """Says that it has stored what it has not, for so many puts."""

    lies = 1
    puts = 0
    deletes = 0

    def spoil(self, path):
        path.unlink()

    def put(self, key, path, metadata=None):
        super().put(key, path, metadata)
        self.puts += 1
        if self.puts <= self.lies:
            self.spoil(self._path / key)

    def delete(self, key):
        self.deletes += 1
        super().delete(key)


class Spoils(Lies):
    """Stores other bytes, with the metadata that it was given."""

    said: dict[str, str]

    def put(self, key, path, metadata=None):
        self.said = dict(metadata)
        super().put(key, path, metadata)

    def spoil(self, path):
        path.write_bytes(path.read_bytes()[:-1])

    def stat(self, key):
        info = super().stat(key)
        return ObjectInfo(info.key, info.size, info.modified, info.checksums, self.said)


def test_what_was_said_to_be_stored_and_is_not_is_sent_again(tmp_path, spool, content):
    backend = local(tmp_path, Lies)
    send(spool, backend)
    assert backend.puts == 2
    assert stored(tmp_path) == content


def test_what_was_stored_with_other_bytes_is_removed_and_sent_again(tmp_path, spool, content):
    backend = local(tmp_path, Spoils)
    send(spool, backend)
    assert (backend.puts, backend.deletes) == (2, 1)
    assert stored(tmp_path) == content


def test_what_is_said_to_be_there_and_is_not_when_it_is_read_is_sent_again(
    tmp_path, spool, content
):
    """It blames no archive that an object comes late, or was lost."""

    class Late(LocalBackend):
        opens = 0

        def open(self, key):
            self.opens += 1
            if self.opens < 3:
                raise ObjectNotFound("not yet")
            return super().open(key)

    send(spool, local(tmp_path, Late), verify="get")
    assert stored(tmp_path) == content


def test_what_only_reading_finds_to_be_wrong_is_removed_and_sent_again(tmp_path, spool, content):
    class Pretends(Spoils):
        def stat(self, key):
            info = super().stat(key)
            known = Deliveries(spool).digests("a.events", ["sha256"])
            return ObjectInfo(key, len(content), info.modified, known, self.said)

        def spoil(self, path):
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    backend = local(tmp_path, Pretends)
    send(spool, backend, verify="get")
    assert (backend.puts, backend.deletes) == (2, 1)
    assert stored(tmp_path) == content


def test_a_service_that_always_stores_other_bytes_is_given_up(tmp_path, spool):
    class Always(Spoils):
        lies = 99

    backend = local(tmp_path, Always)
    with pytest.raises(StorageRejected, match="is not the archive"):
        send(spool, backend, tries=99)
    assert backend.deletes == MENDS


def test_broken_bytes_that_an_earlier_try_left_are_removed_and_sent_again(tmp_path, spool, content):
    """It was killed between the put and the comparison."""
    backend = local(tmp_path, Spoils)
    backend.said = identity_of(spool, "a.events").metadata()
    backend.said["sha256"] = hashlib.sha256(content).hexdigest()
    (tmp_path / "store" / KEY).write_bytes(content[:100])
    backend.lies = 0
    send(spool, backend)
    assert stored(tmp_path) == content


def test_an_object_of_somebody_else_under_the_key_is_left_as_it_is(tmp_path, spool):
    backend = local(tmp_path, Lies)
    (tmp_path / "store" / KEY).write_bytes(b"other")
    with pytest.raises(KeyCollision):
        send(spool, backend)
    assert stored(tmp_path) == b"other"
    assert backend.deletes == 0


def test_one_that_may_not_be_removed_stays_and_the_archive_too(tmp_path, spool, caplog):
    class Keeps(Spoils):
        def delete(self, key):
            raise StorageDenied("it is locked")

    with pytest.raises(StorageRejected):
        send(spool, local(tmp_path, Keeps))
    assert "it is locked" in caplog.text
    assert spool.sealed() == ["a.events"]


def test_an_archive_that_was_changed_here_is_not_sent_for_ever(tmp_path, spool, content):
    """The service finds its checksum wrong each time, and is right."""

    class Checks(LocalBackend):
        def put(self, key, path, metadata=None):
            if hashlib.sha256(path.read_bytes()).hexdigest() != metadata["sha256"]:
                raise StorageUnavailable("bad digest")
            super().put(key, path, metadata)

    Deliveries(spool).checksums("a.events", ["sha256"])
    (spool.path / "a.events").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StorageRejected, match="was changed here since it was sealed"):
        send(spool, local(tmp_path, Checks), tries=99)


def test_what_is_stored_is_not_removed_for_an_archive_that_was_cut_here(tmp_path, spool, content):
    """It was stored, and the process killed before that was noted: the object is all there is."""
    Deliveries(spool).checksums("a.events", ["sha256"])
    send(spool, local(tmp_path))
    (spool.path / "a.events").write_bytes(content[:-20])
    with pytest.raises(StorageRejected, match="was changed here since it was sealed"):
        send(spool, local(tmp_path))
    assert stored(tmp_path) == content


def test_digests_are_made_once_for_all_tries_and_destinations(tmp_path, spool, monkeypatch):
    deliveries, made, real = Deliveries(spool), [], Deliveries.digests

    def digests(self, name, kinds):
        made.append(set(kinds))
        return real(self, name, kinds)

    monkeypatch.setattr(Deliveries, "digests", digests)
    threads = [
        threading.Thread(target=deliveries.checksums, args=("a.events", {"sha256", "md5"}))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [it for it in made if it] == [{"sha256", "md5"}]


def test_an_archive_is_not_read_again_for_each_try_while_a_service_is_down(
    tmp_path, spool, content, monkeypatch
):
    """Only what was changed since is; and it is seen to be changed, not down for ever."""
    made, real = [], delivery.digests

    def digests(file, kinds):
        made.append(set(kinds))
        return real(file, kinds)

    class Down(LocalBackend):
        tries = 0
        change = 0

        def put(self, key, path, metadata=None):
            self.tries += 1
            if self.tries == self.change:
                path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            raise StorageUnavailable("down")

    monkeypatch.setattr(delivery, "digests", digests)
    with pytest.raises(StorageUnavailable):
        send(spool, local(tmp_path, Down), tries=20)
    assert [it for it in made if it] == [{"sha256"}]
    changes = local(tmp_path, Down)
    changes.change = 9
    with pytest.raises(StorageRejected, match="was changed here"):
        send(spool, changes, tries=20)
    assert changes.tries == 9


@pytest.mark.parametrize("error", [ConnectionResetError("reset"), TimeoutError("timed out")])
def test_what_a_plugin_lets_through_of_a_connection_is_tried_again(tmp_path, spool, content, error):
    class Lets(LocalBackend):
        left = 3

        def put(self, key, path, metadata=None):
            self.left -= 1
            if self.left:
                raise error
            super().put(key, path, metadata)

    send(spool, local(tmp_path, Lets))
    assert stored(tmp_path) == content
