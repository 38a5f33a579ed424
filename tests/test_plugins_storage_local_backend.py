"""The local backend: objects as files, with the duties of every backend."""

import errno
import hashlib
import os
import resource
import signal
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from shoebox.errors import (
    KeyCollision,
    ObjectNotFound,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.files import temporary_name
from shoebox.testing import DeniedTests, RaceTests, StorageBackendTests, UnavailableTests
from shoebox_plugins.storage.local import LocalBackend
from shoebox_plugins.storage.local import backend as module

CONTENT = b"0123456789" * 1000


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


@pytest.fixture
def backend(root):
    with LocalBackend(path=root) as backend:
        yield backend


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


class Files:
    """Objects are written and read as the files that they are, whatever the folder permits."""

    permitted = 0o700

    @pytest.fixture(autouse=True)
    def _root(self, root):
        self.root = root

    @pytest.fixture
    def denied_backend(self, root, unprivileged):
        root.chmod(self.permitted)
        yield LocalBackend(path=root)
        root.chmod(0o700)

    @contextmanager
    def opened(self):
        self.root.chmod(0o700)
        yield
        self.root.chmod(self.permitted)

    def raw_put(self, key, data):
        with self.opened():
            (self.root / key).parent.mkdir(parents=True, exist_ok=True)
            (self.root / key).write_bytes(data)

    def raw_get(self, key):
        with self.opened():
            path = self.root / key
            return path.read_bytes() if path.is_file() else None


class TestDuties(Files, StorageBackendTests, RaceTests):
    many = 300


class TestReadOnly(Files, DeniedTests):
    permitted = 0o500


class TestClosed(Files, DeniedTests):
    permitted = 0o000


class TestUnavailable(Files, UnavailableTests):
    """It may be mounted later; it is not made, lest the objects go below the mount point."""

    @pytest.fixture(params=["missing", "a file"])
    def unavailable_backend(self, request, tmp_path):
        if request.param == "a file":
            (tmp_path / "mount").touch()
        return LocalBackend(path=tmp_path / "mount")


@pytest.mark.parametrize("given", [True, False])
def test_the_source_is_read_once(backend, source, monkeypatch, given):
    reads = []
    copy = module.copy
    monkeypatch.setattr(module, "copy", lambda *files: reads.append("copy") or copy(*files))
    monkeypatch.setattr(module, "_sha256", lambda fd: reads.append("sha256"))
    backend.put("a", source, {"sha256": digest(CONTENT)} if given else {})
    assert reads == ["copy"]


def test_a_source_whose_object_is_there_is_not_read_if_its_checksum_is_known(backend, source):
    backend.put("a", source)
    source.write_bytes(b"")
    backend.put("a", source, {"sha256": digest(CONTENT)})


def test_a_source_that_changes_meanwhile_leaves_nothing(backend, source, root, monkeypatch):
    """Neither a temporary file nor metadata nor a folder, its checksum being known or not."""
    copy = module.copy

    def cut(reader, writer):
        os.truncate(source, 100)
        return copy(reader, writer)

    monkeypatch.setattr(module, "copy", cut)
    for metadata in ({}, {"sha256": digest(CONTENT)}):
        source.write_bytes(CONTENT)
        with pytest.raises(StorageUnavailable, match="changed"):
            backend.put("x/y/a", source, metadata)
    assert list(root.iterdir()) == []


def test_an_object_has_one_file_of_metadata_whoever_puts_what(backend, source, root, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"other content")
    backend.put("a", source, {"k": "first"})
    before = (root / "a").stat()
    backend.put("a", source, {"k": "second"})
    with pytest.raises(KeyCollision, match="other content"):
        backend.put("a", other, {"k": "other"})
    assert (root / "a").stat().st_ino == before.st_ino
    assert len(list(root.iterdir())) == 2


def test_what_is_below_an_object_is_not_found(backend, source, tmp_path):
    backend.put("a", source)
    for call in (backend.stat, backend.open, backend.delete):
        with pytest.raises(ObjectNotFound, match="a/b"):
            call("a/b")


def test_a_folder_goes_with_its_last_object(backend, source, root):
    for key in ("x/y/a", "x/y/b", "x/c"):
        backend.put(key, source, {"k": "v"})
    for key, left in (("x/y/a", ["x"]), ("x/y/b", ["x"]), ("x/c", [])):
        backend.delete(key)
        assert [path.name for path in root.iterdir()] == left
        assert (root / "x" / "y").exists() == (key == "x/y/a")


def keys(backend, prefix=""):
    return [info.key for info in backend.list(prefix)]


def hidden(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def digest(content):
    return hashlib.sha256(content).hexdigest()


def test_the_checksum_is_that_of_what_is_stored(backend, source, root):
    """A bit that rots shows, although size and sidecar are as they were."""
    backend.put("a", source, {"k": "v"})
    (root / "a").write_bytes(b"X" + CONTENT[1:])
    assert backend.stat("a").checksums["sha256"] != digest(CONTENT)


def test_an_object_that_was_copied_there_has_no_metadata(backend, root):
    (root / "a").write_bytes(CONTENT)
    assert backend.stat("a").metadata == {}


def test_files_and_folders_are_private(backend, source, root):
    old = os.umask(0)
    try:
        backend.put("x/y/a", source, {"k": "v"})
    finally:
        os.umask(old)
    for path in root.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_the_metadata_is_there_before_the_name_is(backend, source, monkeypatch):
    """Whoever is killed before the last step leaves no object; whoever tries again, a whole one."""

    class Killed(BaseException):
        pass

    link = module.Directory.link

    def killed(folder, draft, name):
        if name == "a":
            raise Killed
        link(folder, draft, name)

    with monkeypatch.context() as patch:
        patch.setattr(module.Directory, "link", killed)
        with pytest.raises(Killed):
            backend.put("a", source, {"k": "stale"})
    assert keys(backend) == []
    with pytest.raises(ObjectNotFound):
        backend.stat("a")
    backend.put("a", source, {"k": "new"})
    assert backend.stat("a").metadata == {"k": "new"}


def test_the_first_put_into_a_folder_removes_what_killed_ones_left_there(backend, source, root):
    for folder in (root / "x", root / "y"):
        folder.mkdir()
        (folder / temporary_name()).write_bytes(CONTENT)
    backend.put("x/a", source)
    assert not temporaries(root / "x")
    assert temporaries(root / "y")
    backend.put("y/a", source)
    assert not temporaries(root / "y")


def test_a_folder_is_looked_through_once(backend, source, root):
    backend.put("a", source)
    (root / temporary_name()).touch()
    backend.put("b", source)
    assert temporaries(root)
    LocalBackend(path=root).put("c", source)
    assert not temporaries(root)


@pytest.mark.parametrize("step", ["content", "metadata"])
def test_what_a_living_put_writes_is_left_to_it(backend, source, root, monkeypatch, step):
    """By a put of another process, which begins while the first is at any of its files."""
    other = LocalBackend(path=root)
    real = module.copy if step == "content" else module.Directory.rename

    def meanwhile(*arguments):
        with monkeypatch.context() as patch:
            patch.setattr(module, "copy", copy)
            patch.setattr(module.Directory, "rename", rename)
            before = temporaries(root)
            other.put("b", source)
            assert temporaries(root) == before
            assert before
        return real(*arguments)

    copy, rename = module.copy, module.Directory.rename
    if step == "content":
        monkeypatch.setattr(module, "copy", meanwhile)
    else:
        monkeypatch.setattr(module.Directory, "rename", meanwhile)
    backend.put("a", source, {"k": "v"})
    assert backend.stat("a").metadata == {"k": "v"}
    assert not temporaries(root)


def temporaries(folder):
    return [name for name in hidden(folder) if name.endswith(".tmp")]


def test_the_steps_of_a_put_are_in_the_order_that_survives_a_power_cut(
    backend, source, monkeypatch
):
    steps = []
    for name in ("fsync", "link", "rename"):
        call = getattr(os, name)
        monkeypatch.setattr(os, name, recording(steps, name, call))
    backend.put("a", source, {"k": "v"})
    sidecar = ["fsync file", "rename", "fsync folder"]
    assert steps == [*sidecar, "fsync file", "link", "fsync folder"]


def recording(steps, name, call):
    def recorded(*arguments, **options):
        kind = ""
        if name == "fsync":
            kind = " folder" if stat.S_ISDIR(os.fstat(arguments[0]).st_mode) else " file"
        steps.append(name + kind)
        return call(*arguments, **options)

    return recorded


def test_a_second_put_makes_the_first_durable(backend, source, monkeypatch):
    """The first may have been killed between its link and its fsync of the folder."""
    backend.put("a", source)
    steps = []
    monkeypatch.setattr(os, "fsync", recording(steps, "fsync", os.fsync))
    backend.put("a", source)
    assert steps == ["fsync file", "fsync folder"]


def test_a_name_that_could_not_be_made_durable_is_not_taken_for_it_the_next_time(
    backend, source, root, monkeypatch
):
    """The kernel calls the next sync a success, whatever became of the name."""
    real = os.fsync

    def refusing(fd):
        if (root / "a").exists():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refusing)
        with pytest.raises(StorageUnavailable, match="Input/output error"):
            backend.put("a", source, {"k": "v"})
    assert not (root / "a").exists()
    backend.put("a", source, {"k": "v"})
    assert (root / "a").read_bytes() == CONTENT


def test_a_source_that_is_a_link_is_refused(backend, source, tmp_path):
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(OSError, match="symbolic"):
        backend.put("a", tmp_path / "link")


def test_delete_removes_the_object_and_its_metadata(backend, source, root):
    backend.put("a", source, {"k": "v"})
    backend.put("ab", source, {"k": "v"})
    backend.delete("a")
    assert keys(backend) == ["ab"]
    assert backend.stat("ab").metadata == {"k": "v"}
    backend.delete("ab")
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("place", ["x/a", "a"])
def test_no_planted_link_is_followed(backend, source, root, tmp_path, place):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(CONTENT)
    if place == "a":
        (root / "a").symlink_to(outside / "a")
    else:
        (root / "x").symlink_to(outside)
    with pytest.raises(ObjectNotFound):
        backend.stat(place)
    with pytest.raises(ObjectNotFound):
        backend.delete(place)
    with pytest.raises(KeyCollision if place == "a" else StorageRejected):
        backend.put(place, source)
    assert [path.name for path in outside.iterdir()] == ["a"]


@pytest.mark.parametrize("plant", ["fifo", "folder"])
def test_what_is_no_file_is_no_object_and_stays(backend, source, root, plant):
    os.mkfifo(root / "a") if plant == "fifo" else (root / "a").mkdir()
    with pytest.raises(ObjectNotFound):
        backend.stat("a")
    with pytest.raises(KeyCollision):
        backend.put("a", source)
    with pytest.raises(ObjectNotFound):
        backend.delete("a")
    assert (root / "a").exists()


def test_a_key_below_an_object_is_rejected(backend, source):
    backend.put("a", source)
    with pytest.raises(StorageRejected, match="a/b"):
        backend.put("a/b", source)


def test_a_file_too_large_for_the_file_system_is_rejected_and_leaves_nothing(backend, source, root):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises(StorageRejected, match="too large"):
            backend.put("a", source)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert keys(backend) == []
    assert not temporaries(root)


def test_of_many_threads_that_put_different_content_one_wins_with_its_own_metadata(
    backend, tmp_path, root
):
    barrier = threading.Barrier(16)
    for number in range(16):
        (tmp_path / f"source-{number}").write_text(str(number) * 5000)

    def put(number):
        barrier.wait()
        try:
            backend.put("a", tmp_path / f"source-{number}", {"number": str(number)})
        except KeyCollision:
            return 0
        return 1

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(put, range(16))) == 1
    number = backend.stat("a").metadata["number"]
    assert (root / "a").read_text() == number * 5000
    assert len(list(root.iterdir())) == 2


def test_from_url_takes_the_folder_and_the_sections_options(root, source):
    backend = LocalBackend.from_url(str(root), path="/elsewhere", no_such_option=1)
    backend.put("a", source)
    assert (root / "a").exists()


def test_the_folder_stays_the_same_when_the_process_goes_elsewhere(
    root, source, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    backend = LocalBackend(path="store")
    monkeypatch.chdir("/")
    backend.put("a", source)
    assert (root / "a").exists()


def test_options_are_declared_and_keywords_only():
    assert [option.dest for option in LocalBackend.OPTIONS] == ["path"]
    assert LocalBackend.OPTIONS[0].required
    with pytest.raises(TypeError):
        LocalBackend("store")
