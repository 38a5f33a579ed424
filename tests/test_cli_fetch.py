"""`shoebox fetch`: archives come back whole and verified, or are named and left out."""

import hashlib
import os
import stat

import pytest

from shoebox import stores
from shoebox.archive import ArchiveWriter
from shoebox.cli.fetching import Fetcher, LeftOut, target
from shoebox.errors import StorageDenied, StorageUnavailable
from shoebox.sources import Object
from shoebox.testing import Fault, FaultyBackend, MemoryBackend
from tests.program import on_terminal, run, start

HOSTILE = """
import os
from datetime import UTC, datetime
from io import BytesIO
from shoebox.storage import ObjectInfo
from shoebox.testing import MemoryBackend

KEYS = ("../evil", "/etc/evil", "a/..", "b\\\\evil", "c\\0evil", "d\\n\\x1b[31mevil", "e" * 256,
        "f/", ".evil", "evil.open")

class Backend(MemoryBackend):
    def list(self, prefix=""):
        data = open(os.environ["SHOEBOX_TEST_ARCHIVE"], "rb").read()
        for key in (*KEYS, "folder/good"):
            self.raw_put(key, data)
            yield ObjectInfo(key, len(data), datetime.now(UTC))

    def _found(self, key):
        return self._objects[key]
"""
HANGS = """
import threading
from shoebox.storage import RangedFile
from shoebox_plugins.storage.local import LocalBackend

def hang(start, end):
    print("hanging", flush=True)
    threading.Event().wait(600)

class Backend(LocalBackend):
    def open(self, key): return RangedFile(100, hang)
"""


def archive(path, count=3, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    with ArchiveWriter(path, **options) as writer:
        for number in range(count):
            writer.write({"k": str(number)}, f"payload {number}")
    return path


@pytest.fixture
def store(tmp_path):
    """Return a folder of local storage with an archive in each of two folders."""
    archive(tmp_path / "store" / "2026" / "a")
    archive(tmp_path / "store" / "2027" / "b")
    return tmp_path / "store"


@pytest.fixture
def to(tmp_path):
    return tmp_path / "to"


def bringing(to, backend, *, advance=lambda _size, _label=None: None):
    """Fetch all that a backend holds; return the summary, and why what is left out is."""
    reasons = []
    with target(str(to)) as directory:
        fetcher = Fetcher(directory, advance)
        for found in list(stores.objects(backend, "", "mem://b/")):
            try:
                fetcher.fetch(found)
            except LeftOut as reason:
                reasons.append((found.key, str(reason)))
        return fetcher.summary(), reasons


def names(folder):
    return sorted(it.name for it in folder.iterdir())


def test_archives_land_under_the_last_segment_of_their_keys(store, to):
    before = os.umask(0)
    try:
        ended = run("fetch", f"local://{store}", to)
    finally:
        os.umask(before)
    assert (ended.code, ended.err) == (0, "")
    assert ended.text == f"2 archives (0.0 MB) fetched to {to}\n"
    assert names(to) == ["a", "b"]
    assert (to / "a").read_bytes() == (store / "2026" / "a").read_bytes()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (to, to / "a", to / "b")]
    assert modes == [0o700, 0o600, 0o600]


def test_what_is_there_is_not_fetched_again_and_never_replaced(store, to):
    assert run("fetch", f"local://{store}", to).code == 0
    changed = (to / "b").read_bytes()[:-1] + b"!"
    (to / "b").write_bytes(changed)
    ended = run("fetch", f"local://{store}", to)
    assert ended.code == 1
    assert ended.text == f"0 archives (0.0 MB) fetched to {to}, 1 already there, 1 left out\n"
    assert ended.err == (
        f"shoebox: local://{store}/2027/b: {to}/b is there with other content, and is not "
        "replaced; fetch it into another directory\n"
    )
    assert (to / "b").read_bytes() == changed


def test_files_here_are_fetched_too_but_not_what_is_open_or_aside(tmp_path, to):
    archive(tmp_path / "from" / "a")
    (tmp_path / "from" / "b.open").write_bytes(b"")
    (tmp_path / "from" / "c").symlink_to("gone")
    ended = run("fetch", *sorted((tmp_path / "from").iterdir()), to)
    assert ended.code == 1
    assert ended.err == (
        f"shoebox: {tmp_path}/from/b.open: is not sealed; shoebox recover seals what a writer has "
        "left open\n"
        f"shoebox: {tmp_path}/from/c: can't be read: No such file or directory\n"
    )
    assert names(to) == ["a"]
    ended = run("fetch", tmp_path / "from" / "a", to)
    assert ended.text == f"0 archives (0.0 MB) fetched to {to}, 1 already there\n"


