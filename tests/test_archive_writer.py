"""What a writer leaves in its file, and what a disk that fails costs."""

import errno
import itertools
import json
import os
import subprocess
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoebox import appending
from shoebox.archive import ArchiveReader, ArchiveWriter, recover
from shoebox.errors import (
    DurabilityError,
    RecordValueError,
    RecoveryError,
    WriterClosed,
)
from shoebox.format import filters, v2
from shoebox.format.preamble import MAX_METADATA
from tests import golden

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ROW = st.tuples(
    st.dictionaries(TEXT, TEXT, max_size=4),
    st.one_of(TEXT, st.binary(max_size=60), st.just(golden.MAGIC * 3)),
    st.integers(-(2**63), 2**63 - 1),
)


def rows(path: Path) -> list[tuple[dict[str, str], str | bytes, int | None]]:
    with ArchiveReader(path, strict=True) as reader:
        return [(r.metadata, r.payload, r.timestamp) for r in reader.records()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    "name", ["v1.events", "v2-none.events", "v2-tree.events", "v2-escaped.events"]
)
def test_what_is_written_is_the_golden_file_byte_for_byte(tmp_path, name):
    assert golden.write(name, tmp_path).read_bytes() == (golden.DATA / name).read_bytes()


@pytest.mark.parametrize("name", ["v2-zstd.events", "v2-gzip.events"])
def test_what_is_compressed_unpacks_to_the_golden_file(tmp_path, name):
    """A compressor's next release may find other bytes, but for the same content."""
    assert unpacked(golden.write(name, tmp_path)) == unpacked(golden.DATA / name)


def assert_holds(path: Path, records: int) -> None:
    with ArchiveReader(path, strict=True) as reader:
        assert reader.verify() == records


def unpacked(path: Path) -> list[object]:
    found: list[object] = []
    with ArchiveReader(path, strict=True) as reader:
        for item in reader.frames():
            if not isinstance(item.frame, v2.Frame):
                found.append((item.frame.records, item.frame.sequence))
                continue
            codecs = item.frame.metadata.codec, item.frame.payload.codec
            found.append((item.frame[:3], item.frame.sequence, item.frame.items, codecs))
            if not item.is_a(v2.INDEX):
                found += [reader.metadata_section(item), reader.payload_section(item)]
    return found


@settings(max_examples=60, deadline=None)
@given(
    blocks=st.lists(st.lists(ROW, min_size=1, max_size=5), min_size=1, max_size=5),
    compression=st.sampled_from(["none", "zstd", "gzip"]),
)
def test_what_is_written_is_what_is_read(tmp_path_factory, blocks, compression):
    path = tmp_path_factory.mktemp("v2") / "a"
    golden.write_blocks(path, blocks, compression=compression)
    assert rows(path) == list(itertools.chain(*blocks))
    with ArchiveReader(path, strict=True) as reader:
        assert reader.verify() == sum(map(len, blocks))


@settings(max_examples=40, deadline=None)
@given(blocks=st.lists(st.lists(ROW, min_size=1, max_size=5), min_size=1, max_size=5))
def test_the_index_never_hides_a_record(tmp_path_factory, blocks):
    path = golden.write_blocks(tmp_path_factory.mktemp("index") / "a", blocks)
    with ArchiveReader(path, strict=True) as reader:
        found = [reader.read_index(item) for item in reader.frames() if item.is_a(v2.INDEX)]
    entries = {entry.offset: entry for level in found for entry in level}
    with ArchiveReader(path, strict=True) as reader:
        for record in reader.records():
            entry = entries[record.position.offset]
            held = entry.filters
            assert entry.first_time <= record.timestamp <= entry.last_time
            assert entry.sequence <= record.sequence < entry.sequence + entry.records
            assert all(filters.may_hold(held[k], v) for k, v in record.metadata.items())


@settings(max_examples=40, deadline=None)
@given(blocks=st.lists(st.lists(ROW, min_size=1, max_size=5), min_size=1, max_size=5))
def test_version_1_keeps_all_but_the_type_and_the_time(tmp_path_factory, blocks):
    path = tmp_path_factory.mktemp("v1") / "a"
    golden.write_blocks(path, blocks, format_version=1)
    expected = [(m, golden.as_version_1_gives(p), None) for m, p, _ in itertools.chain(*blocks)]
    assert rows(path) == expected


