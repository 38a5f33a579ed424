"""Shipping: verified everywhere, then removed here, whatever happens in between."""

import errno
import json
import os
import threading

import pytest

from shoebox import backoff, delivery, uploader
from shoebox.backoff import BASE
from shoebox.callback import Callback
from shoebox.destination import Destination
from shoebox.errors import ConfigError, StorageDenied, StorageRejected, StorageUnavailable
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager
from shoebox.sending import identity_of
from shoebox.shipper import Shipper
from shoebox.spool import Spool
from shoebox_plugins.callbacks.files import CompressFileCallback
from shoebox_plugins.checkers.records import RecordsRollChecker
from shoebox_plugins.storage.local import LocalBackend
from tests.interrupting import interrupted_at

SECONDS = 30


def no_jitter():
    """Make waits of no length, so that no test sleeps."""
    return 0.0


def write(directory, count):
    """Leave so many sealed archives of one record."""
    directory.mkdir(exist_ok=True)
    with WritingRollManager(
        "%Y_%f.events", RecordsRollChecker(roll_records=1), directory
    ) as manager:
        for index in range(count):
            manager.write({}, f"{index}")


def backend(folder, kind=LocalBackend):
    folder.mkdir(exist_ok=True)
    return kind(path=folder)


def shipper(directory, *backends, callback=None):
    targets = [Destination(f"d{number}", it) for number, it in enumerate(backends)]
    found = Shipper(Spool(directory), targets, callback, jitter=no_jitter)
    found.pick_up()
    return found


def stored(folder):
    with ReadingRollManager("*.events", folder) as reader:
        return sorted(payload for _, payload in reader)


@pytest.fixture
def spool(tmp_path):
    write(tmp_path / "spool", 5)
    return tmp_path / "spool"


def test_what_an_earlier_process_left_is_shipped_and_removed(tmp_path, spool):
    to = shipper(spool, backend(tmp_path / "store"))
    assert to.close(SECONDS) == []
    assert stored(tmp_path / "store") == ["0", "1", "2", "3", "4"]
    assert list(spool.iterdir()) == []


def test_an_archive_is_removed_in_the_promised_order(tmp_path, monkeypatch):
    """Verified, durable state, unlink, fsync of the directory, and the state last."""
    write(tmp_path / "spool", 1)
    (name,) = [path.name for path in (tmp_path / "spool").iterdir()]
    calls = []

    class Tells(LocalBackend):
        def put(self, key, path, metadata=None):
            super().put(key, path, metadata)
            calls.append("put")

        def stat(self, key):
            info = super().stat(key)
            calls.append("verified")
            return info

    to = shipper(tmp_path / "spool", backend(tmp_path / "store", Tells))
    directory = to._spool.directory
    state = name + ".delivery"
    for method in ("replace", "remove", "sync"):
        real = getattr(directory, method)

        def call(*arguments, method=method, real=real):
            calls.append((method, *arguments[:1]))
            real(*arguments)

        monkeypatch.setattr(directory, method, call)
    assert to.close(SECONDS) == []
    steps = [it for it in calls if it != ("remove", state + ".tmp")]
    assert steps == [
        ("replace", state),  # the digests
        ("sync",),
        "put",
        "verified",
        ("replace", state),
        ("sync",),
        ("remove", name),
        ("sync",),
        ("remove", state),
    ]


class Down(LocalBackend):
    """A service that can be down."""

    up = threading.Event()
    retry_after = None

    def put(self, key, path, metadata=None):
        if not self.up.is_set():
            raise StorageUnavailable("down", self.retry_after)
        super().put(key, path, metadata)


