import errno
import itertools
import uuid

import pytest

from shoebox.archive import ArchiveReader
from shoebox.archive.blocks import Blocks
from shoebox.archive.layout import layout_of
from shoebox.archive.openfile import OpenFile
from shoebox.archive.pending import Pending
from shoebox.format import v2
from tests.interrupting import signalled_at

ID = uuid.UUID(int=1).bytes


@pytest.fixture
def layout():
    return layout_of(2, ID, ID, created=0, sequence=0, compression="none", metadata={})


@pytest.fixture
def file(tmp_path, layout):
    file = OpenFile(tmp_path / "a", None, ())
    file.append(*layout.header())
    yield file
    file.release()


def block(layout, sequence, *payloads):
    pending = Pending()
    for payload in payloads:
        pending.items.extend((v2.encode_map({}), payload, 0))
    return layout.block(pending, sequence)


def given(path):
    with ArchiveReader(path) as reader:
        found = [payload for _, payload in reader]
    assert reader.faults == []
    return found


def test_what_is_appended_is_counted_and_what_is_committed_need_not_be_kept(layout, file):
    blocks = Blocks(file, layout)
    first, second = block(layout, 0, "a", "b"), block(layout, 2, "c")
    blocks.append(first)
    assert (blocks.records, blocks.committed, list(blocks.unsynced())) == (2, 0, [first])
    blocks.commit()
    blocks.append(second)
    assert (blocks.records, blocks.committed, list(blocks.unsynced())) == (3, 2, [second])
    assert given(file.path) == ["a", "b", "c"]


def test_what_the_disk_refuses_changes_nothing(layout, file, monkeypatch):
    blocks = Blocks(file, layout)
    blocks.append(block(layout, 0, "a"))
    with monkeypatch.context() as patch:
        patch.setattr("os.writev", refuse)
        with pytest.raises(OSError, match="make room"):
            blocks.append(block(layout, 1, "b"))
        with pytest.raises(OSError, match="make room"):
            blocks.end()
    assert (blocks.records, blocks.ended) == (1, False)
    blocks.append(block(layout, 1, "c"))
    blocks.end()
    assert (blocks.records, blocks.ended) == (2, True)
    assert given(file.path) == ["a", "c"]


def refuse(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


class Interrupting:
    """A layout, in whose first `placed` a signal handler raises, before or after it."""

    def __init__(self, layout, *, late):
        self._layout = layout
        self._late = late
        self._raised = False

    def __getattr__(self, name):
        return getattr(self._layout, name)

    def placed(self, placement):
        if self._raised or self._late:
            self._layout.placed(placement)
        if not self._raised:
            self._raised = True
            raise KeyboardInterrupt


@pytest.mark.parametrize("late", [False, True])
def test_what_a_signal_handler_raises_when_the_bytes_are_in_the_file_is_too_late(
    layout, file, late
):
    blocks = Blocks(file, Interrupting(layout, late=late))
    with pytest.raises(KeyboardInterrupt):
        blocks.append(block(layout, 0, "a"))
    assert (blocks.records, len(list(blocks.unsynced()))) == (1, 1)
    blocks.append(block(layout, 1, "b"))
    blocks.end()
    blocks.commit()
    file.publish()
    assert given(file.path) == ["a", "b"]


def test_a_signal_at_any_moment_leaves_a_block_in_it_or_out_of_it(tmp_path):
    for number in itertools.count():
        layout = layout_of(2, ID, ID, created=0, sequence=0, compression="none", metadata={})
        file = OpenFile(tmp_path / str(number), None, ())
        file.append(*layout.header())
        blocks = Blocks(file, layout)
        blocks.append(block(layout, 0, "a"))
        within = block(layout, 1, "b")
        came = signalled_at(number, lambda: blocks.append(within))  # noqa: B023
        blocks.append(block(layout, blocks.records, "c"))
        blocks.end()
        blocks.commit()
        assert blocks.committed == blocks.records
        file.publish()
        file.release()
        assert given(file.path) in (["a", "c"], ["a", "b", "c"])
        if not came:
            break
    assert given(file.path) == ["a", "b", "c"]
