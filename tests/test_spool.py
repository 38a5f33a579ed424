"""Names, locks and states of a spool directory."""

import errno
import fcntl
import os
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from shoebox.errors import BadWorkingDirectory, InvalidName, NotOurs
from shoebox.files import temporary_name
from shoebox.spool import MAX_NAME, Spool, check_directives, glob_of, render

WHEN = datetime(2014, 5, 13, 16, 53, 20, 123456, tzinfo=UTC)


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path)
    yield spool
    spool.close()


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("test_%c.events", "test_Tue_May_13_16_53_20_2014.events"),
        ("events_%Y%m%dT%H%M%S_%f.events", "events_20140513T165320_123456.events"),
        ("a b/c:d", "a_b_c_d"),
        ("100%%", "100_"),
        ("x..done", "x..done"),
        ("%D", "05_13_14"),
    ],
)
def test_a_template_gives_a_name_that_is_safe(template, name):
    assert render(template, WHEN) == name


@pytest.fixture
def in_tokyo(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_template_is_given_the_time_in_utc(in_tokyo):
    assert render("%H", WHEN.astimezone(timezone(timedelta(hours=5)))) == "16"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("%q", "unknown directive '%q'"),
        ("a%", "unknown directive '%'"),
        ("", "begins with anything but a dot"),
        (".", "begins with anything but a dot"),
        ("..", "begins with anything but a dot"),
        (".hidden", "begins with anything but a dot"),
        ("a\nb", "characters that a file name should not have"),
        ("a\0", "characters that a file name should not have"),
        ("größe", "characters that a file name should not have"),
        ("a\\b", "characters that a file name should not have"),
        ("*", "characters that a file name should not have"),
        ("x" * (MAX_NAME + 1), "at most 241 fit"),
        ("a.open", "a name of another state"),
        ("a.torn", "a name of another state"),
        ("a.corrupt", "a name of another state"),
        ("a.delivery", "a name of another state"),
        ("a.tmp", "a name of another state"),
    ],
)
def test_a_template_that_gives_no_safe_name_is_refused(template, reason):
    with pytest.raises(InvalidName, match=reason) as caught:
        render(template, WHEN)
    assert isinstance(caught.value, ValueError)


LONG = "x" * (MAX_NAME + 1)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            LONG,
            (
                f"the template {LONG[:40]!r}... gives a name of 242 bytes; "
                "at most 241 fit beside the suffixes of its states: shorten it"
            ),
        ),
        (
            "%q",
            (
                "the template '%q' has the unknown directive '%q'; "
                "strftime's are known, and %% is a percent sign"
            ),
        ),
        (
            "*",
            (
                "the template '*' has characters that a file name should not have: use letters, "
                "digits and ._=+-"
            ),
        ),
    ],
)
def test_what_is_wrong_with_a_template_is_said_with_the_remedy(template, message):
    with pytest.raises(InvalidName) as caught:
        render(template, WHEN)
    assert str(caught.value) == message


def test_directives_alone_can_be_looked_at():
    check_directives("a/b*%Y%%")
    with pytest.raises(InvalidName, match="unknown directive '%q'"):
        check_directives("%Y%q")


def test_the_longest_name_fits_with_each_of_its_states(tmp_path, spool):
    name = render("x" * MAX_NAME, WHEN)
    for state in (".open", "-0001.delivery", "-0001.corrupt", ".torn.tmp"):
        (tmp_path / (name + state)).touch()
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    ("template", "glob"),
    [("test_%c.events", "test_*.events"), ("%Y-%m", "*-*"), ("a b:c/d", "a_b_c_d"), ("%%", "*")],
)
def test_a_directive_is_a_star_in_the_glob(template, glob):
    assert glob_of(template) == glob


def test_an_open_file_is_new_private_locked_and_named(tmp_path, spool):
    fd, name = spool.create("a.events")
    assert name == "a.events"
    path = tmp_path / "a.events.open"
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