def test_hostile_keys_are_refused_and_named_and_the_others_fetched(
    install, tmp_path, to, monkeypatch
):
    monkeypatch.setenv("SHOEBOX_TEST_ARCHIVE", str(archive(tmp_path / "from" / "good")))
    site = install("acme", "storage", "acme", "acme:Backend", HOSTILE)
    before = {*tmp_path.rglob("*")}
    ended = run("fetch", "acme://b", to, folders=(site,))
    assert ended.code == 1
    assert ended.text.endswith("1 archive (0.0 MB) fetched to " + str(to) + ", 9 left out\n")
    lines = ended.err.splitlines()
    assert len(lines) == 9  # a copy of an open archive is no part of a SOURCE
    assert all(line.startswith("shoebox: acme://b/") and line.isprintable() for line in lines)
    assert {*tmp_path.rglob("*")} - before - {*site.rglob("*")} == {to, to / "good"}


def test_two_of_one_name_are_refused_unless_they_are_the_same(store, to):
    archive(store / "2028" / "a", 5)
    (store / "2029").mkdir()
    (store / "2029" / "a").write_bytes((store / "2026" / "a").read_bytes())
    ended = run("fetch", f"local://{store}", to)
    assert ended.code == 1
    assert ended.err == (
        f"shoebox: local://{store}/2028/a: {to}/a is there with other content, that of "
        f"local://{store}/2026/a, and is not replaced; fetch it into another directory\n"
    )
    assert ended.text == f"2 archives (0.0 MB) fetched to {to}, 1 already there, 1 left out\n"
    assert (to / "a").read_bytes() == (store / "2026" / "a").read_bytes()


@pytest.mark.parametrize("make", [lambda a: a[:-10], lambda a: b"no archive at all" * 9])
def test_an_unsound_archive_is_told_with_its_faults_and_left_out(store, to, make):
    path = store / "2026" / "a"
    path.write_bytes(make(path.read_bytes()))
    ended = run("fetch", f"local://{store}", to)
    assert ended.code == 1
    *faults, reason = ended.err.splitlines()
    assert faults
    assert all(f"local://{store}/2026/a: " in line and " at bytes " in line for line in faults)
    assert reason == (
        f"shoebox: local://{store}/2026/a: is not sound, and is left out; shoebox cat prints what "
        "is sound of it"
    )
    assert names(to) == ["b"]


class Changes(MemoryBackend):
    """Gives other bytes than are stored."""

    def __init__(self, change):
        super().__init__()
        self._change = change

    def open(self, key):
        other = MemoryBackend()
        other.raw_put(key, self._change(self.raw_get(key)))
        return other.open(key)


@pytest.mark.parametrize(
    "change", [lambda a: a[:-1], lambda a: a[:-1] + bytes([a[-1] ^ 1]), lambda a: a + a]
)
def test_what_is_not_what_was_stored_is_left_out(tmp_path, to, change):
    backend = Changes(change)
    backend.put("a", archive(tmp_path / "a"))
    summary, [(key, reason)] = bringing(to, backend)
    assert key == "a"
    assert "is not what was stored" in reason
    assert summary.endswith("0 archives (0.0 MB) fetched to " + str(to) + ", 1 left out")
    assert names(to) == []


class Bare(MemoryBackend):
    """Says of an object what its metadata says, and no more."""

    def stat(self, key):
        info = super().stat(key)
        return type(info)(info.key, info.size, info.modified, {}, info.metadata)


def test_the_digest_in_the_metadata_is_compared(tmp_path, to):
    backend, path = Bare(), archive(tmp_path / "a")
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    backend.put("a", path, {"sha256": right})
    assert bringing(to, backend)[1] == []
    backend.raw_put("a", archive(tmp_path / "b").read_bytes())
    backend._objects["c"] = type(backend._objects["a"])(
        backend.raw_get("a"), backend.stat("a").modified, {"sha256": right}
    )
    backend.delete("a")
    _, [(key, reason)] = bringing(to, backend)
    assert key == "c"
    assert "is not what was stored" in reason
    assert names(to) == ["a"]


