"""What recovery makes of the archive of a writer that died, wherever it was killed itself."""

import errno
import logging
import os
import shutil
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoebox.archive import ArchiveReader, ArchiveWriter, recover, recover_all, recovery
from shoebox.archive.frames import Located
from shoebox.archive.recovery import Recovery
from shoebox.errors import RecoveryError
from shoebox.format import codecs, index, v1, v2
from shoebox.spool import Spool
from tests import golden

ROWS = [({"id": str(at)}, f"payload {at}", at) for at in range(8)]
BLOCKS = [ROWS[:2], ROWS[2:4], ROWS[4:7], ROWS[7:]]


class Killed(BaseException):
    """Stands for the death of the process: nothing may catch it."""


@pytest.fixture(autouse=True)
def small_index(monkeypatch, caplog):
    monkeypatch.setattr(index, "FANOUT", 2)
    caplog.set_level(logging.CRITICAL)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def abandon(path: Path, blocks=BLOCKS, *, synced=0, **options) -> bytes:
    """Leave an open archive as a killed writer does, the first blocks synced; return its bytes."""
    options = {"compression": "none", "metadata": {"a": "b"}} | options
    writer = ArchiveWriter(path, archive_id=golden.ARCHIVE_ID, **options)
    for number, block in enumerate(blocks):
        for row in block:
            writer.write(*row)
        writer.flush()
        if number < synced:
            writer.commit()
    writer.release()
    return path.with_name(path.name + ".open").read_bytes()


def put(folder: Path, data: bytes, name: str = "a.open") -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / name).write_bytes(data)
    return folder / "a"


def contents(path: Path, name: str | None = None) -> list[tuple[dict[str, str], str | bytes]]:
    with ArchiveReader(path, name=name) as reader:
        return list(reader)


def assert_sound(path: Path, records: int) -> None:
    with ArchiveReader(path, strict=True) as reader:
        assert reader.verify() == records


def test_an_abandoned_archive_is_sealed_with_all_its_records(tmp_path):
    path = tmp_path / "a"
    abandon(path)
    done = recover(path)
    assert (done.path, done.outcome, done.records, done.torn) == (path, "sealed", len(ROWS), 0)
    assert_sound(path, len(ROWS))
    assert names(tmp_path) == ["a"]


def test_what_recovery_seals_is_what_the_writer_would_have_sealed(tmp_path):
    """Header, blocks, index and filters are the same; only marks of what was synced may differ."""
    abandon(tmp_path / "dead", writer_id=golden.WRITER_ID)
    with ArchiveWriter(
        tmp_path / "alive",
        archive_id=golden.ARCHIVE_ID,
        writer_id=golden.WRITER_ID,
        compression="none",
        metadata={"a": "b"},
    ) as writer:
        for block in BLOCKS:
            for row in block:
                writer.write(*row)
            writer.flush()
    recover(tmp_path / "dead")
    assert without_marks(tmp_path / "dead") == without_marks(tmp_path / "alive")


def without_marks(path: Path) -> list[object]:
    found: list[object] = []
    with ArchiveReader(path, strict=True) as reader:
        for item in reader.frames():
            assert isinstance(item, Located)
            times = {"first_time": 0, "last_time": 0} if item.is_a(v2.HEADER) else {}
            found.append(item.frame._replace(synced=0, **times))
    return found


def test_an_archive_cut_anywhere_recovers_to_what_the_reader_gave(tmp_path):
    data = abandon(tmp_path / "a")
    for end in range(len(data)):
        path = put(tmp_path / "cut", data[:end])
        before = contents(tmp_path / "cut" / "a.open")
        done = recover(path)
        assert before == [row[:2] for row in ROWS[: len(before)]]
        if before:
            assert done.outcome == "sealed", end
            assert contents(path) == before, end
            assert_sound(path, len(before))
        else:
            assert done.outcome == "removed", end
            assert not path.exists()
        torn = tmp_path / "cut" / "a.torn"
        kept = torn.read_bytes() if torn.exists() else b""
        assert data[:end].endswith(kept), end
        assert set(names(path.parent)) <= {"a", "a.torn"}, end


def test_an_archive_of_version_1_cut_anywhere_recovers_to_what_the_reader_gave(tmp_path):
    data = abandon(tmp_path / "a", format_version=1)
    for end in range(0, len(data), 3):
        path = put(tmp_path / "cut", data[:end])
        before = contents(tmp_path / "cut" / "a.open")
        recover(path)
        assert (contents(path) if path.exists() else []) == before, end
        assert set(names(path.parent)) <= {"a", "a.torn"}, end


