"""The callbacks that come with shoebox: what they do to a sealed archive's file."""

import errno
import gzip
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
import zstandard

from shoebox.callback import CallbackList
from shoebox.errors import ConfigError, DurabilityError
from shoebox.testing import CallbackTests
from shoebox_plugins.callbacks import files
from shoebox_plugins.callbacks.files import (
    ChangeExtensionCallback,
    CompressFileCallback,
    DeleteFileCallback,
    MoveFileCallback,
)

CONTENT = b"records\n" * 50_000
CODECS = {
    "gzip": (".gz", gzip.decompress),
    "zstd": (".zst", lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)),
}


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def archive(spool):
    path = spool / "a.events"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def other_device(spool):
    """Return a folder on another device."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    assert folder.stat().st_dev != spool.stat().st_dev
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["same device", "other device"])
def destination(request, tmp_path):
    if request.param == "other device":
        return request.getfixturevalue("other_device")
    folder = tmp_path / "done"
    folder.mkdir()
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class TestChangeExtension(CallbackTests):
    def make(self, **more):
        return ChangeExtensionCallback(new_extension="done", **more)


class TestMoveFile(CallbackTests):
    @pytest.fixture(autouse=True)
    def _destination(self, destination):
        self.destination = destination

    def make(self, **more):
        return MoveFileCallback(destination_folder=self.destination, **more)


class TestDeleteFile(CallbackTests):
    def make(self, **more):
        return DeleteFileCallback(**more)


@pytest.mark.parametrize("compression", CODECS)
class TestCompressFile(CallbackTests):
    @pytest.fixture(autouse=True)
    def _compression(self, compression):
        self.compression = compression

    def make(self, **more):
        return CompressFileCallback(compression=self.compression, **more)


@pytest.mark.parametrize(
    ("callback", "options", "keeps_file"),
    [
        (ChangeExtensionCallback, {"new_extension"}, True),
        (MoveFileCallback, {"destination_folder"}, False),
        (DeleteFileCallback, set(), False),
        (CompressFileCallback, {"compression"}, True),
    ],
)
def test_each_declares_its_options_and_whether_the_file_stays(callback, options, keeps_file):
    assert callback.keeps_file is keeps_file
    assert {option.dest for option in callback.OPTIONS} == options


@pytest.mark.parametrize("extension", ["done", ".done"])
@pytest.mark.parametrize("name", ["x.events", "x", "x.", "x..events", "x.done"])
def test_an_extension_has_one_dot(spool, extension, name):
    (spool / name).write_bytes(CONTENT)
    moved = ChangeExtensionCallback(new_extension=extension).on_close(spool / name)
    assert moved == spool / "x.done"
    assert names(spool) == ["x.done"]
    assert moved.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "extension",
    ["", ".", "..", "a/b", "../x", "a b", "x\n", "open", ".torn", "x.delivery", "tmp", "catalog"],
)
def test_an_extension_that_is_none_or_a_state_of_the_spool_is_refused(extension):
    with pytest.raises(ConfigError, match="new_extension"):
        ChangeExtensionCallback(new_extension=extension)


def test_a_taken_name_gets_a_number_before_its_extension(archive, spool):
    (spool / "a.done").write_text("other")
    (spool / "a-0001.done").symlink_to("dangling")
    moved = ChangeExtensionCallback(new_extension="done").on_close(archive)
    assert moved == spool / "a-0002.done"
    assert moved.read_bytes() == CONTENT
    assert (spool / "a.done").read_text() == "other"


@pytest.mark.parametrize("state", ["open", "torn", "corrupt", "delivery"])
def test_a_name_that_a_state_of_another_archive_has_is_taken(archive, spool, state):
    """The state would be taken for this one's: an archive that was stored is removed by its."""
    (spool / f"a.done.{state}").touch()
    moved = ChangeExtensionCallback(new_extension="done").on_close(archive)
    assert moved == spool / "a-0001.done"
    (spool / f"a-0001.done.gz.{state}").touch()
    packed = CompressFileCallback(compression="gzip").on_close(moved)
    assert packed == spool / "a-0001.done-0001.gz"
    assert gzip.decompress(packed.read_bytes()) == CONTENT


def test_an_archive_is_moved(archive, spool, destination):
    moved = MoveFileCallback(destination_folder=destination).on_close(archive)
    assert moved == destination / "a.events"
    assert moved.read_bytes() == CONTENT
    assert names(destination) == ["a.events"]
    assert names(spool) == []


def test_a_move_overwrites_nothing_and_follows_no_link(archive, spool, destination):
    target = spool.parent / "planted"
    target.write_text("precious")
    (destination / "a.events").symlink_to(target)
    moved = MoveFileCallback(destination_folder=destination).on_close(archive)
    assert moved == destination / "a-0001.events"
    assert moved.read_bytes() == CONTENT
    assert target.read_text() == "precious"


