"""Durable files: every step is relative to a directory, and nothing is ever replaced."""

import errno
import fcntl
import os

import pytest

from shoebox.files import Directory, publishing, temporary_name


@pytest.fixture
def directory(tmp_path):
    with Directory(tmp_path) as directory:
        yield directory


def test_a_new_file_is_private_whatever_the_umask_and_never_an_old_one(directory, tmp_path):
    before = os.umask(0o777)
    try:
        os.close(directory.create("a"))
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        directory.create("a")
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(FileExistsError):
        directory.create("link")


def test_links_fifos_and_folders_are_not_opened(directory, tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "folder", "fifo", "gone"):
        with pytest.raises(OSError, match=name):
            directory.open(name)
    os.close(directory.open("a"))


def test_a_directory_stays_the_same_wherever_its_path_leads(tmp_path):
    (tmp_path / "here").mkdir()
    with Directory(tmp_path / "here") as directory:
        (tmp_path / "here").rename(tmp_path / "there")
        (tmp_path / "here").symlink_to("/")
        os.close(directory.create("a"))
    assert (tmp_path / "there" / "a").exists()


def test_a_folder_is_made_if_asked_and_a_link_is_refused(directory, tmp_path):
    with pytest.raises(FileNotFoundError):
        directory.folder("b")
    for _ in range(2):
        directory.folder("b", make=True).close()
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to("b")
    with pytest.raises(NotADirectoryError):
        directory.folder("link", make=True)


def test_a_name_is_taken_even_by_a_dangling_link(directory, tmp_path):
    (tmp_path / "link").symlink_to("gone")
    assert directory.exists("link")
    assert not directory.exists("gone")


def test_a_descriptor_is_told_from_another_file_of_its_name(directory, tmp_path):
    fd = directory.create("a")
    assert directory.holds("a", fd)
    (tmp_path / "a").unlink()
    assert not directory.holds("a", fd)
    (tmp_path / "a").touch()
    assert not directory.holds("a", fd)
    os.close(fd)


def test_a_link_takes_the_first_free_name_or_the_one_that_it_has(directory, tmp_path):
    for name in ("wanted", "wanted-0001", "mine"):
        (tmp_path / name).write_text(name)
    assert directory.link_free(directory, "mine", "wanted") == "wanted-0002"
    assert directory.link_free(directory, "mine", "wanted") == "wanted-0002"
    assert (tmp_path / "wanted-0002").read_text() == "mine"
    with pytest.raises(FileExistsError):
        directory.link("mine", "wanted")


@pytest.mark.parametrize("state", ["", ".torn", ".corrupt", ".delivery"])
def test_a_name_is_not_free_while_a_state_of_an_archive_has_it(directory, tmp_path, state):
    assert directory.is_free("a")
    (tmp_path / f"a{state}").touch()
    assert not directory.is_free("a")


@pytest.mark.parametrize("state", [".open", ".torn", ".corrupt", ".delivery"])
def test_a_link_takes_no_name_that_a_state_of_another_archive_has(directory, tmp_path, state):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / f"a{state}").touch()
    assert directory.link_free(directory, "mine", "a") == "a-0001"
    assert directory.names() == sorted([f"a{state}", "a-0001", "mine"])


def test_a_link_gives_way_to_an_archive_that_is_begun_at_the_same_moment(
    directory, tmp_path, monkeypatch
):
    """Its writer may have looked before the link was there."""
    (tmp_path / "mine").write_text("mine")
    real = os.link

    def begun(name, target, **options):
        (tmp_path / "a.open").touch()
        real(name, target, **options)

    monkeypatch.setattr(os, "link", begun)
    assert directory.link_free(directory, "mine", "a") == "a-0001"
    assert not (tmp_path / "a").exists()


def test_a_link_that_an_earlier_try_made_gives_way_to_an_archive_that_is_written(
    directory, tmp_path
):
    """And stays, since it may be the last name of the file."""
    for name in ("mine", "a.open"):
        (tmp_path / name).write_text(name)
    os.link(tmp_path / "mine", tmp_path / "a")
    assert directory.link_free(directory, "a", "a") == "a-0001"
    assert (tmp_path / "a").read_text() == "mine"


def test_a_name_that_is_taken_at_the_last_moment_is_left(directory, tmp_path, monkeypatch):
    (tmp_path / "mine").write_text("mine")
    monkeypatch.setattr(Directory, "is_free", lambda *_: True)
    (tmp_path / "a").write_text("other")
    assert directory.link_free(directory, "mine", "a") == "a-0001"
    assert (tmp_path / "a").read_text() == "other"


def test_a_file_is_held_by_one_at_a_time(directory, tmp_path):
    (tmp_path / "a").touch()
    fd = directory.hold("a")
    assert directory.hold("a") is None
    os.close(fd)
    assert directory.hold("gone") is None


def test_what_killed_processes_left_is_swept_and_nothing_else(directory, tmp_path):
    """What is locked is a living one's; what is no file, or has another name, somebody else's."""
    left, living, linked, folder = (tmp_path / temporary_name() for _ in range(4))
    for path in (left, living, tmp_path / "a", tmp_path / ".a.tmp"):
        path.touch()
    linked.symlink_to("a")
    folder.mkdir()
    fd = directory.hold(living.name)
    directory.sweep()
    kept = {living.name, linked.name, folder.name, "a", ".a.tmp"}
    assert set(directory.names()) == kept
    os.close(fd)
    directory.sweep(lambda name: name == "a")
    assert set(directory.names()) == kept - {"a"}


def test_a_name_that_is_gone_is_removed_already(directory):
    directory.remove("gone")
    assert directory.names() == []


def test_content_is_replaced_whole(directory, tmp_path):
    (tmp_path / "a.tmp").write_bytes(b"left by a killed process")
    directory.replace("a", b"one")
    directory.replace("a", b"two")
    assert directory.read("a", 2) == b"tw"
    assert directory.names() == ["a"]


def test_closing_twice_is_fine(tmp_path):
    directory = Directory(tmp_path)
    directory.close()
    directory.close()
    assert directory.fd == -1


def refuse(*_, **__):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def descriptors():
    return sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.parametrize("step", ["fchmod", "flock", "stat"])
def test_a_new_file_that_can_not_be_made_ready_leaves_neither_descriptor_nor_name(
    directory, tmp_path, monkeypatch, step
):
    """Where even its name can't be looked at, it is left: it may be another's by now."""
    before = descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(fcntl if step == "flock" else os, step, refuse)
        with pytest.raises(OSError, match="Input/output error"), publishing(directory, "a"):
            pass  # pragma: no cover
    assert descriptors() == before
    assert len(list(tmp_path.iterdir())) == 0


def test_a_file_that_can_not_be_looked_at_leaves_no_descriptor(directory, tmp_path, monkeypatch):
    (tmp_path / "a").touch()
    before = descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", refuse)
        with pytest.raises(OSError, match="Input/output error"):
            directory.open("a")
    assert descriptors() == before