def test_a_destination_that_is_down_holds_up_only_itself(tmp_path, spool):
    """The archive stays until both have it."""

    class Mine(Down):
        up = threading.Event()

    to = shipper(spool, backend(tmp_path / "a"), backend(tmp_path / "b", Mine))
    to.start()
    assert to._wait_until(lambda: to._workers[0].settled, SECONDS)
    assert stored(tmp_path / "a") == ["0", "1", "2", "3", "4"]
    assert stored(spool) == ["0", "1", "2", "3", "4"]
    waiting = to.waiting()
    assert {it.destination for it in waiting} == {"d1"}
    Mine.up.set()
    assert to.close(SECONDS) == []
    assert stored(tmp_path / "b") == ["0", "1", "2", "3", "4"]
    assert list(spool.iterdir()) == []


def test_delivery_state_survives_a_restart(tmp_path, spool):
    """What one destination has is not put there again."""

    class Mine(Down):
        up = threading.Event()

    first = shipper(spool, backend(tmp_path / "a"), backend(tmp_path / "b", Mine))
    first.start()
    assert first._wait_until(lambda: first._workers[0].settled, SECONDS)
    assert len(first.close(0.0)) == 5

    class Never(LocalBackend):
        def put(self, key, path, metadata=None):
            raise AssertionError("it is there")

    Mine.up.set()
    again = shipper(spool, backend(tmp_path / "a", Never), backend(tmp_path / "b", Mine))
    assert again.close(SECONDS) == []
    assert list(spool.iterdir()) == []


class Killed(BaseException):
    """The end of the process."""


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("step", ["put", "stat", "note", "remove", "sync"])
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_crash_between_any_two_steps_leaves_one_object_and_loses_nothing(
    tmp_path, monkeypatch, step, before, nth
):
    write(tmp_path / "spool", 2)
    to = shipper(tmp_path / "spool", backend(tmp_path / "store"))
    target = {
        "put": to._destinations[0].backend,
        "stat": to._destinations[0].backend,
        "note": to._deliveries,
        "remove": to._spool.directory,
        "sync": to._spool.directory,
    }[step]
    real, calls = getattr(target, step), []

    def dies(*arguments):
        calls.append(arguments)
        if len(calls) == nth and before:
            raise Killed
        value = real(*arguments)
        if len(calls) == nth:
            raise Killed
        return value

    monkeypatch.setattr(target, step, dies)
    to.start()
    to._workers[0].join(SECONDS)
    assert not to._workers[0].is_alive()
    monkeypatch.undo()
    assert sorted({*stored(tmp_path / "spool"), *stored(tmp_path / "store")}) == ["0", "1"]
    again = shipper(tmp_path / "spool", backend(tmp_path / "store"))
    assert again.close(SECONDS) == []
    assert stored(tmp_path / "store") == ["0", "1"]
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_key_that_other_content_has_keeps_the_archive_and_the_others_go_on(tmp_path, spool):
    store = backend(tmp_path / "store")
    first = min(path.name for path in spool.iterdir())
    identity = identity_of(Spool(spool), first)
    key = Destination("x", store).key(first, identity)
    (tmp_path / "store" / key).write_bytes(b"other")
    (waiting,) = shipper(spool, store).close(SECONDS)
    assert waiting.name == first
    assert waiting.final
    assert (tmp_path / "store" / key).read_bytes() == b"other"
    (tmp_path / "store" / key).unlink()
    assert stored(tmp_path / "store") == ["1", "2", "3", "4"]
    assert stored(spool) == ["0"]
    state = json.loads((spool / f"{first}.delivery").read_text())
    assert "other content" in state["destinations"]["d0"]["error"]


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-1], lambda data: data[:-1] + bytes([data[-1] ^ 1])]
)
@pytest.mark.parametrize("checksums", [True, False])
def test_what_is_stored_short_or_changed_is_not_removed_here(tmp_path, spool, spoil, checksums):
    class Lies(LocalBackend):
        def put(self, key, path, metadata=None):
            super().put(key, path, metadata)
            object_ = self._path / key
            object_.write_bytes(spoil(object_.read_bytes()))

        def stat(self, key):
            info = super().stat(key)
            if checksums:
                return info
            return type(info)(info.key, info.size, info.modified)

    waiting = shipper(spool, backend(tmp_path / "store", Lies)).close(SECONDS)
    assert len(waiting) == 5
    assert all("is not the archive" in it.reason for it in waiting)
    assert stored(spool) == ["0", "1", "2", "3", "4"]