@pytest.mark.parametrize("state", ["", ".open", ".torn", ".corrupt", ".delivery"])
def test_a_name_that_is_taken_in_any_state_gets_a_number(tmp_path, spool, state):
    (tmp_path / ("a.events" + state)).write_bytes(b"theirs")
    fd, name = spool.create("a.events")
    assert name == "a-0001.events"
    os.close(fd)
    assert (tmp_path / ("a.events" + state)).read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_dangling_link_is_a_name_that_is_taken(tmp_path, spool):
    (tmp_path / "a").symlink_to("nowhere")
    (tmp_path / "a-0001.open").symlink_to("nowhere")
    fd, name = spool.create("a")
    assert name == "a-0002"
    os.close(fd)


def test_many_archives_of_one_name_are_numbered_without_looking_from_the_start(
    tmp_path, spool, monkeypatch
):
    create, tried = spool.directory.create, []

    def counted(name, flags):
        tried.append(name)
        return create(name, flags)

    monkeypatch.setattr(spool.directory, "create", counted)
    for number in range(30):
        fd, name = spool.create("a")
        assert name == (f"a-{number:04}" if number else "a")
        os.close(fd)
    # Each but the first looks at the name that was given last, and at its own.
    assert len(tried) == 2 * 30 - 1
    fd, name = spool.create("b")
    assert name == "b"
    os.close(fd)
    fd, name = spool.create("a")
    assert name == "a-0030"
    os.close(fd)


def test_no_number_is_left_out_behind_names_that_are_taken(tmp_path, spool):
    for name in ("a", "a-0001", "a-0002"):
        (tmp_path / name).touch()
    for expected in ("a-0003", "a-0004"):
        fd, name = spool.create("a")
        assert name == expected
        os.close(fd)


@pytest.mark.parametrize(
    ("state", "there", "given"),
    [
        ("", [], "a.events"),
        ("", ["a.events"], "a-0001.events"),
        ("", ["a.events.delivery"], "a-0001.events"),
        ("", ["a.events", "a-0001.events.open"], "a-0002.events"),
        (".corrupt", ["a.events", "a.events.delivery"], "a.events.corrupt"),
        (".corrupt", ["a.events.corrupt"], "a-0001.events.corrupt"),
    ],
)
def test_an_open_file_gets_the_first_name_that_nobody_claims(tmp_path, spool, state, there, given):
    fd, _ = spool.create("a.events")
    for name in there:
        (tmp_path / name).write_bytes(b"theirs")
    for _ in range(2):
        assert spool.link(fd, "a.events.open", state) == given
        assert spool.directory.holds(given, fd)
    assert all((tmp_path / name).read_bytes() == b"theirs" for name in there)
    assert len(list(tmp_path.iterdir())) == len(there) + 2
    os.close(fd)


def test_a_file_that_is_held_is_appended_to(tmp_path, spool):
    (tmp_path / "a.open").write_bytes(b"here")
    fd = spool.hold("a.open")
    os.write(fd, b" and there")
    os.close(fd)
    assert (tmp_path / "a.open").read_bytes() == b"here and there"


def test_only_a_file_that_nobody_holds_can_be_held(tmp_path, spool):
    held, _ = spool.create("held")
    for name in ("dead", "other"):
        fd, _ = spool.create(name)
        os.close(fd)
    (tmp_path / "sealed").touch()
    (tmp_path / "link.open").symlink_to("dead.open")
    os.mkfifo(tmp_path / "fifo.open")
    for name in ("link.open", "fifo.open"):
        with pytest.raises(OSError, match="not a regular file"):
            spool.hold(name)
    found = {name: spool.hold(name) for name in ("dead.open", "held.open", "other.open")}
    assert [name for name, fd in found.items() if fd is not None] == ["dead.open", "other.open"]
    assert spool.hold("dead.open") is None
    for fd in (held, *(fd for fd in found.values() if fd is not None)):
        os.close(fd)


def test_a_file_that_is_gone_or_was_replaced_is_not_held(tmp_path, spool, monkeypatch):
    assert spool.hold("a.open") is None
    (tmp_path / "a.open").touch()
    monkeypatch.setattr(spool.directory, "holds", lambda name, fd: False)
    assert spool.hold("a.open") is None


def test_a_reservation_that_recovery_took_is_made_anew(tmp_path, spool, monkeypatch):
    """Between creating and locking, another process may remove the empty file as abandoned."""
    create = spool.directory.create
    names = []

    def stolen(name, flags):
        fd = create(name, flags)
        if not names:
            (tmp_path / name).unlink()
        names.append(name)
        return fd

    monkeypatch.setattr(spool.directory, "create", stolen)
    fd, name = spool.create("a")
    assert names == ["a.open", f"{name}.open"]
    assert (tmp_path / f"{name}.open").exists()
    os.close(fd)