def test_a_changed_byte_never_costs_a_record_before_it(tmp_path):
    data = abandon(tmp_path / "a", synced=2)
    ends = [item.end for item in located(tmp_path / "a.open") if item.is_a(v2.BLOCK)]
    marks = [item.frame.synced for item in located(tmp_path / "a.open")]
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0xFF
        path = put(tmp_path / "changed", bytes(changed))
        done = recover(path)
        left = contents(done.path)
        sound = sum(len(block) for block, end in zip(BLOCKS, ends, strict=True) if end <= at)
        assert left[:sound] == [row[:2] for row in ROWS[:sound]], at
        if at < max(marks):
            assert done.outcome == "corrupt" or at < 6, at
        else:
            assert done.outcome == "sealed", at
            assert left == [row[:2] for row in ROWS[:sound]], at
            assert_sound(done.path, sound)


def located(path: Path) -> list[Located]:
    with ArchiveReader(path) as reader:
        return [item for item in reader.frames() if isinstance(item, Located)]


def test_damage_below_the_mark_is_quarantined_and_stays_readable(tmp_path):
    data = bytearray(abandon(tmp_path / "a", synced=4))
    data[located(tmp_path / "a.open")[1].at + 110] ^= 1
    path = put(tmp_path / "hurt", bytes(data))
    done = recover(path)
    assert (done.outcome, done.path.name) == ("corrupt", "a.corrupt")
    assert done.path.read_bytes() == data
    assert contents(done.path) == [row[:2] for row in ROWS[2:]]


def test_a_later_block_that_a_power_cut_kept_leaves_no_hole(tmp_path):
    data = abandon(tmp_path / "a", synced=1)
    third = [item for item in located(tmp_path / "a.open") if item.is_a(v2.BLOCK)][2]
    hole = data[: third.at] + bytes(third.frame.size) + data[third.end :]
    done = recover(put(tmp_path / "hole", hole))
    assert (done.outcome, done.records) == ("sealed", 4)
    assert contents(done.path) == [row[:2] for row in ROWS[:4]]
    assert (tmp_path / "hole" / "a.torn").read_bytes() == hole[-done.torn :]


@pytest.mark.parametrize("size", [0, 1, 5, 99, 110])
def test_an_archive_whose_header_is_not_whole_is_removed(tmp_path, size):
    data = abandon(tmp_path / "a")
    for content in (data[:size], bytes(size)):
        path = put(tmp_path / "b", content)
        assert recover(path).outcome == "removed"
        assert names(path.parent) == []


@pytest.mark.parametrize("keeps", ["the block", "sectors of the block", "payload", "zeros"])
def test_an_archive_whose_header_was_lost_is_saved_and_removed(tmp_path, keeps):
    """A power cut may keep a block, and leave the header before it as zeros."""
    data = abandon(tmp_path / "a", [[({}, "x" * 3000, 0)]])
    content = {
        "the block": data[data.index(golden.MAGIC, 1) :].rjust(len(data), b"\0"),
        "sectors of the block": data[512:].rjust(len(data), b"\0"),
        "payload": data[1024:2048].rjust(2048, b"\0"),
        "zeros": bytes(5 << 20),
    }[keeps]
    path = put(tmp_path / "b", content)
    assert recover(path).outcome == "removed"
    torn = path.with_name("a.torn")
    assert names(path.parent) == ([] if keeps == "zeros" else [torn.name])
    assert keeps == "zeros" or torn.read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [
        b"#!/bin/sh\necho this is another program's\n",
        b"\x1f\x8b" + bytes(50),
        golden.MAGIC + b"\x03\x00" + bytes(200),
    ],
)
def test_a_file_that_is_not_ours_is_left_alone(tmp_path, content):
    path = put(tmp_path / "b", content)
    done = recover(path)
    assert (done.outcome, done.records) == ("left", 0)
    assert (tmp_path / "b" / "a.open").read_bytes() == content


def test_a_foreign_file_that_holds_an_archive_is_left_alone(tmp_path):
    data = b"a letterhead " + abandon(tmp_path / "a")
    assert recover(put(tmp_path / "b", data)).outcome == "left"
    assert (tmp_path / "b" / "a.open").read_bytes() == data


def test_an_archive_of_a_living_writer_is_refused_and_passed_over(tmp_path):
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.write({}, "x")
        with pytest.raises(RecoveryError, match="its writer is alive"):
            recover(tmp_path / "a")
        spool = Spool(tmp_path)
        assert list(recover_all(spool)) == []
        spool.close()
    assert_sound(tmp_path / "a", 1)


