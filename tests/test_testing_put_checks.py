"""The checks of a put: each catches the backends that it is there for."""

import dataclasses
from pathlib import Path

import pytest

from shoebox.digests import KINDS
from shoebox.errors import KeyCollision, StorageUnavailable
from shoebox.storage import check_metadata, validate_key
from shoebox.testing import Fault, FaultyBackend, MemoryBackend, put_checks
from tests.subjects import REFUSALS, subject


class Lax(MemoryBackend):
    """Stores whatever it reads, as `read` reads it, if `takes` says so."""

    def put(self, key, path, metadata=None):
        data = self.read(Path(path), dict(metadata or {}))
        there = self.raw_get(validate_key(key))
        if there is None or self.takes(there, data):
            super().raw_put(key, data)
            self.note(key, check_metadata(metadata))

    def read(self, path, metadata):
        return path.read_bytes()

    def takes(self, there, data):
        if there != data:
            raise KeyCollision("other content")
        return False

    def note(self, key, metadata):
        self._objects[key] = dataclasses.replace(self._objects[key], metadata=metadata)


class Overwrites(Lax):
    def takes(self, there, data):
        return True


class IgnoresOtherContent(Lax):
    def takes(self, there, data):
        return False


class ComparesSizes(Lax):
    def takes(self, there, data):
        if len(there) != len(data):
            raise KeyCollision("other content")
        return False


class RefusesWhatIsThere(Lax):
    def takes(self, there, data):
        raise KeyCollision("taken")


class StoresUnchecked(Lax):
    pass


class ChecksWhenStored(Lax):
    def put(self, key, path, metadata=None):
        super().put(key, path, metadata)
        if KINDS & (metadata or {}).keys():
            raise StorageUnavailable("a digest is wrong")


class StoresWhatIsCut(Lax):
    """Its second read comes after the cut, and it doesn't miss anything."""

    def read(self, path, metadata):
        with path.open("rb") as file:
            return file.read(1 << 10) + file.read()


class TakesEmptyForNothing(MemoryBackend):
    def raw_get(self, key):
        return super().raw_get(key) or None


class DropsLastByte(Lax):
    def read(self, path, metadata):
        return path.read_bytes()[:-1]


class FoldsCase(MemoryBackend):
    def put(self, key, path, metadata=None):
        super().put(key.lower(), path, metadata)


class DropsPlus(MemoryBackend):
    def put(self, key, path, metadata=None):
        super().put(key.replace("+", "-"), path, metadata)


class DropsMetadata(MemoryBackend):
    def put(self, key, path, metadata=None):
        super().put(key, path)


class TitlesMetadata(Lax):
    def note(self, key, metadata):
        super().note(key, {name.title(): value for name, value in metadata.items()})


class AddsMetadata(Lax):
    def note(self, key, metadata):
        super().note(key, metadata | {"content-type": "binary"})


class NewMetadata(MemoryBackend):
    def put(self, key, path, metadata=None):
        super().put(key, path, metadata)
        self._objects[key] = dataclasses.replace(self._objects[key], metadata=metadata or {})


class TakesAnyMetadata(Lax):
    def put(self, key, path, metadata=None):
        self.raw_put(key, path.read_bytes())


class TrustsItsChecksum(MemoryBackend):
    """Says what it was told, rather than what is stored."""

    def stat(self, key):
        return dataclasses.replace(super().stat(key), checksums={"md5": "0" * 32})


class ForgetsTheZone(MemoryBackend):
    def stat(self, key):
        info = super().stat(key)
        return dataclasses.replace(info, modified=info.modified.replace(tzinfo=None))


class MissingFileIsUnavailable(MemoryBackend):
    def put(self, key, path, metadata=None):
        try:
            super().put(key, path, metadata)
        except FileNotFoundError as error:
            raise StorageUnavailable("gone") from error


CAUGHT = [
    (put_checks.an_empty_file, TakesEmptyForNothing),
    (put_checks.one_byte, DropsLastByte),
    (put_checks.a_file, DropsLastByte),
    (put_checks.a_file, TrustsItsChecksum),
    (put_checks.a_file, ForgetsTheZone),
    (put_checks.odd_keys, FoldsCase),
    (put_checks.odd_keys, DropsPlus),
    (put_checks.metadata, DropsMetadata),
    (put_checks.metadata, TitlesMetadata),
    (put_checks.metadata, AddsMetadata),
    (put_checks.refused_metadata, TakesAnyMetadata),
    (put_checks.other_content, Overwrites),
    (put_checks.other_content, IgnoresOtherContent),
    (put_checks.other_content, ComparesSizes),
    (put_checks.equal_content, RefusesWhatIsThere),
    (put_checks.equal_content, NewMetadata),
    (put_checks.a_strangers_object, Overwrites),
    (put_checks.a_strangers_object, IgnoresOtherContent),
    (put_checks.a_strangers_object, RefusesWhatIsThere),
    (put_checks.a_wrong_checksum, StoresUnchecked),
    (put_checks.a_wrong_checksum, ChecksWhenStored),
    (put_checks.a_file_that_is_cut, StoresWhatIsCut),
    (put_checks.a_missing_file, MissingFileIsUnavailable),
]


@pytest.mark.parametrize(("check", "kind"), CAUGHT, ids=lambda it: it.__name__)
def test_a_backend_that_breaks_the_duty_is_caught(check, kind, tmp_path):
    with pytest.raises(REFUSALS):
        check(subject(kind(), tmp_path))


@pytest.mark.parametrize(
    "kind", ["lie", "corrupt", "truncated", "lost_reply", "unavailable", "denied"]
)
def test_a_store_that_lies_is_caught(kind, tmp_path):
    memory = MemoryBackend()
    faulty = FaultyBackend(memory, [Fault("put", kind)])
    faulty.inner = memory
    with pytest.raises(REFUSALS):
        put_checks.a_file(subject(faulty, tmp_path))
    faulty.assert_all_met()


def test_a_backend_that_takes_no_digests_has_none_to_refuse(tmp_path):
    class TakesNone(Lax):
        checksums = frozenset()

    assert put_checks.a_wrong_checksum(subject(TakesNone(), tmp_path)) == "it takes no digests"


def test_leftovers_of_an_upload_are_caught(tmp_path):
    it = subject(MemoryBackend(), tmp_path, leftovers=lambda: ["part-1"])
    with pytest.raises(REFUSALS, match="part-1"):
        put_checks.a_wrong_checksum(it)


def test_a_source_that_is_read_in_one_piece_may_be_stored(tmp_path):
    """What was read before the cut is whole."""
    seen = put_checks.a_file_that_is_cut(subject(MemoryBackend(), tmp_path))
    assert seen == "stored whole, since it was read before"
