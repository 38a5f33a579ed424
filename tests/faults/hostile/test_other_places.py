"""What is planted where archives are brought to: stores, fetching, callbacks, JSON lines."""

import gzip
from threading import Event, Thread

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.callback import Callback
from shoebox.errors import KeyCollision, ObjectNotFound, StorageError, StorageRejected
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingJSONRollManager, WritingRollManager
from shoebox_plugins.callbacks.files import (
    ChangeExtensionCallback,
    CompressFileCallback,
    MoveFileCallback,
)
from shoebox_plugins.storage.local import LocalBackend
from tests.faults.hostile.planting import KINDS, LIMIT, NO_FILES, TREASURE, kind_at
from tests.program import run

pytestmark = pytest.mark.usefixtures("limited")


ANYTHING = pytest.mark.parametrize("kind", KINDS)
NO_FILE = pytest.mark.parametrize("kind", NO_FILES)
LEADS_AWAY = pytest.mark.parametrize("kind", ["link to a folder", "link to nothing", "loop"])


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "folder"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def store(folder):
    return LocalBackend(path=folder)


@pytest.fixture
def archive(spool):
    with ArchiveWriter(spool / "a.events") as writer:
        writer.write({}, "kept")
    return writer.path


def payloads(path):
    with ReadingRollManager([path]) as reader:
        return [payload for _, payload in reader]


@NO_FILE
def test_what_is_no_file_is_no_object(store, folder, outside, tmp_path, kind):
    KINDS[kind](folder / "a", outside)
    before = kind_at(folder / "a")
    for call in (
        store.open,
        store.stat,
        store.delete,
        lambda key: store.get(key, tmp_path / "got"),
    ):
        with pytest.raises(ObjectNotFound):
            call("a")
    assert [it.key for it in store.list()] == []
    assert kind_at(folder / "a") == before
    assert not (tmp_path / "got").exists()
    assert outside.is_untouched


@ANYTHING
def test_a_put_replaces_nothing(store, folder, outside, archive, kind):
    KINDS[kind](folder / "a", outside)
    before = kind_at(folder / "a")
    with pytest.raises(KeyCollision):
        store.put("a", archive)
    assert kind_at(folder / "a") == before
    assert outside.is_untouched


@LEADS_AWAY
def test_a_key_leads_through_no_link(store, folder, outside, archive, kind):
    KINDS[kind](folder / "a", outside)
    with pytest.raises(StorageRejected):
        store.put("a/b", archive)
    for call in (store.open, store.stat, store.delete):
        with pytest.raises(ObjectNotFound):
            call("a/inside")
    assert [it.key for it in store.list("a")] == []
    assert outside.is_untouched


@NO_FILE
def test_what_is_no_file_is_not_put(store, folder, outside, spool, kind):
    KINDS[kind](spool / "a", outside)
    with pytest.raises(OSError, match="not a regular file") as caught:
        store.put("a", spool / "a")
    assert not isinstance(caught.value, StorageError)
    assert not [*folder.iterdir()]
    assert outside.is_untouched


@ANYTHING
def test_a_get_replaces_nothing(store, outside, archive, tmp_path, kind):
    store.put("a", archive)
    KINDS[kind](tmp_path / "got", outside)
    before = kind_at(tmp_path / "got")
    with pytest.raises(FileExistsError):
        store.get("a", tmp_path / "got")
    assert kind_at(tmp_path / "got") == before
    assert outside.is_untouched


@NO_FILE
def test_what_is_there_in_place_of_an_objects_metadata_is_not_read(
    store, folder, outside, archive, kind
):
    store.put("a", archive, {"k": "v"})
    [beside] = folder.glob(".*")
    beside.unlink()
    KINDS[kind](beside, outside)
    with pytest.raises(StorageRejected, match="not a regular file"):
        store.stat("a")
    assert outside.is_untouched