def test_a_moved_copy_is_private(archive, other_device):
    moved = MoveFileCallback(destination_folder=other_device).on_close(archive)
    assert stat.S_IMODE(moved.stat().st_mode) == 0o600


def test_the_destination_is_made_private_if_its_parent_is_there(archive, tmp_path):
    moved = MoveFileCallback(destination_folder=tmp_path / "new").on_close(archive)
    assert moved.read_bytes() == CONTENT
    assert stat.S_IMODE(moved.parent.stat().st_mode) == 0o700


def test_a_destination_that_another_process_makes_at_the_same_moment_is_fine(
    archive, tmp_path, monkeypatch
):
    real = os.mkdir

    def made_before(*arguments):
        real(*arguments)
        real(*arguments)

    monkeypatch.setattr(os, "mkdir", made_before)
    moved = MoveFileCallback(destination_folder=tmp_path / "new").on_close(archive)
    assert moved.read_bytes() == CONTENT


def test_a_destination_without_a_parent_leaves_the_archive(archive, tmp_path):
    with pytest.raises(FileNotFoundError):
        MoveFileCallback(destination_folder=tmp_path / "no" / "new").on_close(archive)
    assert archive.read_bytes() == CONTENT


def test_a_move_to_where_it_is_keeps_the_archive(archive, spool, tmp_path):
    (tmp_path / "alias").symlink_to(spool)
    for folder in (spool, tmp_path / "alias"):
        assert MoveFileCallback(destination_folder=folder).on_close(archive) == archive
        assert archive.read_bytes() == CONTENT


@pytest.mark.parametrize("callback", ["move", "compress"])
def test_a_link_in_place_of_the_archive_is_refused(archive, spool, destination, callback):
    planted = spool / "link.events"
    planted.symlink_to(archive)
    callbacks = {
        "move": MoveFileCallback(destination_folder=destination),
        "compress": CompressFileCallback(),
    }
    with pytest.raises(OSError, match="symbolic link"):
        callbacks[callback].on_close(planted)
    assert names(destination) == []
    assert archive.read_bytes() == CONTENT


def test_a_fifo_in_place_of_the_archive_is_refused_without_waiting(spool, destination):
    os.mkfifo(spool / "a.events")
    with pytest.raises(OSError, match="not a regular file"):
        MoveFileCallback(destination_folder=destination).on_close(spool / "a.events")
    assert names(destination) == []


@pytest.mark.parametrize("call", ["link_free", "sync", "remove"])
def test_a_move_that_is_killed_and_run_again_leaves_one_archive(
    archive, spool, destination, monkeypatch, call
):
    """Between any two of its steps the archive is whole, and afterwards it is there once."""
    callback = MoveFileCallback(destination_folder=destination)
    with monkeypatch.context() as patch, pytest.raises(Killed):  # noqa: PT012
        patch.setattr(files.Directory, call, killing(getattr(files.Directory, call)))
        callback.on_close(archive)
    wholes = [path for path in (archive, destination / "a.events") if path.exists()]
    assert wholes
    assert all(path.read_bytes() == CONTENT for path in wholes)
    if archive.exists():
        callback.on_close(archive)
    visible = [name for name in names(destination) if not name.startswith(".")]
    assert (visible, names(spool)) == (["a.events"], [])


def killing(call):
    def killed(*arguments):
        call(*arguments)
        raise Killed

    return killed


def test_an_archive_is_deleted(archive, spool):
    assert DeleteFileCallback().on_close(archive) is None
    assert names(spool) == []
    DeleteFileCallback().on_close(archive)


@pytest.mark.parametrize("compression", CODECS)
def test_an_archive_is_compressed_whole(archive, spool, compression):
    suffix, decompress = CODECS[compression]
    packed = CompressFileCallback(compression=compression).on_close(archive)
    assert packed == spool / f"a.events{suffix}"
    assert names(spool) == [packed.name]
    assert decompress(packed.read_bytes()) == CONTENT
    assert packed.stat().st_size < len(CONTENT) / 10
    assert stat.S_IMODE(packed.stat().st_mode) == 0o600


@pytest.mark.parametrize("compression", CODECS)
def test_an_empty_archive_is_compressed(spool, compression):
    (spool / "a.events").touch()
    packed = CompressFileCallback(compression=compression).on_close(spool / "a.events")
    assert CODECS[compression][1](packed.read_bytes()) == b""


