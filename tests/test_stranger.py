"""docs/format.md is enough to write a reader from: what it reads is what shoebox reads."""

import gzip
import random
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from xxhash import xxh3_64_intdigest

from shoebox.archive import ArchiveReader
from shoebox.format import filters
from tests import golden, stranger


def ours(path: Path) -> list[stranger.Row]:
    with ArchiveReader(path) as reader:
        rows = [
            stranger.Row(r.metadata, r.payload, r.timestamp, r.writer, r.sequence)
            for r in reader.records()
        ]
        assert reader.faults == []
    return rows


@pytest.mark.parametrize("name", golden.SPECIMENS)
def test_the_stranger_reads_each_golden_file_as_it_is_expected(name):
    rows = stranger.read((golden.DATA / name).read_bytes())
    described = [golden.describe(r.metadata, r.payload, r.time, r.sequence) for r in rows]
    assert described == golden.expected(name)


@pytest.mark.parametrize("name", golden.SPECIMENS)
def test_the_stranger_and_shoebox_read_the_same(name):
    path = golden.DATA / name
    assert stranger.read(path.read_bytes()) == ours(path)


@pytest.mark.parametrize("name", [name for name in golden.SPECIMENS if name.startswith("v2")])
def test_the_index_leads_to_every_record(name):
    data = (golden.DATA / name).read_bytes()
    assert stranger.read_by_index(data) == stranger.read(data)


def test_archives_that_follow_each_other_are_stepped_back_over():
    data = b"".join(
        (golden.DATA / name).read_bytes() for name in ("v2-none.events", "v2-tree.events")
    )
    assert stranger.read_by_index(data) == stranger.read(data)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_the_stranger_reads_what_is_compressed_as_a_whole(pack):
    data = (golden.DATA / "v2-none.events").read_bytes()
    assert stranger.read(pack(data[:700]) + pack(data[700:])) == stranger.read(data)


@pytest.mark.parametrize("compression", ["none", "zstd", "gzip"])
def test_the_stranger_reads_random_records(tmp_path, compression):
    rng = random.Random(compression)  # noqa: S311
    texts = ["", "i", "x" * 300, "größe" * 20_000, "\x84x\x86i", "🦊"]
    payloads = [*texts, b"", golden.MAGIC * 5, rng.randbytes(70_000), rng.randbytes(1)]
    blocks = [
        [
            ({rng.choice(texts): rng.choice(texts)}, rng.choice(payloads), rng.getrandbits(60))
            for _ in range(rng.randrange(1, 5))
        ]
        for _ in range(10)
    ]
    path = golden.write_blocks(tmp_path / "a.events", blocks, compression=compression)
    data = path.read_bytes()
    assert stranger.read(data) == stranger.read_by_index(data) == ours(path)


def test_the_filters_hold_the_values_of_their_block():
    data = (golden.DATA / "v2-tree.events").read_bytes()
    at = data.index(stranger.MAGIC + bytes((2, 0, stranger.INDEX, 1)))
    first, second = stranger.entries(data, at, stranger.parse_head(data, at))
    for entry, value, other in ((first, "0", "1"), (second, "1", "0")):
        assert list(entry[7]) == ["id"]
        assert stranger.may_hold(entry[7]["id"], xxh3_64_intdigest(value.encode()))
        assert not stranger.may_hold(entry[7]["id"], xxh3_64_intdigest(other.encode()))


def test_the_page_has_the_examples_right():
    page = (Path(__file__).parents[1] / "docs" / "format.md").read_text()
    n1, n2 = (xxh3_64_intdigest(value) for value in (b"n1", b"n2"))
    host = bytearray(32)
    host[16], host[18], host[22], host[23] = 0x20, 0x08, 0x08, 0x01
    assert stranger.may_hold(host, n1)
    assert stranger.may_hold(host, n2)
    assert host == filters.build({"n1", "n2"})
    assert f"{n1:016x}" in page
    assert f"{n2:016x}" in page
    assert stranger.crc32c(b"123456789") == 0xE3069283


def test_the_stranger_imports_nothing_of_shoebox():
    code = "import sys; import tests.stranger; print([n for n in sys.modules if 'shoebox' in n])"
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)
    assert done.stdout == b"[]\n"