def test_the_last_record_and_the_counts_are_known(tmp_path):
    with ArchiveWriter(tmp_path / "a", sequence=5) as writer:
        assert (writer.records, writer.sequence, writer.last_metadata, writer.last_payload) == (
            *(0, 5),
            None,
            None,
        )
        writer.write({"a": "b"}, "x")
        assert (writer.last_metadata, writer.last_payload) == ({"a": "b"}, "x")
        writer.sync()
        writer.write({}, b"y")
        assert (writer.records, writer.committed, writer.sequence) == (2, 1, 7)
        assert writer.last_payload == b"y"
        assert writer.size == writer.path.stat().st_size


def test_what_was_taken_and_not_flushed_is_known_and_can_be_left_out(tmp_path):
    writer = ArchiveWriter(tmp_path / "a")
    writer.write({}, "kept")
    writer.flush()
    assert writer.buffered == 0
    writer.write({}, "x" * 1000)
    assert 1000 < writer.buffered < 2000
    writer.drop_pending()
    assert (writer.buffered, writer.records) == (0, 1)
    writer.close()
    assert [row[1] for row in rows(tmp_path / "a")] == ["kept"]


def test_what_is_to_be_flushed_soon_is_flushed_with_the_next_record(tmp_path):
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.flush_soon()
        writer.write({}, "a")
        empty = writer.size
        assert writer.buffered > 0
        writer.flush_soon()
        assert writer.size == empty
        writer.write({}, "b")
        assert (writer.buffered, writer.records) == (0, 2)
        assert writer.size > empty


def test_sealing_a_second_time_changes_nothing(tmp_path):
    writer = ArchiveWriter(tmp_path / "a")
    writer.write({}, "x")
    assert writer.seal() == tmp_path / "a"
    before = (tmp_path / "a").read_bytes()
    assert writer.seal() == tmp_path / "a"
    writer.close()
    assert (tmp_path / "a").read_bytes() == before
    assert names(tmp_path) == ["a"]


def test_the_digests_that_were_asked_for_are_known_when_it_is_sealed(tmp_path):
    writer = ArchiveWriter(tmp_path / "a", digests=["sha256"])
    writer.write({}, "x")
    writer.flush()
    assert writer.checksums == {}
    path = writer.seal()
    assert writer.checksums == {"sha256": sha256(path.read_bytes()).hexdigest()}
    writer.close()


def test_a_child_that_lets_go_leaves_the_lock_to_its_parent(tmp_path):
    """As soon as its copy of the descriptor is closed; and the parent writes on."""
    writer = ArchiveWriter(tmp_path / "a")
    writer.write({}, "x")
    writer.flush()
    copy = os.dup(writer._file.fd)
    writer.let_go()
    with pytest.raises(RecoveryError, match="its writer is alive"):
        recover(tmp_path / "a")
    os.close(copy)
    assert recover(tmp_path / "a").records == 1


def test_an_archive_is_open_until_it_is_sealed_and_private(tmp_path):
    before = os.umask(0)
    try:
        writer = ArchiveWriter(tmp_path / "a")
    finally:
        os.umask(before)
    writer.write({}, "x")
    assert writer.path == tmp_path / "a.open"
    assert writer.path.stat().st_mode & 0o777 == 0o600
    writer.close()
    writer.close()
    assert writer.path == tmp_path / "a"
    assert names(tmp_path) == ["a"]


def test_an_archive_without_a_record_is_removed_and_never_sealed(tmp_path):
    with ArchiveWriter(tmp_path / "a") as writer:
        with pytest.raises(RecordValueError, match="without a record"):
            writer.seal()
        writer.close()
    assert names(tmp_path) == []


def test_nothing_can_be_written_after_close(tmp_path):
    for records in (0, 1):
        writer = ArchiveWriter(tmp_path / "a")
        for _ in range(records):
            writer.write({}, "x")
        writer.close()
        with pytest.raises(WriterClosed):
            writer.write({}, "y")


def test_a_name_that_is_taken_gets_a_number(tmp_path):
    writers = [ArchiveWriter(tmp_path / "a.events") for _ in range(3)]
    for writer in writers:
        writer.write({}, "x")
        writer.close()
    assert names(tmp_path) == ["a-0001.events", "a-0002.events", "a.events"]


