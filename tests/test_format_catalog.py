"""The bytes of a catalog: what was written comes back, and what can't be is refused."""

import io
import logging
import struct
import sys
from array import array

import pytest
import zstandard
from xxhash import xxh3_64_digest

from shoebox.catalog import Catalog
from shoebox.errors import ConfigError, FormatError
from shoebox.format import catalog, codecs
from shoebox.format.catalog import ABSENT, Part, Row, Table, hash_of
from shoebox.format.section import Section, encode_section
from shoebox.selection import Selection
from shoebox.testing import MemoryBackend

NUMBERS = [hash_of("1") << 32, hash_of("2") << 32 | 1]
WANTED = Selection({"a": "1"})


def row(number, *values):
    return Row(f"k{number}", 100, "", "", number, 0, 1, 0, 9, [*values])


ROWS = [row(0, 1), row(1, 1)]


def part_of(raw, at=0):
    section, stored = encode_section(codecs.NONE, raw)
    return Part(at, section), stored


PART, STORED = part_of(struct.pack("<2Q", *sorted(NUMBERS)))


def sealed(table, stored=STORED):
    """Return a catalog whose checksums are right, whatever it says."""
    section, raw = encode_section(codecs.NONE, catalog._encode(table))
    return stored + raw + end(len(stored), section)


def end(at, section):
    fields = catalog._END.pack(catalog._MAGIC, at, *section)
    return fields + struct.pack("<I", codecs.checksum(fields))


def opened(data):
    backend = MemoryBackend()
    backend.raw_put("x.catalog", data)
    return Catalog(backend, "x.catalog")


def test_what_was_written_comes_back():
    file = io.BytesIO()
    catalog.write(file, ["a"], ROWS, [array("Q", NUMBERS)])
    table = catalog.decode(file)
    assert (table.keys, table.rows) == (["a"], ROWS)
    [[part]] = table.parts
    assert list(catalog.read_part(file, part)) == sorted(NUMBERS)


def test_one_that_is_put_together_here_is_sound():
    found = opened(sealed(Table(["a"], ROWS, [[PART]])))
    assert found.able(WANTED) == {0}
    assert list(found.everything()["a"]) == sorted(NUMBERS)


LIES = {
    "a key twice": Table(["a", "a"], [row(0, 1, 1)], [[PART], [PART]]),
    "a key without parts": Table(["a"], ROWS, []),
    "parts of no key": Table([], [row(0)], [[PART]]),
    "an archive twice": Table(["a"], [ROWS[0], ROWS[0]], [[PART]]),
    "values of fewer keys": Table(["a"], [row(0)], [[PART]]),
    "values of more keys": Table(["a"], [row(0, 1, ABSENT)], [[PART]]),
    "no part for any hash": Table(["a"], ROWS, [[]]),
    "parts that hashes don't lead to": Table(["a"], ROWS, [[PART] * 3]),
    "a part before the file": Table(["a"], ROWS, [[PART._replace(at=-1)]]),
    "a part beyond the parts": Table(["a"], ROWS, [[PART._replace(at=1)]]),
    "a part beyond all numbers": Table(["a"], ROWS, [[PART._replace(at=2**64 - 1)]]),
    "a part of fewer bytes than none": Table(["a"], ROWS, [[Part(0, Section(-1, 16))]]),
    "a part that unpacks to less than nothing": Table(["a"], ROWS, [[Part(0, Section(0, -8))]]),
    "a part that unpacks to anything": Table(["a"], ROWS, [[Part(0, Section(4, 2**40, 0, 1))]]),
    "parts of too many values": Table(
        ["a", "b"],
        [row(0, 1, 1)],
        [[Part(0, Section(4, 8 * catalog.MAX_TOTAL))], [Part(0, Section(4, 8))]],
    ),
    "a part of half a number": Table(["a"], ROWS, [[Part(0, PART.section._replace(raw=12))]]),
}