def test_a_service_that_denies_is_paused_with_one_line_in_the_log(tmp_path, spool, caplog):
    class Denies(LocalBackend):
        asked = 0

        def put(self, key, path, metadata=None):
            self.asked += 1
            raise StorageDenied(f"request {self.asked}: no")

    to = shipper(spool, backend(tmp_path / "store", Denies))
    waiting = to.drain(SECONDS)
    write(spool, 2)
    to.pick_up()
    assert len(waiting) == 5
    assert all(it.final for it in waiting)
    assert len(to.close(SECONDS)) == 7
    assert caplog.text.count("paused") == 1
    # One archive alone may be denied: a second one tells.
    assert to._destinations[0].backend.asked == 2


def test_a_backend_that_raises_what_it_must_not_stops_neither_itself_nor_others(tmp_path, spool):
    class Broken(LocalBackend):
        def put(self, key, path, metadata=None):
            if not hasattr(self, "once"):
                self.once = True
                raise LookupError("a bug")
            super().put(key, path, metadata)

    (waiting,) = shipper(spool, backend(tmp_path / "store", Broken)).close(SECONDS)
    assert waiting.reason == "'a bug'" or "a bug" in waiting.reason
    assert len(stored(tmp_path / "store")) == 4


def test_an_archive_that_is_refused_for_good_is_left_and_tried_at_the_next_start(tmp_path, spool):
    class Refuses(LocalBackend):
        def put(self, key, path, metadata=None):
            raise StorageRejected("too large")

    assert len(shipper(spool, backend(tmp_path / "store", Refuses)).close(SECONDS)) == 5
    assert shipper(spool, backend(tmp_path / "store")).close(SECONDS) == []


def failing_digests(monkeypatch, times):
    """Have so many digests fail as where no descriptor is left; return how many did."""
    real, failed = delivery.digests, []

    def failing(*arguments):
        if len(failed) < times:
            failed.append(arguments)
            raise OSError(24, "Too many open files")
        return real(*arguments)

    monkeypatch.setattr(delivery, "digests", failing)
    return failed


def test_local_trouble_is_tried_again_and_blames_no_archive(tmp_path, spool, monkeypatch, caplog):
    monkeypatch.setattr(uploader, "AGAIN", 0.01)
    failing_digests(monkeypatch, 3)
    assert shipper(spool, backend(tmp_path / "store")).close(SECONDS) == []
    assert stored(tmp_path / "store") == ["0", "1", "2", "3", "4"]
    assert caplog.text.count("Too many open files") == 1


def test_local_trouble_is_tried_again_less_and_less_often(tmp_path, spool, monkeypatch):
    """Offers meanwhile change nothing of that, and what is offered is tried at once."""
    monkeypatch.setattr(backoff, "BASE", 200.0)
    failed = failing_digests(monkeypatch, 5)
    targets = [Destination("d0", backend(tmp_path / "store"))]
    to = Shipper(Spool(spool), targets, jitter=lambda: 1.0)
    to.pick_up()
    to.start()
    assert to._wait_until(lambda: to._workers[0].trouble and len(failed) == 5, SECONDS)
    write(spool, 1)
    to.pick_up()
    assert to._wait_until(lambda: len(stored(tmp_path / "store")) == 1, SECONDS)
    pauses = [to._workers[0]._backoff.seconds(it) for it in to._deliveries.offered()]
    assert len(pauses) == 5
    assert all(100.0 < it <= 200.0 for it in pauses)
    assert len(to.close(0.0)) == 5


