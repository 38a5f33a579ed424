"""Reading: every record in the order of writing, whatever happens to the archives meanwhile."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.errors import (
    ArchiveError,
    BadWorkingDirectory,
    NoMoreFiles,
    NoValidFile,
    RecordValueError,
)
from shoebox.roll_manager import ReadingRollManager
from tests.archives import read, write, write_blocks


def descriptors():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_the_order_comes_from_the_headers_and_not_from_the_names(tmp_path):
    write(tmp_path, "z.events", "ab")
    write(tmp_path, "a.events", "cd")
    write(tmp_path, "m.events", "ef")
    assert read("*.events", tmp_path) == list("abcdef")


def test_archives_of_version_1_come_first_by_name(tmp_path):
    write(tmp_path, "z.events", "ab", format_version=1)
    write(tmp_path, "k.events", "cd")
    write(tmp_path, "a.events", "ef", format_version=1)
    assert read("*.events", tmp_path) == list("efabcd")


def test_concatenated_archives_are_read_one_after_the_other(tmp_path):
    parts = [
        write(tmp_path, "1.part", "ab"),
        write(tmp_path, "2.part", "cd", format_version=1),
        write(tmp_path, "3.part", "ef"),
    ]
    (tmp_path / "all.events").write_bytes(b"".join(path.read_bytes() for path in parts))
    assert read("*.events", tmp_path) == list("abcdef")
    with ReadingRollManager("*.events", tmp_path) as manager:
        taken = [manager.read()[1] for _ in range(3)]
        position = manager.position
    assert taken + read("*.events", tmp_path, position=position) == list("abcdef")


def test_a_list_of_archives_is_read_in_order_too(tmp_path):
    (tmp_path / "other").mkdir()
    first = write(tmp_path / "other", "b.events", "ab")
    second = write(tmp_path, "a.events", "cd")
    assert read([str(second), first]) == list("abcd")
    assert read(first) == ["a", "b"]


def test_folders_hidden_files_and_what_is_aside_are_left_out(tmp_path):
    write(tmp_path, "a.events", "ab")
    (tmp_path / "folder.events").mkdir()
    for name in (".0a.tmp", "a.events.torn", "a.events.corrupt", "a.events.delivery", ".x.events"):
        (tmp_path / name).write_bytes(b"x")
    with ReadingRollManager("*", tmp_path) as manager:
        assert [payload for _, payload in manager] == ["a", "b"]
        assert manager.faults == []


def test_whole_archives_that_were_compressed_are_read(tmp_path):
    path = write(tmp_path, "a.events", "ab")
    (tmp_path / "a.events.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert read("*.gz", tmp_path) == ["a", "b"]


def test_read_iteration_and_records_go_on_where_the_other_was(tmp_path):
    write_blocks(tmp_path, "a.events", ["abc", "def"])
    with ReadingRollManager("*", tmp_path) as manager:
        assert manager.read() == ({"n": "a"}, "a")
        assert next(iter(manager))[1] == "b"
        records = manager.records()
        assert next(records).payload == "c"
        assert next(records).sequence == 3
        assert manager.read()[1] == "e"
        assert [payload for _, payload in manager] == ["f"]
        with pytest.raises(NoMoreFiles):
            manager.read()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("taken", range(9))
def test_a_position_is_resumed_from_everywhere(tmp_path, version, taken):
    """Between archives, between blocks, and in the middle of a block."""
    write_blocks(tmp_path, "a.events", ["abc", "d"], format_version=version)
    write_blocks(tmp_path, "b.events", ["ef", "gh"], format_version=version)
    with ReadingRollManager("*", tmp_path) as manager:
        for item in "abcdefgh"[:taken]:
            assert manager.read()[1] == item
        position = manager.position
        assert ReadingRollManager("*", tmp_path, position=position).position == position
    assert read("*", tmp_path, position=position) == list("abcdefgh"[taken:])


@pytest.mark.parametrize("taken", range(5))
def test_a_position_holds_for_what_is_selected(tmp_path, taken):
    write_blocks(tmp_path, "a.events", ["axbx", "xx", "cxxd"])
    with ReadingRollManager("*", tmp_path, where={"n": "[a-d]"}) as manager:
        for item in "abcd"[:taken]:
            assert manager.read()[1] == item
        position = manager.position
        manager.close()
        assert manager.position == position
    assert read("*", tmp_path, where={"n": "[a-d]"}, position=position) == list("abcd"[taken:])


@pytest.mark.parametrize("position", ["", "[]", '{"a": "b"}', "null", '{"a": 1'])
def test_a_position_that_no_reader_gave_is_refused(tmp_path, position):
    with pytest.raises(RecordValueError, match="none that a reader gave"):
        ReadingRollManager("*", tmp_path, position=position)


def test_where_since_and_until_select(tmp_path):
    with ArchiveWriter(tmp_path / "a.events") as writer:
        for second, kind in enumerate(["x", "y", "X", "x"]):
            writer.write({"kind": kind, "n": f"{second}"}, f"{second}", second * 10**9)
    assert read("*", tmp_path, where={"kind": "x"}) == ["0", "3"]
    assert read("*", tmp_path, where={"kind": "*", "n": "[12]"}) == ["1", "2"]
    assert read("*", tmp_path, where={"missing": "*"}) == []
    assert read("*", tmp_path, since=10**9, until=3 * 10**9) == ["1", "2"]
    later = datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert read("*", tmp_path, since=later) == ["2", "3"]
    with pytest.raises(RecordValueError, match="no time zone"):
        ReadingRollManager("*", tmp_path, since=datetime(1970, 1, 1))  # noqa: DTZ001


def test_reading_goes_on_after_damage_and_says_what_was_left_out(tmp_path):
    path = write_blocks(tmp_path, "a.events", ["a", "b", "c"], compression="none")
    write(tmp_path, "b.events", "d")
    data = bytearray(path.read_bytes())
    at = data.index(b"b", data.index(b"n"))
    data[data.rindex(b"b", 0, len(data) * 2 // 3)] ^= 1
    path.write_bytes(data)
    with ReadingRollManager("*", tmp_path) as manager:
        found = [payload for _, payload in manager]
        assert found[0] == "a"
        assert found[-1] == "d"
        assert manager.faults
        assert all(fault.archive == str(path) for fault in manager.faults)
    with pytest.raises(ArchiveError):
        read("*", tmp_path, strict=True)
    assert at


def test_nothing_that_matches_is_no_more_files(tmp_path):
    with pytest.raises(NoMoreFiles):
        ReadingRollManager("*.events", tmp_path).read()


def test_only_foreign_files_are_no_valid_file(tmp_path):
    (tmp_path / "a.events").write_text("something else, and longer than a frame's head is" * 5)
    with pytest.raises(NoValidFile, match="nothing that matches is an archive"):
        ReadingRollManager("*.events", tmp_path).read()
    write(tmp_path, "b.events", "a")
    assert read("*.events", tmp_path) == ["a"]


def test_a_directory_that_is_missing_is_named(tmp_path):
    with pytest.raises(BadWorkingDirectory, match="missing"):
        ReadingRollManager("*.events", tmp_path / "missing")


def test_close_gives_every_descriptor_back(tmp_path):
    write(tmp_path, "a.events", "ab")
    before = descriptors()
    manager = ReadingRollManager("*", tmp_path)
    manager.read()
    manager.close()
    assert descriptors() == before
    with pytest.raises(NoMoreFiles):
        manager.read()
