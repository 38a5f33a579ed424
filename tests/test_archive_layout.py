"""What a writer puts into an archive of each version."""

import pytest

from shoebox.archive import ArchiveReader
from shoebox.archive.layout import (
    LayoutV1,
    LayoutV2,
    Pending,
    block_filters,
    layout_of,
)
from shoebox.errors import RecordValueError
from shoebox.format import filters, index, runs, v2
from tests import golden


def layout(**options) -> LayoutV2 | LayoutV1:
    values = {"created": 1, "sequence": 7, "compression": "none", "metadata": {"k": "v"}}
    version = options.pop("version", 2)
    return layout_of(version, golden.ARCHIVE_ID, golden.WRITER_ID, **values | options)


def test_version_1_has_no_header_and_no_end():
    found = layout(version=1)
    assert isinstance(found, LayoutV1)
    assert not found.header()
    assert not found.end(0, 0)


def test_the_header_says_who_writes_what_and_when():
    head, stored = layout().header()
    frame = v2.decode_frame(head)
    assert (frame.kind, frame.archive_id, frame.offset) == (v2.HEADER, golden.ARCHIVE_ID, 0)
    assert (frame.first_time, frame.last_time, frame.sequence) == (1, 1, 7)
    assert v2.decode_origin(stored) == (golden.WRITER_ID, {"k": "v"})


@pytest.mark.parametrize("options", [{"version": 0}, {"version": 3}, {"compression": "lzma"}])
def test_what_no_version_knows_is_refused_by_what_is_known(options):
    with pytest.raises(RecordValueError, match="use"):
        layout(**options)


def test_index_frames_are_written_before_the_block_that_would_be_one_too_many(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(index, "FANOUT", 3)
    blocks = [[({}, str(at), at)] for at in range(8)]
    data = golden.write_blocks(tmp_path / "a", blocks).read_bytes()
    kinds, at = [], 0
    while at < len(data):
        frame = v2.decode_frame(data[at : at + v2.FRAME_SIZE])
        kinds.append(frame.kind if isinstance(frame, v2.Frame) else v2.TAIL)
        at += frame.size
    block, root = v2.BLOCK, v2.INDEX
    assert kinds == [
        v2.HEADER,
        *[block] * 3,
        root,
        *[block] * 3,
        root,
        block,
        block,
        root,
        root,
        v2.TAIL,
    ]


def test_nothing_is_taken_in_before_it_is_in_the_file():
    """A block that could not be written is placed again, and the index knows it once."""
    found = layout()
    block = _block(found)
    first = found.place(block, 141, 0)
    assert found.place(block, 141, 0) == first
    found.placed(first)
    _, table, *_ = found.end(500, 0)
    assert len(index.decode(table, 1, 32).entries) == 1


def _block(found):
    pending = Pending()
    pending.items.extend((v2.encode_map({"k": "v"}), "payload", 5))
    pending.shape({"k": "v"}).add(("v", "v"))
    return found.block(pending, 7)


def test_filters_that_would_be_too_large_are_left_out():
    few = {"k": {"v"}}
    assert block_filters(few).keys() == {"k"}
    many = {str(key): {str(value) for value in range(6000)} for key in range(9)}
    assert block_filters(many) is None
    assert block_filters({"0": many["0"]}) is not None
    assert block_filters(many, {"0"}) is not None
    assert block_filters({"k" * runs.MAX_FILTERS: {"v"}}) is None


def test_keys_that_are_not_to_be_indexed_are_known_and_have_no_filter(tmp_path):
    row = ({"a": "1", "b": "2"}, "x", 0)
    path = golden.write_blocks(tmp_path / "a", [[row]], index_keys=["b"])
    with ArchiveReader(path, strict=True) as reader:
        [found] = [reader.read_index(it) for it in reader.frames() if it.is_a(v2.INDEX)]
    assert found[0].filters == {"a": b"", "b": filters.build({"2"})}