def test_fetch_leaves_what_is_in_its_way_and_brings_the_others(store, folder, outside, tmp_path):
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    kinds = {f"a{number}.events": kind for number, kind in enumerate(KINDS)}
    for name in (*kinds, "b.events"):
        with ArchiveWriter(tmp_path / name) as writer:
            writer.write({}, name)
        store.put(name, writer.path)
    for name, kind in kinds.items():
        KINDS[kind](target / name, outside)
    before = {name: kind_at(target / name) for name in kinds}
    ended = run("fetch", f"local://{folder}", target)
    assert ended.code == 1
    assert {name: kind_at(target / name) for name in kinds} == before
    assert payloads(target / "b.events") == ["b.events"]
    told = ended.err.splitlines()
    assert len(told) == len(kinds)
    assert all("fetch it into another directory" in line for line in told)
    assert sum("not a regular file" in line for line in told) == len(NO_FILES)
    assert outside.is_untouched


@ANYTHING
@pytest.mark.parametrize("name", ["spool/a.done", "folder/a.events", "spool/a.events.zst"])
def test_a_callback_takes_another_name(archive, outside, folder, name, kind):
    callback = {
        "spool/a.done": ChangeExtensionCallback(new_extension="done"),
        "folder/a.events": MoveFileCallback(destination_folder=folder),
        "spool/a.events.zst": CompressFileCallback(),
    }[name]
    planted = folder.parent / name
    KINDS[kind](planted, outside)
    before = kind_at(planted)
    path = callback.on_close(archive)
    assert path not in {planted, archive}
    assert payloads(path) == ["kept"]
    assert kind_at(planted) == before
    assert outside.is_untouched


@NO_FILE
def test_a_callback_leaves_what_is_no_archive(spool, folder, outside, kind):
    KINDS[kind](spool / "a.events", outside)
    before = kind_at(spool / "a.events")
    for callback in (MoveFileCallback(destination_folder=folder), CompressFileCallback()):
        with pytest.raises(OSError, match="not a regular file"):
            callback.on_close(spool / "a.events")
    assert kind_at(spool / "a.events") == before
    assert not [*folder.iterdir()]
    assert outside.is_untouched


@ANYTHING
def test_json_lines_arrive_under_another_name(spool, folder, outside, kind):
    KINDS[kind](folder / "lines.json.gz", outside)
    before = kind_at(folder / "lines.json.gz")
    with WritingJSONRollManager("lines.json", spool, folder) as writer:
        writer.write({}, '{"kept": 1}')
    [arrived] = folder.glob("lines.json-*.gz")
    assert gzip.decompress(arrived.read_bytes()) == b'{"kept": 1}\n'
    assert kind_at(folder / "lines.json.gz") == before
    assert outside.is_untouched


@NO_FILE
def test_no_lines_are_taken_over_of_what_is_no_file(spool, folder, outside, kind, caplog):
    planted = spool / f"shoebox-1-{'0' * 16}.jsonl"
    KINDS[kind](planted, outside)
    before = kind_at(planted)
    WritingJSONRollManager("lines.json", spool, folder).close()
    assert kind_at(planted) == before
    assert [it for it in caplog.messages if "not a regular file" in it and planted.name in it]
    assert TREASURE not in str([*folder.iterdir()])
    assert outside.is_untouched


class Holding(Callback):
    """Does something else while it is told of an archive."""

    def __init__(self):
        self.told, self.done = Event(), Event()

    def on_close(self, path):
        self.told.set()
        assert self.done.wait(LIMIT / 2)


@pytest.mark.parametrize("state", [".open", ""])
def test_a_callback_that_hears_of_what_was_left_holds_up_no_other_writer(spool, folder, state):
    """It is called by whoever recovers, under no lock that another needs."""
    writer = ArchiveWriter(spool / "a.events")
    writer.write({}, "left")
    writer.sync() if state else writer.close()
    writer.release()
    holding = Holding()
    options = {"roll_checker": NeverRollChecker(), "directory": spool}
    options["storage"] = [LocalBackend(path=folder)]
    made = []

    def recover():
        made.append(WritingRollManager("b.events", archive_callback=holding, **options))

    recovering = Thread(target=recover, daemon=True)
    recovering.start()
    assert holding.told.wait(LIMIT / 2)
    with WritingRollManager("c.events", **options) as other:
        other.write({}, "another's")
        other.roll()
    assert recovering.is_alive()
    assert len([*folder.glob("c-*.events")]) == 1
    holding.done.set()
    recovering.join()
    made[0].close()
    assert len([*folder.glob("a-*.events")]) == 1