def test_states_are_told_by_names_alone(tmp_path, spool):
    names = ["a", "a.open", "b.torn", "c.corrupt", "d.delivery", ".00ff.tmp", "e.events"]
    for name in names:
        (tmp_path / name).write_bytes(b"123")
    assert spool.sealed() == ["a", "e.events"]
    assert spool.names(".open") == ["a.open"]
    assert spool.size() == 3 * (len(names) - 2)


@pytest.mark.parametrize("name", ["a.torn", "a-0001.torn", "a.corrupt", "a.corrupt.delivery"])
def test_what_was_put_aside_takes_no_room_from_what_is_written(tmp_path, spool, name):
    (tmp_path / "a.delivery").write_bytes(bytes(10))
    (tmp_path / name).write_bytes(bytes(1000))
    assert spool.size() == 10


@pytest.mark.parametrize("name", ["a", "a-0001"])
def test_a_file_that_has_its_open_name_too_counts_once_and_is_not_sealed_yet(tmp_path, spool, name):
    (tmp_path / "a.open").write_bytes(bytes(10))
    os.link(tmp_path / "a.open", tmp_path / name)
    assert spool.size() == 10
    assert spool.sealed() == []
    (tmp_path / "a.open").unlink()
    assert spool.sealed() == [name]


def test_a_link_counts_with_its_own_size_and_a_file_that_goes_with_none(
    tmp_path, spool, monkeypatch
):
    """Another process may ship and remove an archive while the sizes are added."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "large").write_bytes(bytes(1000))
    (tmp_path / "link").symlink_to("elsewhere/large")
    link = (tmp_path / "link").lstat().st_size
    folder = (tmp_path / "elsewhere").lstat().st_size
    assert spool.size() == link + folder
    (tmp_path / "shipped").write_bytes(bytes(10))
    listing = spool.directory.listing

    @contextmanager
    def overtaken():
        with listing() as entries:
            found = list(entries)
            (tmp_path / "shipped").unlink()
            yield found

    monkeypatch.setattr(spool.directory, "listing", overtaken)
    assert spool.size() == link + folder


def test_a_directory_that_is_missing_or_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for name, reason in (("gone", "make it first"), ("file", "is a file"), ("file/x", "looked at")):
        with pytest.raises(BadWorkingDirectory, match=reason):
            Spool(tmp_path / name)


def test_a_link_is_refused_unless_trusted(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(BadWorkingDirectory) as caught:
        Spool(tmp_path / "link")
    assert str(caught.value) == (
        f"{tmp_path}/link: is a symbolic link, which others could turn; name the directory that "
        "it leads to"
    )
    Spool(tmp_path / "link", trusted=True).close()


def test_a_directory_that_all_may_write_in_is_refused_without_the_sticky_bit(tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(BadWorkingDirectory) as caught:
        Spool(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: everybody may write in it; take that right away (chmod o-w) or set the "
        "sticky bit (chmod +t)"
    )
    Spool(tmp_path, trusted=True).close()
    tmp_path.chmod(0o1777)
    Spool(tmp_path).close()


@pytest.mark.parametrize("lacking", [os.R_OK, os.W_OK, os.X_OK])
def test_a_directory_that_can_not_be_listed_entered_or_written_in_is_refused(
    tmp_path, monkeypatch, lacking
):
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & lacking)
    with pytest.raises(BadWorkingDirectory, match="may not write in it; change its mode or owner"):
        Spool(tmp_path)


def test_to_look_into_a_directory_takes_no_right_to_write(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    Spool(tmp_path, looking=True).close()
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.R_OK)
    with pytest.raises(BadWorkingDirectory, match="may not read it; change its mode or owner"):
        Spool(tmp_path, looking=True)


def test_a_directory_on_a_file_system_that_is_read_only_wants_another_mount(tmp_path, monkeypatch):
    """As one is that was mounted anew for an error of its disk."""
    real = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    monkeypatch.setattr(
        os, "statvfs", lambda _: os.statvfs_result([*real[:8], real.f_flag | os.ST_RDONLY, real[9]])
    )
    with pytest.raises(BadWorkingDirectory) as caught:
        Spool(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: lies on a file system that can only be read, as one is after an error of "
        "its disk; mount it so that it can be written to"
    )
    Spool(tmp_path, looking=True).close()


def test_temporary_files_go_unless_a_living_process_holds_them(spool, tmp_path):
    gone = [temporary_name(), "a.events.torn.tmp"]
    kept = [temporary_name(), "b.events.torn.tmp", "mine.tmp", "a.events.delivery.tmp"]
    for name in (*gone, *kept):
        (tmp_path / name).touch()
    with (tmp_path / kept[0]).open() as first, (tmp_path / kept[1]).open() as second:
        for file in (first, second):
            fcntl.flock(file, fcntl.LOCK_EX)
        spool.sweep()
    assert spool.directory.names() == sorted(kept)


def refuse(*_, **__):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_temporary_file_that_can_not_be_removed_is_left_and_hinders_nothing(
    spool, tmp_path, monkeypatch
):
    name = temporary_name()
    (tmp_path / name).touch()
    monkeypatch.setattr(os, "unlink", refuse)
    spool.sweep()
    assert spool.directory.names() == [name]


def test_what_can_not_be_held_now_can_be_held_later(spool, tmp_path, monkeypatch):
    """By this process too: no descriptor that nobody knows keeps its lock."""
    (tmp_path / "a.events.open").touch()
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", refuse)
        with pytest.raises(OSError, match="Input/output error"):
            spool.hold("a.events.open")
    fd = spool.hold("a.events.open")
    assert fd is not None
    os.close(fd)


@pytest.mark.parametrize("code", [errno.EMFILE, errno.EIO])
def test_what_can_not_be_opened_for_now_is_an_error_and_not_another_s(
    spool, tmp_path, monkeypatch, code
):
    (tmp_path / "a.events.open").touch()

    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(OSError, match=os.strerror(code)):
            spool.hold("a.events.open")


def test_a_name_that_can_not_be_compared_reserves_nothing(spool, tmp_path, monkeypatch):
    real = os.stat

    def once_locked(name, **kwargs):
        return real(name, **kwargs) if name == "a.events.open" else refuse()

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", once_locked)
        with pytest.raises(OSError, match="Input/output error"):
            spool.create("a.events")
    fd = spool.hold("a.events.open")
    assert fd is not None
    os.close(fd)


@pytest.mark.parametrize("instead", [None, Path.mkdir, Path.touch])
def test_one_that_is_not_where_it_was_is_told_of(tmp_path, instead):
    path = tmp_path / "spool"
    path.mkdir()
    with closing(Spool(path)) as spool:
        spool.check()
        path.rename(tmp_path / "moved")
        if instead is not None:
            instead(path)
        with pytest.raises(BadWorkingDirectory) as caught:
            spool.check()
    assert str(caught.value) == (
        f"{path}: was moved away, removed or exchanged while it was in use; see which directory is "
        "meant, and start again"
    )


def test_what_can_not_be_opened_is_ours_unless_it_is_no_file(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    with closing(Spool(tmp_path)) as spool:
        with pytest.raises(NotOurs, match="it is a FIFO, not a regular file; see whose it is"):
            spool.hold("fifo")
        monkeypatch.setattr("shoebox.regular.os.open", refuse)
        with pytest.raises(PermissionError):
            spool.hold("file")


def test_a_link_to_a_directory_may_be_taken_for_an_archive_and_a_directory_never(tmp_path):
    """So that it is told of."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    with closing(Spool(tmp_path)) as spool:
        assert spool.sealed() == ["link"]


def test_a_file_is_linked_to_the_name_that_its_open_one_says(tmp_path, spool):
    fd, name = spool.create("a")
    assert spool.link(fd, "a.open") == name == "a"
    assert spool.link(fd, "a.open", ".corrupt") == "a.corrupt"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.corrupt", "a.open"]
    os.close(fd)


def test_who_looks_at_what_he_may_not_read_is_not_told_to_mount_it(tmp_path, monkeypatch):
    class ReadOnly:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "statvfs", lambda _: ReadOnly)
    with pytest.raises(BadWorkingDirectory, match="this user may not read it"):
        Spool(tmp_path, looking=True)