def test_a_directory_that_can_not_be_read_is_looked_at_less_and_less_often(
    tmp_path, spool, monkeypatch
):
    monkeypatch.setattr(uploader, "AGAIN", 0.0)
    to, waited = shipper(spool, backend(tmp_path / "store")), []
    monkeypatch.setattr(to._spool.directory, "listing", (tmp_path / "gone").stat)
    to._jitter = lambda: 1.0
    monkeypatch.setattr(to._stop, "wait", waited.append)
    worker = to._uploader(to._destinations[0])
    for _ in range(6):
        assert worker._pass() == 0.0
    assert waited == pytest.approx([BASE * 2**n for n in range(6)], abs=0.1)
    worker._backend.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0\xff",
        b"[]",
        b"{}",
        b'{"destinations": 5}',
        b'{"destinations": {"d0": {"stored": true}}}',
    ],
)
def test_a_state_that_is_garbage_starts_again(tmp_path, spool, garbage):
    for path in list(spool.iterdir()):
        path.with_name(path.name + ".delivery").write_bytes(garbage)
    assert shipper(spool, backend(tmp_path / "store")).close(SECONDS) == []
    assert stored(tmp_path / "store") == ["0", "1", "2", "3", "4"]
    assert list(spool.iterdir()) == []


def test_a_state_that_can_not_be_read_is_told_with_the_others(tmp_path, spool, monkeypatch):
    to = shipper(spool, backend(tmp_path / "store"))
    first = min(to._deliveries.offered())
    read = to._spool.directory.read

    def refuse(name, limit):
        if name == f"{first}.delivery":
            raise PermissionError(errno.EACCES, "Permission denied", name)
        return read(name, limit)

    monkeypatch.setattr(to._spool.directory, "read", refuse)
    assert [it.reason for it in to.waiting()] == [
        f"its state can't be read: [Errno 13] Permission denied: '{first}.delivery'",
        *["not tried yet"] * 4,
    ]


def test_a_state_without_its_archive_is_removed(tmp_path, spool, caplog):
    """It must not keep `close` waiting for what nobody can ship."""
    (spool / "gone.events.delivery").write_text('{"destinations": {}}')
    to = shipper(spool, backend(tmp_path / "store"))
    assert to.close(SECONDS) == []
    assert list(spool.iterdir()) == []
    assert "gone.events: was removed before" in caplog.text
    assert to.lost == {"gone.events"}


def test_foreign_files_are_left_alone_and_named_once(tmp_path, spool, caplog):
    (spool / "notes.txt").write_text("mine")
    (spool / "folder").mkdir()
    (spool / "empty").touch()
    assert shipper(spool, backend(tmp_path / "store")).close(SECONDS) == []
    assert sorted(path.name for path in spool.iterdir()) == ["empty", "folder", "notes.txt"]
    assert caplog.text.count("notes.txt: is no archive") == 1


def test_an_archive_is_offered_when_its_callbacks_have_run_and_not_before(tmp_path):
    seen = []

    class Looks(Callback):
        def on_close(self, path):
            seen.append(path.with_name(path.name + ".delivery").exists())
            renamed = path.with_suffix(".done")
            path.rename(renamed)
            return renamed

    spool = tmp_path / "spool"
    spool.mkdir()
    manager = WritingRollManager(
        "%f.events",
        RecordsRollChecker(roll_records=1),
        spool,
        Looks(),
        storage=[backend(tmp_path / "store")],
    )
    manager.write({}, "x")
    manager.close()
    assert seen == [False]
    assert list(spool.iterdir()) == []
    assert [path.suffix for path in (tmp_path / "store").glob("[!.]*")] == [".done"]


def test_a_path_that_a_callback_spells_in_its_own_way_is_shipped(tmp_path, monkeypatch):
    class Absolute(Callback):
        def on_close(self, path):
            return path.absolute()

    (tmp_path / "spool").mkdir()
    monkeypatch.chdir(tmp_path / "spool")
    store = backend(tmp_path / "store")
    with WritingRollManager(
        "%f.events", NeverRollChecker(), archive_callback=Absolute(), storage=[store]
    ) as manager:
        manager.write({}, "x")
    assert stored(tmp_path / "store") == ["x"]