@pytest.mark.parametrize(
    "options",
    [
        {"format_version": 3},
        {"compression": "lz4"},
        {"writer_id": b"short"},
        {"archive_id": b""},
        {"metadata": {"k": "v" * MAX_METADATA}},
    ],
)
def test_an_archive_that_could_not_be_read_is_never_begun(tmp_path, options):
    with pytest.raises(RecordValueError):
        ArchiveWriter(tmp_path / "a", **options)
    assert names(tmp_path) == []


def test_small_and_large_records_fill_blocks_within_the_limits(tmp_path):
    with ArchiveWriter(tmp_path / "a") as writer:
        for number in range(40_000):
            writer.write({}, "" if number % 2 else b"")
        for _ in range(5):
            writer.write({}, bytes(700_000))
    with ArchiveReader(tmp_path / "a", strict=True) as reader:
        frames = [item.frame for item in reader.frames() if item.is_a(v2.BLOCK)]
    assert sum(frame.items for frame in frames) == 40_005
    assert all(frame.items <= v2.MAX_RECORDS // 2 for frame in frames)
    assert all(frame.metadata.raw <= 1 << 20 for frame in frames)
    assert all(frame.payload.raw <= 2 << 20 for frame in frames)
    assert len(frames) <= 8
    with ArchiveReader(tmp_path / "a", strict=True) as reader:
        assert reader.verify() == 40_005


def test_a_write_that_fails_leaves_out_that_record_and_no_other(tmp_path, monkeypatch):
    full = [False]
    write_all = appending.write_all

    def fill(fd, buffers):
        if full[0]:
            os.write(fd, b"half of it")
            raise OSError(errno.ENOSPC, "no space left on device")
        return write_all(fd, buffers)

    monkeypatch.setattr(appending, "write_all", fill)
    with ArchiveWriter(tmp_path / "a", compression="none") as writer:
        writer.write({}, "before", 0)
        full[0] = True
        size = writer.size
        with pytest.raises(OSError, match="no space"):
            writer.write({}, b"x" * (1 << 20), 1)
        with pytest.raises(OSError, match="no space"):
            writer.flush()
        assert writer.path.stat().st_size == writer.size == size
        full[0] = False
        writer.write({}, "after", 2)
    assert [row[2] for row in rows(tmp_path / "a")] == [0, 2]


def test_the_first_commit_makes_the_name_durable_and_a_later_one_need_not(tmp_path, monkeypatch):
    calls = []
    for name in ("fdatasync", "fsync"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda fd, name=name, real=real: (calls.append(name), real(fd))
        )
    with ArchiveWriter(tmp_path / "a.events") as writer:
        writer.write({}, "x")
        assert calls == []  # nothing is promised yet
        writer.sync()
        assert calls == ["fdatasync", "fsync"]
        writer.write({}, "y")
        writer.sync()
        assert calls == ["fdatasync", "fsync", "fdatasync"]


def test_a_name_that_can_not_be_made_durable_puts_the_records_in_doubt(tmp_path, monkeypatch):
    def refuse(fd):
        raise OSError(errno.EIO, "broken")

    writer = ArchiveWriter(tmp_path / "a.events")
    writer.write({}, "x")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(DurabilityError, match=r"directory could not be synced \(broken\)"):
            writer.sync()
    assert writer.committed == 0
    assert writer.finished
    assert [block.records for block in writer.carried()] == [1]
    with pytest.raises(DurabilityError):
        writer.sync()  # a second fsync that succeeds would promise nothing
    writer.release()


def test_a_failed_fsync_finishes_the_file_and_tells_what_is_in_doubt(tmp_path, monkeypatch):
    writer = ArchiveWriter(tmp_path / "a", sequence=3)
    writer.write({}, "synced")
    writer.sync()
    writer.write({}, "flushed")
    writer.flush()
    writer.write({}, "taken")

    def fail(fd):
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(DurabilityError, match="could not be synced"):
            writer.commit()
    assert writer.finished
    for again in (writer.commit, writer.flush, writer.seal):
        with pytest.raises(DurabilityError, match="roll to go on"):
            again()
    assert [(block.records, block.sequence) for block in writer.carried()] == [(1, 4), (1, 5)]
    with ArchiveWriter(tmp_path / "b", sequence=4) as following:
        for block in writer.carried():
            following.append(block)
    writer.release()
    assert [row[1] for row in rows(tmp_path / "b")] == ["flushed", "taken"]
    assert recover(tmp_path / "a").records == 2


@pytest.mark.parametrize("call", ["fdatasync", "link", "fsync", "unlink"])
def test_nothing_is_appended_behind_an_end_that_could_not_be_made_durable(
    tmp_path, monkeypatch, call
):
    writer = ArchiveWriter(tmp_path / "a")
    writer.write({}, "x")
    if call == "fsync":
        writer.sync()  # the name of the open file is durable then: it is the other that is not

    def fail(*_, **__):
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match=r"error|synced"):
            writer.seal()
    assert not writer.sealed
    assert writer.finished
    with pytest.raises(WriterClosed):
        writer.write({}, "y")
    writer.release()
    assert recover(tmp_path / "a").records == 1
    assert names(tmp_path) == ["a"]
    assert_holds(tmp_path / "a", 1)