def test_an_archive_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(RecoveryError, match="is not there"):
        recover(tmp_path / "a")


def test_a_name_that_is_taken_gets_a_number_and_nothing_is_overwritten(tmp_path):
    abandon(tmp_path / "a.events")
    (tmp_path / "a.events").write_bytes(b"another's")
    (tmp_path / "a-0001.events.open").write_bytes(b"reserved")
    assert recover(tmp_path / "a.events").path == tmp_path / "a-0002.events"
    assert (tmp_path / "a.events").read_bytes() == b"another's"
    assert (tmp_path / "a-0001.events.open").read_bytes() == b"reserved"


def test_a_name_that_is_taken_while_it_is_given_is_not_overwritten(tmp_path, monkeypatch):
    abandon(tmp_path / "a")
    real = os.link

    def taken_first(source, target, **options):
        if target == "a":
            (tmp_path / "a").write_bytes(b"another's")
        real(source, target, **options)

    monkeypatch.setattr(os, "link", taken_first)
    assert recover(tmp_path / "a").path == tmp_path / "a-0001"
    assert (tmp_path / "a").read_bytes() == b"another's"
    assert_sound(tmp_path / "a-0001", len(ROWS))


def test_one_that_a_power_cut_has_left_both_names_keeps_the_last_one(tmp_path):
    golden.write_blocks(tmp_path / "a", BLOCKS)
    os.link(tmp_path / "a", tmp_path / "a.open")
    (tmp_path / "a.delivery").write_text("{}")
    assert recover(tmp_path / "a").path == tmp_path / "a"
    assert names(tmp_path) == ["a", "a.delivery"]
    assert_sound(tmp_path / "a", len(ROWS))


def test_a_child_that_is_forked_meanwhile_does_not_keep_the_lock(tmp_path, monkeypatch):
    abandon(tmp_path / "a")
    copies, real = [], recovery.examine

    def forking(*args):
        # What a child has is a copy of the descriptor, which this is too.
        copies.extend(os.dup(int(it.name)) for it in held(tmp_path / "a.open"))
        return real(*args)

    monkeypatch.setattr(recovery, "examine", forking)
    with closing(Spool(tmp_path)) as spool:
        assert [done.outcome for done in recover_all(spool)] == ["sealed"]
        fd = spool.hold("a")
    assert fd is not None
    for it in (fd, *copies):
        os.close(it)


def held(path: Path) -> list[Path]:
    """Return the entries in /proc of the descriptors that lead to a file."""
    return [it for it in Path("/proc/self/fd").iterdir() if it.exists() and it.samefile(path)]


def test_a_torn_tail_is_not_saved_twice_where_the_first_can_not_be_read_now(tmp_path, monkeypatch):
    data = abandon(tmp_path / "a")
    path = put(tmp_path / "b", data[:-5])

    def refuse(*_):
        raise OSError(errno.EIO, "the disk says no")

    def refuse_torn(name, *args):
        return refuse() if name == "a.torn" else real(name, *args)

    with closing(Spool(path.parent)) as spool:
        real = spool.directory.open
        for owner, call, refused in (
            (os, "ftruncate", refuse),
            (spool.directory, "open", refuse_torn),
        ):
            with monkeypatch.context() as patch:
                patch.setattr(owner, call, refused)
                [left] = recover_all(spool)
            assert (left.outcome, left.again) == ("left", True)
            assert names(path.parent) == ["a.open", "a.torn"]
        assert [done.outcome for done in recover_all(spool)] == ["sealed"]
    assert names(path.parent) == ["a", "a.torn"]


def test_a_sealed_archive_that_was_not_renamed_is_only_renamed(tmp_path):
    data = golden.write_blocks(tmp_path / "b", BLOCKS).read_bytes()
    done = recover(put(tmp_path / "c", data))
    assert (done.outcome, done.records, done.torn) == ("sealed", len(ROWS), 0)
    assert done.path.read_bytes() == data


def test_what_follows_a_tail_is_cut_off_and_saved(tmp_path):
    data = golden.write_blocks(tmp_path / "b", BLOCKS).read_bytes()
    done = recover(put(tmp_path / "c", data + data))
    assert done.path.read_bytes() == data
    assert (tmp_path / "c" / "a.torn").read_bytes() == data


def test_a_planted_index_frame_of_an_impossible_level_is_torn(tmp_path):
    data = abandon(tmp_path / "a", BLOCKS[:1])
    section = v2.Section()
    wild = v2.Frame(v2.INDEX, 9, golden.ARCHIVE_ID, len(data), 0, 0, 0, 0, 1, section, section)
    done = recover(put(tmp_path / "b", data + v2.encode_frame(wild)))
    assert (done.outcome, done.records, done.torn) == ("sealed", 2, v2.FRAME_SIZE)