@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize("taken", [b"", b"no such format", b"\x1f\x8b\x08", b"(\xb5/\xfd"])
def test_compressing_overwrites_nothing(archive, spool, compression, taken):
    suffix, decompress = CODECS[compression]
    (spool / f"a.events{suffix}").write_bytes(taken)
    packed = CompressFileCallback(compression=compression).on_close(archive)
    assert packed == spool / f"a.events-0001{suffix}"
    assert decompress(packed.read_bytes()) == CONTENT
    assert (spool / f"a.events{suffix}").read_bytes() == taken


@pytest.mark.parametrize("compression", CODECS)
def test_compressing_again_after_a_kill_before_the_removal_makes_no_second_file(
    archive, spool, compression
):
    packed = CompressFileCallback(compression=compression).on_close(archive)
    archive.write_bytes(CONTENT)
    assert CompressFileCallback(compression=compression).on_close(archive) == packed
    assert names(spool) == [packed.name]


@pytest.fixture(params=["compress", "move", "move to another device"])
def killed(request, archive, tmp_path):
    """Return a callback that was killed before it had removed the archive, and what it made."""
    if request.param == "compress":
        callback = CompressFileCallback()
    elif request.param == "move":
        callback = MoveFileCallback(destination_folder=tmp_path / "done")
    else:
        callback = MoveFileCallback(destination_folder=request.getfixturevalue("other_device"))
    copied = archive.with_name("kept")
    os.link(archive, copied)
    there = callback.on_close(archive)
    copied.rename(archive)
    return callback, there


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.EIO])
@pytest.mark.parametrize("killed", ["compress", "move to another device"], indirect=True)
def test_an_earlier_copy_that_can_not_be_looked_at_now_is_not_made_twice(
    archive, killed, monkeypatch, number
):
    callback, there = killed
    real = files.Directory.open

    def refusing(self, name, *flags):
        if self.path / name == there:
            raise OSError(number, os.strerror(number))
        return real(self, name, *flags)

    with monkeypatch.context() as patch:
        patch.setattr(files.Directory, "open", refusing)
        with pytest.raises(OSError, match=os.strerror(number)):
            callback.on_close(archive)
    assert archive.read_bytes() == CONTENT
    assert callback.on_close(archive) == there
    assert names(there.parent) == [there.name]


def test_an_earlier_copy_is_made_durable_before_the_archive_is_removed(
    archive, killed, monkeypatch
):
    """Its try may have been killed before it was."""
    callback, there = killed
    synced, real = [], os.fsync

    def syncing(fd):
        assert archive.exists() or len(synced) == 2
        synced.append(os.fstat(fd).st_ino)
        real(fd)

    made = [there.stat().st_ino, there.parent.stat().st_ino]
    monkeypatch.setattr(os, "fsync", syncing)
    assert callback.on_close(archive) == there
    assert synced == [*made, archive.parent.stat().st_ino]


def test_an_earlier_copy_that_can_not_be_made_durable_is_made_anew(archive, killed, monkeypatch):
    """A sync that succeeds after one that failed promises nothing."""
    callback, there = killed
    real, folder = os.fsync, there.parent.stat().st_ino

    def refusing(fd):
        if os.fstat(fd).st_ino == folder:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refusing)
        with pytest.raises(OSError, match="Input/output error"):
            callback.on_close(archive)
    assert archive.read_bytes() == CONTENT
    assert not there.exists()
    assert callback.on_close(archive) == there
    assert names(there.parent) == [there.name]


@pytest.mark.parametrize("compression", CODECS)
def test_the_archive_stays_when_the_compressed_file_does_not_read_back(
    archive, spool, monkeypatch, compression
):
    """A disk that keeps other bytes than it was given."""

    def corrupting(source, target):
        target.write(source.read()[:-1] + b"X")

    monkeypatch.setattr(files, "copy", corrupting)
    with pytest.raises(DurabilityError, match="a.events"):
        CompressFileCallback(compression=compression).on_close(archive)
    assert names(spool) == ["a.events"]
    assert archive.read_bytes() == CONTENT


def test_the_archive_stays_when_the_disk_is_full(archive, spool, monkeypatch):
    def full(source, target):
        target.write(source.read(10))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "copy", full)
    with pytest.raises(OSError, match="No space left"):
        CompressFileCallback().on_close(archive)
    assert names(spool) == ["a.events"]


def test_an_unknown_compression_is_refused():
    with pytest.raises(ConfigError, match=r"'bz2': give one of gzip, zstd"):
        CompressFileCallback(compression="bz2")


def test_a_chain_hands_the_file_on(archive, destination):
    callbacks = CallbackList(
        [
            ChangeExtensionCallback(new_extension="done"),
            CompressFileCallback(compression="gzip"),
            MoveFileCallback(destination_folder=destination),
        ]
    )
    moved = callbacks.on_close(archive)
    assert moved == destination / "a.done.gz"
    assert gzip.decompress(moved.read_bytes()) == CONTENT
    assert not callbacks.keeps_file