def test_an_archive_that_can_not_be_removed_is_given_back(tmp_path, monkeypatch):
    """Its lock would else be held for as long as the process lives."""
    writer = ArchiveWriter(tmp_path / "a")

    def fail(*_, **__):
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", fail)
        with pytest.raises(OSError, match="input/output error"):
            writer.close()
    assert recover(tmp_path / "a").outcome == "removed"


def test_where_not_even_the_header_can_be_written_no_file_is_left(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(appending, "write_all", full)
        with pytest.raises(OSError, match="no space"):
            ArchiveWriter(tmp_path / "a")
    assert names(tmp_path) == []


def test_a_seal_that_fails_can_be_tried_again_or_left_to_recovery(tmp_path, monkeypatch):
    def full(fd, buffers):
        raise OSError(errno.ENOSPC, "no space left on device")

    writer = ArchiveWriter(tmp_path / "a")
    writer.write({}, "x")
    writer.flush()
    with monkeypatch.context() as patch:
        patch.setattr(appending, "write_all", full)
        with pytest.raises(OSError, match="no space"):
            writer.close()
    writer.close()
    assert_holds(tmp_path / "a", 1)

    with suppress(OSError), ArchiveWriter(tmp_path / "b") as writer:
        writer.write({}, "x")
        writer.flush()
        monkeypatch.setattr(appending, "write_all", full)
    monkeypatch.undo()
    assert recover(tmp_path / "b").records == 1
    assert_holds(tmp_path / "b", 1)


FULL_DISK = """
import json, resource, signal, sys
from shoebox.archive import ArchiveWriter

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, limit = sys.argv[1], int(sys.argv[2])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
kept, refused = [], []
writer = None
for number in range(60):
    try:
        if writer is None:
            writer = ArchiveWriter(path, compression="none")
        writer.write({"n": str(number)}, "x" * 1000, number)
        kept.append(number)
        writer.flush()
    except OSError as error:
        refused.append(error.errno)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        if writer is not None:
            assert not writer.finished
            assert writer.path.stat().st_size == writer.size
writer.close()
print(json.dumps([kept, refused]))
"""


@pytest.mark.parametrize("limit", [0, 50, 120, 500, 1500, 5000, 20_003, 40_960])
def test_a_full_disk_is_an_error_at_once_and_writing_works_again(tmp_path, limit):
    arguments = [sys.executable, "-c", FULL_DISK, str(tmp_path / "a"), str(limit)]
    root = Path(__file__).parents[1]
    done = subprocess.run(arguments, cwd=root, capture_output=True, check=True)
    kept, refused = json.loads(done.stdout)
    assert refused == [errno.EFBIG]
    assert [row[2] for row in rows(tmp_path / "a")] == kept
    assert len(kept) >= 59
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("call", ["fdatasync", "link", "fsync", "unlink"])
def test_a_seal_that_was_interrupted_goes_on_where_it_was(tmp_path, monkeypatch, call):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with ArchiveWriter(tmp_path / "a") as writer:
        writer.write({}, "x")
        with monkeypatch.context() as patch:
            patch.setattr(os, call, interrupt)
            with pytest.raises(KeyboardInterrupt):
                writer.seal()
        with pytest.raises(WriterClosed):
            writer.write({}, "y")
        assert writer.seal() == tmp_path / "a"
    assert names(tmp_path) == ["a"]
    assert_holds(tmp_path / "a", 1)