def test_all_are_recovered_and_one_that_fails_is_left_for_the_next_time(tmp_path, monkeypatch):
    abandon(tmp_path / "a")
    abandon(tmp_path / "b")
    link = os.link

    def refuse(source, target, **options):
        if source == "a.open":
            raise OSError(errno.EIO, "the disk says no")
        link(source, target, **options)

    monkeypatch.setattr(os, "link", refuse)
    spool = Spool(tmp_path)
    assert [(done.path.name, done.outcome) for done in recover_all(spool)] == [
        ("a.open", "left"),
        ("b", "sealed"),
    ]
    monkeypatch.undo()
    assert [done.outcome for done in recover_all(spool)] == ["sealed"]
    spool.close()


CALLS = ("open", "unlink", "link", "rename", "fsync", "fdatasync", "ftruncate", "writev", "write")


class Dying:
    """Lets the process die before or after the k-th of its system calls that change something."""

    def __init__(self, monkeypatch, at: int, *, before: bool) -> None:
        self.left = at
        self.before = before
        for name in CALLS:
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name)))

    def _wrapped(self, call):
        def wrapped(*args, **options):
            self.left -= 1
            if self.left < 0 or (self.left == 0 and self.before):
                raise Killed
            result = call(*args, **options)
            if self.left == 0:
                raise Killed
            return result

        return wrapped