def test_picking_up_runs_the_callbacks_of_what_was_not_offered(tmp_path, spool):
    heard = []

    class Hears(Callback):
        def on_close(self, path):
            heard.append(path.name)

    names = sorted(path.name for path in spool.iterdir())
    (spool / f"{names[0]}.delivery").write_text('{"destinations": {}}')
    to = shipper(spool, backend(tmp_path / "store"), callback=Hears())
    assert heard == names[1:]
    assert to.close(SECONDS) == []


def test_an_archive_that_another_process_holds_is_left_to_it(tmp_path, spool):
    other = Spool(spool)
    held = other.hold(min(path.name for path in spool.iterdir()))
    to = shipper(spool, backend(tmp_path / "store"))
    assert to.drain(0.5) == []
    assert len(stored(tmp_path / "store")) == 4
    os.close(held)
    to.pick_up()
    assert to.close(SECONDS) == []
    assert list(spool.iterdir()) == []


def test_a_finished_name_that_another_archive_has_taken_is_not_removed(tmp_path, spool):
    name = min(path.name for path in spool.iterdir())
    deliveries = delivery.Deliveries(Spool(spool))
    deliveries.offer(name)
    deliveries.finish(name, ["d0"])
    assert (spool / name).exists()


def test_draining_thousands_looks_at_each_a_few_times_only(tmp_path, monkeypatch):
    """Waiting archives of a destination that is down cost nothing when another is offered."""

    class Mine(Down):
        up = threading.Event()

    spool = tmp_path / "spool"
    spool.mkdir()
    reads = [0]
    real = delivery.Deliveries.read

    def read(self, name):
        reads[0] += 1
        return real(self, name)

    monkeypatch.setattr(delivery.Deliveries, "read", read)
    manager = WritingRollManager(
        "%f.events",
        RecordsRollChecker(roll_records=1),
        spool,
        storage=[
            Destination("a", backend(tmp_path / "a")),
            Destination("b", backend(tmp_path / "b", Mine)),
        ],
        close_timeout=0.0,
    )
    for index in range(300):
        manager.write({}, f"{index}")
    shipper_ = manager._shipper
    assert shipper_._wait_until(lambda: shipper_._workers[0].settled, SECONDS)
    assert reads[0] < 300 * 7
    manager.close()


def test_the_next_start_ships_although_nothing_is_written(tmp_path, spool):
    store = backend(tmp_path / "store")
    manager = WritingRollManager("%f.events", NeverRollChecker(), spool, storage=[store])
    assert manager._shipper._wait_until(manager._shipper._is_settled, SECONDS)
    assert list(spool.iterdir()) == []
    manager.close()


def test_who_asks_is_told_of_each_archive_that_a_destination_has_stored(tmp_path, spool):
    told = []
    targets = [Destination(name, backend(tmp_path / name)) for name in ("hot", "cold")]
    to = Shipper(Spool(spool), targets, stored=lambda *names: told.append(names))
    to.pick_up()
    names = {path.name for path in spool.iterdir() if path.suffix == ".events"}
    assert to.close(SECONDS) == []
    assert sorted(told) == sorted((name, it) for name in names for it in ("hot", "cold"))


def test_what_was_put_into_quarantine_can_be_asked_for(tmp_path, spool):
    class Picky(LocalBackend):
        def put(self, key, path, metadata=None):
            if path.name == first:
                raise StorageRejected("too large")
            super().put(key, path, metadata)

    first = min(path.name for path in spool.iterdir())
    to = shipper(spool, backend(tmp_path / "store", Picky))
    to._deliveries.note(first, "d0", delivery.Stand(refusals=delivery.POISON - 1))
    to.close(SECONDS)
    assert to.quarantined == {first: f"{first}.corrupt"}