REASONS = {
    "its table tells of a key twice, or not at all": (
        "a key twice",
        "a key without parts",
        "parts of no key",
    ),
    "its table tells of an archive twice": ("an archive twice",),
    "its table counts the values of other keys": ("values of fewer keys", "values of more keys"),
    "its table has another number of parts than hashes lead to": (
        "no part for any hash",
        "parts that hashes don't lead to",
    ),
    f"its parts have more than {catalog.MAX_TOTAL} values": ("parts of too many values",),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_table_that_does_not_fit_together_is_refused_and_rules_nothing_out(lie, caplog):
    caplog.set_level(logging.ERROR)
    data = sealed(LIES[lie])
    reasons = (reason for reason, lies in REASONS.items() if lie in lies)
    reason = next(reasons, "its table tells of a part that can't be")
    with pytest.raises(FormatError, match=f"^{reason}$"):
        catalog.decode(io.BytesIO(data))
    found = opened(data)
    assert not found.rules_out("k1", 100, WANTED)
    assert found.everything() is None


def test_one_that_was_cut_anywhere_knows_nothing(caplog):
    caplog.set_level(logging.ERROR)
    data = sealed(Table(["a"], ROWS, [[PART]]))
    for size in range(len(data)):
        with pytest.raises(FormatError, match="^its end is missing, or was changed$"):
            catalog.decode(io.BytesIO(data[:size]))
        found = opened(data[:size])
        assert not found.rules_out("k1", 100, WANTED)
        assert found.everything() is None


@pytest.mark.parametrize(
    "numbers",
    [[], [2**64 - 1], [hash_of("1") << 32 | 7], NUMBERS[::-1], NUMBERS * 2],
    ids=["none", "the last", "a row that is not there", "out of order", "each twice"],
)
def test_numbers_that_lie_lead_to_no_row_that_is_not_there(numbers):
    part, stored = part_of(struct.pack(f"<{len(numbers)}Q", *numbers))
    found = opened(sealed(Table(["a"], ROWS, [[part]]), stored))
    assert found.able(WANTED) <= {0, 1}
    assert len(found.everything()["a"]) == len(numbers)


@pytest.mark.parametrize(
    "section",
    [
        Section(2**32 - 1, 10),
        Section(10, 2**32 - 1, 0, codecs.ZSTD),
        Section(10, catalog.MAX_TABLE + 1, 0, codecs.ZSTD),
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2**63, 2**64 - 1])
def test_an_end_that_leads_nowhere_is_refused_before_anything_is_read(section, at):
    class Short(io.BytesIO):
        def read(self, size=-1):
            assert 0 <= size <= 100
            return super().read(size)

    with pytest.raises(FormatError, match="^its table is not where it says, or over the limit$"):
        catalog.decode(Short(end(at, section)))


def test_a_bomb_is_not_unpacked():
    stored = zstandard.compress(bytes(catalog.MAX_TABLE + 1))
    section = Section(len(stored), catalog.MAX_TABLE, codecs.checksum(stored), codecs.ZSTD)
    with pytest.raises(FormatError, match="declares another size"):
        catalog.decode(io.BytesIO(stored + end(0, section)))


def test_more_archives_than_a_catalog_may_hold_are_not_written(monkeypatch):
    monkeypatch.setattr(catalog, "MAX_TABLE", 10)
    message = (
        "the catalog of 2 archives would be over the limit of 10 bytes: make one for each of "
        "several longer prefixes"
    )
    with pytest.raises(ConfigError, match=f"^{message}$"):
        catalog.write(io.BytesIO(), ["a"], ROWS, [array("Q", NUMBERS)])


def test_one_of_another_version_is_named_so():
    fields = catalog._END.pack(b"shoebox catalog\2", 0, *Section())
    with pytest.raises(FormatError, match="^it is of another version$"):
        catalog.decode(io.BytesIO(fields + struct.pack("<I", codecs.checksum(fields))))


class Counted(io.BytesIO):
    count = 0

    def read(self, size=-1):
        data = super().read(size)
        self.count += len(data)
        return data


def test_a_table_that_is_longer_than_what_is_read_first_is_read_whole():
    rows = [row(number, 1) for number in range(5000)]
    data = sealed(Table(["a"], rows, [[PART]]))
    assert len(data) > catalog._FIRST
    file = Counted(data)
    table = catalog.decode(file)
    assert table.rows == rows
    assert file.count == len(data) - len(STORED)
    assert list(catalog.read_part(io.BytesIO(data), table.parts[0][0])) == sorted(NUMBERS)


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x93\x90\x90", b"\x93\x91\xa1\xff\x90\x90"])
def test_a_table_that_can_not_be_decoded_is_refused_with_the_reason(raw):
    section, stored = encode_section(codecs.NONE, raw)
    with pytest.raises(FormatError, match="its table can't be decoded: .+"):
        catalog.decode(io.BytesIO(stored + end(0, section)))


def test_where_numbers_have_their_high_bytes_first_they_are_turned_round(monkeypatch):
    monkeypatch.setattr(sys, "byteorder", "big")
    numbers = catalog.read_part(io.BytesIO(STORED), PART)
    numbers.byteswap()
    assert list(numbers) == sorted(NUMBERS)


def test_a_table_over_the_limit_is_refused_although_it_is_where_it_says():
    section = Section(10, catalog.MAX_TABLE + 1, 0, codecs.ZSTD)
    with pytest.raises(FormatError, match="over the limit$"):
        catalog.decode(io.BytesIO(bytes(10) + end(0, section)))


def test_each_key_has_parts_of_its_own_in_which_a_hash_is_found_by_its_first_bits(monkeypatch):
    monkeypatch.setattr(catalog, "PART", 4)
    values = [
        array("Q", [hash_of(f"{key}{number}") << 32 | number for number in range(20)])
        for key in range(3)
    ]
    rows = [row(number, 20, 20, 20) for number in range(20)]
    file = io.BytesIO()
    catalog.write(file, ["a", "b", "c"], rows, values)
    table = catalog.decode(file)
    for numbers, parts in zip(values, table.parts, strict=True):
        assert len(parts) == 8
        found = [list(catalog.read_part(file, part)) for part in parts]
        assert found == [sorted(it for it in numbers if it >> 61 == at) for at in range(8)]


def test_a_table_that_is_just_within_the_limit_is_written(monkeypatch):
    file = io.BytesIO()
    catalog.write(file, ["a"], ROWS, [array("Q", NUMBERS)])
    size = len(catalog._encode(catalog.decode(file)))
    monkeypatch.setattr(catalog, "MAX_TABLE", size)
    file = io.BytesIO()
    catalog.write(file, ["a"], ROWS, [array("Q", NUMBERS)])
    assert catalog.decode(file).rows == ROWS


def test_a_value_s_number_is_the_low_half_of_its_hash():
    for number in range(50):
        digest = xxh3_64_digest(str(number).encode())
        assert hash_of(str(number)) == int.from_bytes(digest[4:], "big")


def test_parts_of_as_many_values_as_there_may_be_are_read():
    table = Table(["a"], ROWS, [[Part(0, Section(8, 8 * catalog.MAX_TOTAL))]])
    assert catalog.decode(io.BytesIO(sealed(table, bytes(8)))) == table