def state(folder: Path) -> dict[str, bytes]:
    """Return the folder's files; the archive without the marks, which tell of the way it took."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    if "a" in files:
        files["a"] = repr(without_marks(folder / "a")).encode()
    return files


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("fault", ["torn", "none", "corrupt", "header"])
def test_recovery_that_is_killed_anywhere_is_run_again_with_the_same_result(
    tmp_path, fault, before
):
    data = abandon(tmp_path / "a", synced=4 if fault == "corrupt" else 0)
    if fault == "torn":
        data = data[:-5]
    if fault == "corrupt":
        data = data[:150] + b"\xff" + data[151:]
    if fault == "header":
        data = data[:110]
    recover(put(tmp_path / "undisturbed", data))
    expected = state(tmp_path / "undisturbed")
    for at in range(1, 60):
        path = put(tmp_path / "killed", data)
        with pytest.MonkeyPatch.context() as patch:
            dying = Dying(patch, at, before=before)
            with suppress(Killed):
                recover(path)
        if dying.left > 0:
            break
        spool = Spool(path.parent)
        list(recover_all(spool))
        spool.close()
        assert state(path.parent) == expected, at
    else:
        pytest.fail("recovery makes more calls than were tried")


def test_recovery_reports_in_a_line(tmp_path):
    data = abandon(tmp_path / "a")
    done = recover(put(tmp_path / "b", data[:-5]))
    assert str(done) == (
        f"{tmp_path / 'b' / 'a'}: sealed, 7 records, {done.torn} torn bytes cut off and saved: "
        "a frame is cut off"
    )


NUMBER = st.one_of(st.integers(0, 300), st.sampled_from([2**32, 2**62, 2**63, 2**64 - 1]))
TIME = st.integers(-(2**63), 2**63 - 1)
STORED = st.one_of(
    st.just(b""),
    st.binary(max_size=40),
    st.just(v2.encode_records([1], [1], b"\1", [b"\x80"])),
    st.just(v2.encode_origin(golden.WRITER_ID, {})),
)


@st.composite
def frame(draw) -> bytes:
    """Return a frame that says anything, with checksums that are right."""
    stored = draw(STORED), draw(st.one_of(st.just(b"x"), STORED))
    sections = [v2.Section(len(raw), len(raw), codecs.checksum(raw)) for raw in stored]
    head = v2.Frame(
        kind=draw(st.sampled_from([v2.HEADER, v2.BLOCK, v2.INDEX])),
        level=draw(st.integers(0, 3)),
        archive_id=draw(st.sampled_from([golden.ARCHIVE_ID, b"B" * 16])),
        offset=draw(NUMBER),
        synced=draw(NUMBER),
        sequence=draw(NUMBER),
        first_time=draw(TIME),
        last_time=draw(TIME),
        items=draw(st.integers(0, 3)),
        metadata=sections[0],
        payload=sections[1],
    )
    return v2.encode_frame(head) + b"".join(stored)


PIECE = st.one_of(
    frame(),
    st.sampled_from([(golden.DATA / name).read_bytes() for name in golden.SPECIMENS]),
    st.just(v1.encode({"k": "v"}, b"payload")),
    st.builds(
        v2.encode_tail,
        st.builds(
            v2.Tail,
            st.just(golden.ARCHIVE_ID),
            *[NUMBER] * 3,
            TIME,
            TIME,
            NUMBER,
            NUMBER,
            *[st.integers(0, 2**32 - 1)] * 2,
        ),
    ),
    st.binary(max_size=20),
)


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(PIECE, min_size=1, max_size=6), begun=st.booleans())
def test_whatever_a_file_holds_recovery_ends_well(tmp_path_factory, pieces, begun):
    begin = (golden.DATA / "v2-none.events").read_bytes()[:141] if begun else b""
    path = put(tmp_path_factory.mktemp("any") / "b", begin + b"".join(pieces))
    before = contents(path.with_name("a.open"))
    done = recover(path)
    if done.outcome == "sealed":
        assert contents(done.path) == before[: done.records]
        assert_sound(done.path, done.records)
    elif done.outcome != "removed":
        assert contents(done.path) == before


def test_what_was_begun_with_a_damaged_header_is_saved_before_it_is_removed(tmp_path):
    data = bytearray(abandon(tmp_path / "a", BLOCKS[:1]))
    for at in (50, 200):
        data[at] ^= 0xFF
    path = put(tmp_path / "b", bytes(data))
    assert recover(path).outcome == "removed"
    assert names(path.parent) == ["a.torn"]
    assert (tmp_path / "b" / "a.torn").read_bytes() == data


@pytest.mark.parametrize("there", ["other", "shorter", "longer", "link"])
def test_a_torn_tail_is_saved_beside_one_of_another_content(tmp_path, there):
    data = abandon(tmp_path / "a")
    path = put(tmp_path / "b", data[:-5])
    saved = path.with_name("a.torn")
    recover(path)
    torn = saved.read_bytes()
    path = put(tmp_path / "b", data[:-5])
    if there == "link":
        (tmp_path / "elsewhere").write_bytes(torn)
        saved.symlink_to(tmp_path / "elsewhere")
    else:
        others = {"other": b"x" + torn[1:], "shorter": torn[:-1], "longer": torn + b"x"}
        saved.write_bytes(others[there])
    before = saved.read_bytes()
    recover(path)
    assert saved.read_bytes() == before
    assert path.with_name("a-0001.torn").read_bytes() == torn


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.EACCES, "let this user write there"),
        (errno.EROFS, "mount it so that it can be written to"),
        (errno.EMFILE, "raise the limit on open files (ulimit -n)"),
        (errno.EBUSY, "Device or resource busy"),
    ],
)
def test_what_can_not_be_opened_now_is_left_for_another_time(tmp_path, monkeypatch, code, remedy):
    """Be it another's: its owner and its mode can change, while this process goes on."""
    abandon(tmp_path / "a")

    def refuse(*_, **__):
        raise OSError(code, os.strerror(code), "a.open")

    with closing(Spool(tmp_path)) as spool:
        with monkeypatch.context() as patch:
            patch.setattr(spool.directory, "open", refuse)
            [left] = recover_all(spool)
        assert (left.outcome, left.again) == ("left", True)
        assert remedy in str(left)
        assert [done.outcome for done in recover_all(spool)] == ["sealed"]


def test_what_has_the_name_of_an_open_archive_and_is_none_is_left_alone(tmp_path):
    abandon(tmp_path / "b")
    (tmp_path / "a.open").symlink_to("elsewhere")
    spool = Spool(tmp_path)
    left, sealed = recover_all(spool)
    assert (left.path, left.outcome, left.again) == (tmp_path / "a.open", "left", False)
    assert "a symbolic link" in left.reason
    assert left.reason.endswith("; see whose it is, and take it away")
    assert sealed.outcome == "sealed"
    assert (tmp_path / "a.open").is_symlink()
    spool.close()


def test_what_became_of_an_archive_is_told_in_a_sentence():
    """Of a corrupt one the number is of the records before the damage."""
    torn = Recovery(Path("a"), "sealed", 7, 30, "a frame is cut off")
    assert str(torn) == (
        "a: sealed, 7 records, 30 torn bytes cut off and saved: a frame is cut off"
    )
    corrupt = Recovery(Path("a.corrupt"), "corrupt", 7, 0, "a section whose checksum is wrong")
    assert str(corrupt) == (
        "a.corrupt: corrupt, 7 records before the first damage: a section whose checksum is "
        "wrong; it is never shipped: shoebox cat a.corrupt gives all that is sound in it"
    )
