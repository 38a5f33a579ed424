"""An archive's identity: from its two ends, whatever lies between."""

import gzip
import hashlib
import io

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.archive.identity import Identity, identify

ID = bytes(range(16))
CREATED = 1_700_000_000_000_000_000


def archive(path, count=3, **options):
    clock = iter(range(CREATED, CREATED * 2, 1_000_000_000)).__next__
    with ArchiveWriter(path, clock=clock, **options) as writer:
        for index in range(count):
            writer.write({}, f"{index}")
    return path


@pytest.fixture
def sealed(tmp_path):
    return archive(tmp_path / "a", archive_id=ID, metadata={"host": "web1"})


def identity(path):
    with path.open("rb") as file:
        return identify(file)


def test_it_says_what_the_header_and_the_tail_say(sealed):
    second = 1_000_000_000
    assert identity(sealed) == Identity(
        ID.hex(), 2, CREATED, "web1", 3, CREATED + second, CREATED + 3 * second
    )


def test_as_an_object_s_metadata_it_is_plain_text(sealed):
    assert identity(sealed).metadata() == {
        "archive": ID.hex(),
        "format": "2",
        "records": "3",
        "first": "2023-11-14T22:13:21Z",
        "last": "2023-11-14T22:13:23Z",
    }


def test_only_the_ends_of_a_file_are_read(tmp_path):
    path = archive(tmp_path / "a", count=20_000, compression="none", archive_id=ID)

    class Counts(io.BytesIO):
        got = 0

        def read(self, size=-1):
            data = super().read(size)
            self.got += len(data)
            return data

    file = Counts(path.read_bytes())
    assert identify(file).records == 20_000
    assert file.got < 1000


def test_one_that_is_compressed_as_a_whole_says_what_its_header_says(tmp_path, sealed):
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(sealed.read_bytes()))
    assert identity(packed) == Identity(ID.hex(), 2, CREATED, "web1")
    assert "records" not in identity(packed).metadata()


def test_several_in_one_file_have_no_count_in_common(tmp_path, sealed):
    other = archive(tmp_path / "b", archive_id=bytes(16))
    joined = tmp_path / "joined"
    joined.write_bytes(sealed.read_bytes() + other.read_bytes())
    assert identity(joined) == Identity(ID.hex(), 2, CREATED, "web1")


def test_one_whose_tail_is_damaged_has_no_count(sealed):
    data = bytearray(sealed.read_bytes())
    data[-50] ^= 1
    sealed.write_bytes(data)
    assert identity(sealed).records is None


def test_version_1_is_known_by_its_content(tmp_path):
    first, same = (archive(tmp_path / name, format_version=1) for name in ("x", "y"))
    digest = hashlib.sha256(first.read_bytes()).hexdigest()
    assert identity(first) == identity(same) == Identity(digest[:32], 1)


@pytest.mark.parametrize("content", [b"", b"x", b"PK\x03\x04" * 100, b"\x1f\x8b\x08broken"])
def test_what_does_not_begin_as_an_archive_has_none(content, caplog):
    assert identify(io.BytesIO(content)) is None
    assert caplog.text == ""


def test_nothing_is_searched_for_in_a_foreign_file(monkeypatch):
    """A large one would be read to its end."""
    monkeypatch.setattr(
        "shoebox.archive.frames.Frames.search", lambda *_: pytest.fail("it is searched")
    )
    assert identify(io.BytesIO(bytes(64 << 20))) is None