def set_aside(spool, folders):
    """Have one destination of two store everything, and the other refuse one archive for good.

    Return the archive's name.
    """
    there = threading.Event()

    class Picky(LocalBackend):
        def put(self, key, path, metadata=None):
            if path.name == first:
                assert there.wait(SECONDS)
                raise StorageRejected("too large")
            super().put(key, path, metadata)

    def tell(archive, destination):
        if (archive, destination) == (first, "d0"):
            there.set()

    first = min(path.name for path in spool.iterdir())
    backends = {"d0": backend(folders / "a"), "d1": backend(folders / "b", Picky)}
    targets = [Destination(*it) for it in backends.items()]
    to = Shipper(Spool(spool), targets, jitter=no_jitter, stored=tell)
    to.pick_up()
    to._deliveries.note(first, "d1", delivery.Stand(refusals=delivery.POISON - 1))
    to.close(SECONDS)
    assert sorted(path.name for path in spool.iterdir()) == [
        f"{first}.corrupt",
        f"{first}.corrupt.delivery",
    ]
    return first


class Heard(Callback):
    """Notes what it is called with."""

    def __init__(self):
        self.names = []

    def on_close(self, path):
        self.names.append(path.name)


def test_an_archive_that_is_renamed_back_from_quarantine_goes_on_where_it_stood(tmp_path, spool):
    """Its callbacks have run, and one destination has it already."""

    class Never(LocalBackend):
        def put(self, key, path, metadata=None):
            raise AssertionError("it is there")

    name, heard = set_aside(spool, tmp_path), Heard()
    (spool / f"{name}.corrupt").rename(spool / name)
    again = shipper(spool, backend(tmp_path / "a", Never), backend(tmp_path / "b"), callback=heard)
    stands = again._deliveries.read(name).destinations
    assert [it.refusals for it in stands.values()] == [0, 0]
    assert again.close(SECONDS) == []
    assert stored(tmp_path / "b") == stored(tmp_path / "a") == ["0", "1", "2", "3", "4"]
    assert heard.names == []
    assert list(spool.iterdir()) == []


def test_one_that_was_put_right_in_quarantine_begins_anew(tmp_path, spool):
    """What the digests of the old content are good for is only to refuse it."""
    name, heard = set_aside(spool, tmp_path), Heard()
    (spool / f"{name}.corrupt").unlink()
    write(tmp_path / "other", 1)
    next((tmp_path / "other").iterdir()).rename(spool / name)
    again = shipper(spool, backend(tmp_path / "a"), backend(tmp_path / "b"), callback=heard)
    assert again.close(SECONDS) == []
    assert heard.names == [name]
    assert stored(tmp_path / "b") == ["0", "1", "2", "3", "4"]
    assert list(spool.iterdir()) == []


def test_one_that_was_changed_in_quarantine_is_not_taken_for_what_was_written(tmp_path, spool):
    name = set_aside(spool, tmp_path)
    content = bytearray((spool / f"{name}.corrupt").read_bytes())
    content[-1] ^= 1
    (spool / f"{name}.corrupt").write_bytes(content)
    (spool / f"{name}.corrupt").rename(spool / name)
    (waiting,) = shipper(spool, backend(tmp_path / "a"), backend(tmp_path / "b")).close(SECONDS)
    assert "was changed here since it was sealed" in waiting.reason
    assert (spool / name).exists()


def test_a_namesake_of_what_is_in_quarantine_takes_nothing_of_it(tmp_path, spool):
    name = set_aside(spool, tmp_path)
    write(tmp_path / "other", 1)
    next((tmp_path / "other").iterdir()).rename(spool / name)
    assert shipper(spool, backend(tmp_path / "a"), backend(tmp_path / "b")).close(SECONDS) == []
    assert sorted(path.name for path in spool.iterdir()) == [
        f"{name}.corrupt",
        f"{name}.corrupt.delivery",
    ]


def test_close_twice_and_start_after_close_start_nothing(tmp_path, spool):
    to = shipper(spool, backend(tmp_path / "store"))
    to.close(SECONDS)
    to.close(SECONDS)
    to.start()
    assert not to.alive


