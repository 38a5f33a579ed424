"""The archives of one writer: named apart, numbered on, and what is in doubt carried over."""

import errno
import os
from collections import deque

import pytest

from shoebox.archive import ArchiveReader
from shoebox.archive.header import read_header
from shoebox.errors import DurabilityError
from shoebox.metrics import BYTES, RECORDS, SYNC, WRITE
from shoebox.roll_manager.succession import Batch, Succession
from shoebox.spool import Spool


@pytest.fixture
def archives(tmp_path):
    return Succession(Spool(tmp_path), "a.events", compression="none", format_version=2)


def refuse(*_):
    raise OSError(errno.EIO, "broken")


def written(archives, *payloads):
    archive = archives.next()
    for payload in payloads:
        archive.write({}, payload)
    return archive


def records(path):
    with ArchiveReader(path) as reader:
        return list(reader.records())


def test_numbers_run_on_and_the_writer_stays_the_same(archives):
    paths = []
    for payloads in (("a", "b"), ("c",), ("d",)):
        archive = written(archives, *payloads)
        archives.ended(archive)
        archive.close()
        paths.append(archive.path)
    found = [record for path in paths for record in records(path)]
    assert [(record.payload, record.sequence) for record in found] == list(
        zip("abcd", range(4), strict=True)
    )
    assert len({record.writer for record in found}) == 1
    assert [path.name for path in paths] == ["a.events", "a-0001.events", "a-0002.events"]


def test_two_successions_are_two_writers(archives, tmp_path):
    other = Succession(Spool(tmp_path), "b.events", compression="none", format_version=2)
    found = []
    for each in (archives, other):
        with written(each, "x") as archive:
            pass
        found += records(archive.path)
    assert found[0].writer != found[1].writer


def test_the_header_names_the_host(archives):
    with written(archives, "x") as archive:
        pass
    assert read_header(archive.path).metadata == {"host": os.uname().nodename}


def test_the_next_archive_begins_with_what_could_not_be_synced_and_what_was_not_flushed(
    archives, monkeypatch
):
    """Under the same numbers: what arrives twice can be told."""
    first = written(archives, "a")
    first.sync()
    first.write({}, "b")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        with pytest.raises(DurabilityError):
            first.sync()
    first.write({}, "c")
    archives.left(first)
    second = archives.next()
    assert archives.carried == []
    second.write({}, "d")
    second.close()
    found = [(record.payload, record.sequence) for record in records(second.path)]
    assert found == [("b", 1), ("c", 2), ("d", 3)]
    first.release()


def test_a_disk_that_refuses_the_next_archive_leaves_nothing_behind_and_loses_nothing(
    archives, tmp_path, monkeypatch
):
    first = written(archives, "a")
    first.flush()
    archives.left(first)
    waiting = list(archives.carried)
    first.release()
    before = sorted(tmp_path.iterdir())
    for name in ("fsync", "fdatasync", "writev"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, refuse)
            with pytest.raises(OSError, match=r"broken|could not be synced"):
                archives.next()
        assert sorted(tmp_path.iterdir()) == before
        assert archives.carried == waiting
    with archives.next() as second:
        assert second.records == 1


def test_blocks_of_an_older_archive_get_one_of_their_own(archives):
    """Their numbers go before those that the open archive has by now."""
    old = written(archives, "a")
    old.flush()
    blocks = list(old.carried())
    archives.ended(old)
    new = written(archives, "b")
    with archives.again(blocks) as again:
        pass
    new.close()
    assert [(it.payload, it.sequence) for it in records(again.path)] == [("a", 0)]
    assert [(it.payload, it.sequence) for it in records(new.path)] == [("b", 1)]
    old.release()


def test_records_that_are_left_out_are_told_to_their_writers_and_to_no_others(archives):
    archive = written(archives, "a")
    archive.flush()
    before = archive.batch
    archive.write({}, "b")
    archive.leave_out(OSError(errno.ENOSPC, "full"))
    before.check(1)
    with pytest.raises(OSError, match="full; the record is left out") as caught:
        before.check(2)
    assert caught.value.errno == errno.ENOSPC
    archive.write({}, "c")
    archive.batch.check(2)
    archive.close()
    assert [(it.payload, it.sequence) for it in records(archive.path)] == [("a", 0), ("c", 1)]


def test_a_batch_of_which_nothing_was_left_out_has_no_complaint():
    Batch().check(10**9)


def test_blocks_and_syncs_are_noted_and_records_are_not(tmp_path):
    noted = deque()
    archives = Succession(Spool(tmp_path), "a.events", noted=noted, compression="none")
    archive = written(archives, "x", "y")
    assert not noted
    header = archive.path.stat().st_size
    archive.flush()
    size = archive.path.stat().st_size - header
    assert [note for note in noted if note[0] is not WRITE] == [(RECORDS, 2, ""), (BYTES, size, "")]
    archive.sync()
    archive.close()
    took = [(metric, seconds > 0) for metric, seconds, _ in noted if metric in {WRITE, SYNC}]
    assert took == [(WRITE, True), (SYNC, True), (SYNC, True)]


def test_a_block_that_was_not_written_is_not_noted(tmp_path, monkeypatch):
    noted = deque()
    archives = Succession(Spool(tmp_path), "a.events", noted=noted, compression="none")
    archive = written(archives, "x")
    monkeypatch.setattr(os, "writev", refuse)
    with pytest.raises(OSError, match="broken"):
        archive.flush()
    assert not noted
    archive.discard()