def test_what_has_no_digest_is_compared_byte_by_byte(tmp_path, to):
    backend, path = Bare(), archive(tmp_path / "a")
    backend.put("a", path)
    assert bringing(to, backend)[0].startswith("1 archive ")
    assert "1 already there" in bringing(to, backend)[0]
    *same, last = path.read_bytes()
    (to / "a").write_bytes(bytes([*same, last ^ 1]))
    _, [(_, reason)] = bringing(to, backend)
    assert "is there with other content" in reason


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("b"), os.mkfifo, os.mkdir])
def test_no_link_is_followed_and_nothing_but_a_file_compared(tmp_path, to, make):
    backend = MemoryBackend()
    backend.put("a", archive(tmp_path / "a"))
    to.mkdir()
    make(to / "a")
    _, [(_, reason)] = bringing(to, backend)
    assert reason.startswith(f"{to}/a is in its way, and no file to compare it with (")
    assert names(to) == ["a"]


def test_what_somebody_else_makes_meanwhile_is_not_replaced(tmp_path, to):
    class Races(MemoryBackend):
        def open(self, key):
            (to / key).write_bytes(b"theirs")
            return super().open(key)

    backend = Races()
    backend.put("a", archive(tmp_path / "a"))
    _, [(_, reason)] = bringing(to, backend)
    assert reason.startswith(f"{to}/a has just been made by somebody else; ")
    assert (to / "a").read_bytes() == b"theirs"
    assert names(to) == ["a"]


@pytest.mark.parametrize(
    ("kind", "error"), [("denied", StorageDenied), ("unavailable", StorageUnavailable)]
)
@pytest.mark.parametrize("method", ["stat", "open"])
def test_storage_that_denies_or_is_away_ends_it_without_a_partial_file(
    tmp_path, to, kind, error, method
):
    backend = MemoryBackend()
    backend.put("a", archive(tmp_path / "a"))
    backend.put("b", tmp_path / "a")
    faulty = FaultyBackend(backend, [Fault(method, kind, call=2)])
    with pytest.raises(error):
        bringing(to, faulty)
    assert names(to) == ["a"]
    faulty.assert_all_met()


def test_an_object_that_is_gone_is_told_and_the_others_fetched(tmp_path, to):
    backend = MemoryBackend()
    backend.put("b", archive(tmp_path / "b"))
    with target(str(to)) as directory:
        fetcher = Fetcher(directory, lambda _size, _label=None: None)
        with pytest.raises(LeftOut, match="there is no such object"):
            fetcher.fetch(Object("mem://b/a", "a", 1, backend))
        fetcher.fetch(Object("mem://b/b", "b", 1, backend))
    assert names(to) == ["b"]


def test_each_byte_moves_the_bar(tmp_path, to):
    backend, moves = MemoryBackend(), []
    path = archive(tmp_path / "a")
    backend.put("a", path)
    for _ in range(2):
        bringing(to, backend, advance=moves.append)
    assert moves == [path.stat().st_size] * 2


def test_a_disk_that_takes_no_more_is_told_by_the_directory(tmp_path, to, monkeypatch):
    backend = MemoryBackend()
    backend.put("a", archive(tmp_path / "a"))

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as raised:
        bringing(to, backend)
    assert raised.value.filename == str(to)
    assert names(to) == []


def test_what_a_killed_run_has_left_is_removed(store, to):
    to.mkdir()
    (to / f".{'0' * 32}.tmp").touch()
    with target(str(to)):
        assert names(to) == []


def test_a_directory_that_can_not_be_used_is_told(store, tmp_path):
    ended = run("fetch", f"local://{store}", tmp_path / "none" / "to")
    assert ended.code == 2
    assert "make its parent" in ended.err
    (tmp_path / "link").symlink_to(store)
    ended = run("fetch", f"local://{store}", tmp_path / "link")
    assert ended.code == 2
    assert "is a symbolic link" in ended.err


def test_storage_that_can_not_be_reached_is_one_sentence(tmp_path, to):
    ended = run("fetch", f"local://{tmp_path}/none", to)
    assert (ended.code, ended.out) == (3, b"")
    assert len(ended.err.splitlines()) == 1
    assert not to.exists()


def test_a_source_that_matches_nothing_makes_no_directory(store, to):
    ended = run("fetch", store / "x*", to)
    assert (ended.code, ended.out) == (1, b"")
    assert not to.exists()


def test_progress_is_shown_on_a_terminal_only(store, to):
    assert "fetching" in on_terminal("fetch", f"local://{store}", to)
    assert on_terminal("fetch", "--quiet", f"local://{store}", to) == ""


def test_an_interrupted_run_leaves_no_partial_file(install, store, to):
    site = install("acme", "storage", "acme", "acme:Backend", HANGS)
    with start("fetch", f"acme://{store}", to, folders=(site,)) as program:
        assert program.stdout.readline() == b"hanging\n"
        assert len(names(to)) == 1
        program.send_signal(2)
        program.wait(60)
    assert program.returncode == 130
    assert names(to) == []