def test_what_was_written_here_is_not_read_again_to_be_digested(tmp_path, monkeypatch):
    """Its digests were made as it was synced; only of what a callback has made they are not."""
    made, real = [], delivery.Deliveries.digests

    def digests(self, name, kinds):
        made.extend(kinds)
        return real(self, name, kinds)

    monkeypatch.setattr(delivery.Deliveries, "digests", digests)

    class Md5(LocalBackend):
        checksums = frozenset({"md5"})

    def write_one(folder, callback=None):
        folder.mkdir()
        store = backend(tmp_path / f"{folder.name}-store", Md5)
        with WritingRollManager(
            "%f.events", NeverRollChecker(), folder, callback, storage=[store]
        ) as manager:
            manager.write({}, "x")
        assert list(folder.iterdir()) == []

    write_one(tmp_path / "plain")
    assert made == []
    write_one(tmp_path / "packed", CompressFileCallback(compression="gzip"))
    assert sorted(made) == ["md5", "sha256"]


def test_a_forked_child_that_ships_nothing_leaves_the_parent_s_backend_open(tmp_path):
    closed = []

    class Closes(LocalBackend):
        def close(self):
            closed.append(True)

    (tmp_path / "spool").mkdir()
    to = Shipper(Spool(tmp_path / "spool"), [Destination("d0", backend(tmp_path / "s", Closes))])
    to.after_fork()
    to.close(SECONDS)
    assert closed == []


def test_an_interrupt_at_any_instruction_of_waiting_stops_no_destination(tmp_path):
    (tmp_path / "spool").mkdir()
    to = shipper(tmp_path / "spool", backend(tmp_path / "store"))
    number = 0
    while interrupted_at(number, lambda: to._wait_until(lambda: False, 0.0)):
        tells = threading.Thread(target=to._notify, daemon=True)
        tells.start()
        tells.join(SECONDS / 2)
        assert not tells.is_alive()
        number += 1
    assert number > 10


def test_an_interrupt_at_any_instruction_of_stopping_leaves_it_to_be_stopped_again(tmp_path):
    (tmp_path / "spool").mkdir()
    number, interrupted = 0, True
    while interrupted:
        to = shipper(tmp_path / "spool", backend(tmp_path / "store"))
        to.start()
        assert to._wait_until(to._is_settled, SECONDS)
        interrupted = interrupted_at(number, to._stop.set)
        to.close(SECONDS)
        assert not to.alive
        number += 1
    assert number > 1


class Takes(Callback):
    """Takes archives out of the spool."""

    def __init__(self, folder, keeps_file):
        self.folder = folder
        self.keeps_file = keeps_file

    def on_close(self, path):
        return path.rename(self.folder / path.name)


def test_a_callback_that_says_that_it_takes_archives_away_is_refused_with_storage(tmp_path, spool):
    takes = Takes(tmp_path, keeps_file=False)
    with pytest.raises(ConfigError, match="leave one of the two out"):
        shipper(spool, backend(tmp_path / "store"), callback=takes)
    assert len(list(spool.iterdir())) == 5


@pytest.mark.parametrize("folder", ["elsewhere", "gone"])
def test_what_a_callback_takes_away_unsaid_is_not_shipped(tmp_path, spool, folder, caplog):
    (tmp_path / folder).mkdir()
    first = min(path.name for path in spool.iterdir())

    class Unsaid(Takes):
        def on_close(self, path):
            if path.name != first:
                return path
            moved = super().on_close(path)
            if folder == "gone":
                moved.unlink()
                self.folder.rmdir()
            return moved

    takes = Unsaid(tmp_path / folder, keeps_file=True)
    to = shipper(spool, backend(tmp_path / "store"), callback=takes)
    assert to.close(SECONDS) == []
    assert stored(tmp_path / "store") == ["1", "2", "3", "4"]
    assert f"{first}: a callback took it out of the spool; it is not shipped" in caplog.text


def test_one_that_has_left_a_namesake_in_the_spool_is_not_mistaken_for_it(tmp_path, spool):
    to = shipper(spool)
    name = min(path.name for path in spool.iterdir() if path.suffix == ".events")
    for state in spool.glob("*.delivery"):
        state.unlink()
    to.offer(tmp_path / "nowhere" / name)
    to.offer(tmp_path / name)
    assert to._deliveries.offered() == []
    to.offer(spool / name)
    assert to._deliveries.offered() == [name]


def test_an_archive_that_can_not_be_offered_now_holds_up_no_other(tmp_path, spool, monkeypatch):
    first = min(path.name for path in spool.iterdir())
    to = Shipper(Spool(spool), [Destination("d0", backend(tmp_path / "store"))], jitter=no_jitter)
    hold = to._spool.hold

    def refuse(name):
        if name == first:
            raise OSError(errno.EMFILE, "Too many open files")
        return hold(name)

    with monkeypatch.context() as patch:
        patch.setattr(to._spool, "hold", refuse)
        assert not to.pick_up()
    assert len(to._deliveries.offered()) == 4
    assert to.pick_up()
    assert to.close(SECONDS) == []
    assert stored(tmp_path / "store") == ["0", "1", "2", "3", "4"]


def test_an_archive_that_another_process_offers_in_the_meantime_has_its_callbacks_run_once(
    tmp_path, spool, monkeypatch
):
    heard, first = Heard(), min(path.name for path in spool.iterdir())
    to = Shipper(Spool(spool), [Destination("d0", backend(tmp_path / "store"))], heard)
    hold = to._spool.hold

    def overtaken(name):
        if name == first:
            delivery.Deliveries(Spool(spool)).offer(name)
        return hold(name)

    monkeypatch.setattr(to._spool, "hold", overtaken)
    assert to.pick_up()
    assert len(heard.names) == 4
    assert first not in heard.names
    assert to.close(SECONDS) == []
    assert stored(tmp_path / "store") == ["0", "1", "2", "3", "4"]


def test_a_child_ships_with_connections_of_its_own_and_its_parent_s_stay_open(tmp_path, spool):
    closed = []

    class Closes(LocalBackend):
        def close(self):
            closed.append(self)

    parent_s, child_s = (backend(tmp_path / "store", Closes) for _ in range(2))
    to = Shipper(Spool(spool), [Destination("d0", parent_s, reopen=lambda: child_s)])
    to.after_fork()
    to.pick_up()
    assert to.close(SECONDS) == []
    assert stored(tmp_path / "store") == ["0", "1", "2", "3", "4"]
    assert closed == [child_s]


def test_what_was_never_started_closes_its_backends_itself(tmp_path):
    closed = []

    class Closes(LocalBackend):
        def close(self):
            closed.append(self)

    (tmp_path / "spool").mkdir()
    to = shipper(tmp_path / "spool", backend(tmp_path / "store", Closes))
    assert to.close(SECONDS) == []
    assert len(closed) == 1
    to.start()
    assert to._workers == []


def test_a_fork_waits_until_a_state_is_written_whole(tmp_path, spool, monkeypatch):
    to = shipper(spool, backend(tmp_path / "store"))
    name, held = min(to._deliveries.offered()), []
    lock, _ = to.locks()
    monkeypatch.setattr(to._spool.directory, "replace", lambda *_: held.append(lock.locked()))
    to._deliveries.note(name, "d0", delivery.Stand(error="no"))
    assert held == [True]
    assert not lock.locked()


def test_what_has_the_name_of_an_archive_and_is_a_link_is_left_alone_and_told_of_once(
    tmp_path, spool, caplog
):
    (spool / "link.events").symlink_to("elsewhere")
    to = shipper(spool, backend(tmp_path / "store"))
    assert to.pick_up()
    assert to.close(SECONDS) == []
    assert [path.name for path in spool.iterdir()] == ["link.events"]
    assert caplog.text.count("link.events: it is a symbolic link") == 1
