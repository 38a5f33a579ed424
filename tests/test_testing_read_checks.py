"""The checks of what is read, listed and deleted: each catches what it is there for."""

import dataclasses
import io
from pathlib import Path

import pytest

from shoebox.errors import ObjectNotFound, StorageUnavailable
from shoebox.testing import MemoryBackend, read_checks
from tests.subjects import REFUSALS, subject


class MissingIsUnavailable(MemoryBackend):
    def stat(self, key):
        try:
            return super().stat(key)
        except ObjectNotFound as error:
            raise StorageUnavailable(str(error)) from error


class MissingIsEmpty(MemoryBackend):
    def open(self, key):
        return io.BytesIO(self.raw_get(key) or b"")


class DeletesWhatIsNotThere(MemoryBackend):
    def delete(self, key):
        self._objects.pop(key, None)


class DeletesByPrefix(MemoryBackend):
    def delete(self, key):
        super().delete(key)
        for other in [it for it in self._objects if it.startswith(key)]:
            super().delete(other)


class DeletesNothing(MemoryBackend):
    def delete(self, key):
        self.stat(key)


class KeepsMetadata(MemoryBackend):
    """A key that was deleted and put again has what its first object had."""

    kept: dict

    def put(self, key, path, metadata=None):
        self.kept = {**getattr(self, "kept", {})}
        super().put(key, path, self.kept.setdefault(key, metadata))


class KnowsOnlyItsOwn(MemoryBackend):
    def stat(self, key):
        info = super().stat(key)
        return dataclasses.replace(info, size=int(info.metadata["size"]))


class MakesTheFileFirst(MemoryBackend):
    def get(self, key, path):
        with Path(path).open("xb") as file:
            file.write(self._found(key).data)


class Replaces(MemoryBackend):
    def get(self, key, path):
        Path(path).write_bytes(self._found(key).data)


class LeavesADraft(MemoryBackend):
    def get(self, key, path):
        draft = Path(path).with_suffix(".draft")
        draft.write_bytes(self._found(key).data)
        Path(path).hardlink_to(draft)
        draft.unlink()


class FullDiskIsUnavailable(MemoryBackend):
    def get(self, key, path):
        try:
            super().get(key, path)
        except OSError as error:
            raise StorageUnavailable(str(error)) from error


class Reads(MemoryBackend):
    """Opens an object as a file of another kind."""

    File = io.BytesIO

    def open(self, key):
        return self.File(self._found(key).data)


class NotSeekable(Reads):
    class File(io.BytesIO):
        def seekable(self):
            return False


class IgnoresWhence(Reads):
    class File(io.BytesIO):
        def seek(self, offset, whence=0):
            return super().seek(max(0, offset))


class OneByteTooMany(Reads):
    class File(io.BytesIO):
        def read(self, size=-1):
            return super().read(size if size < 0 else size + 1)


class Unsorted(MemoryBackend):
    def list(self, prefix=""):
        return reversed([*super().list(prefix)])


class FirstPageOnly(MemoryBackend):
    def list(self, prefix=""):
        return iter([*super().list(prefix)][:10])


class RepeatsThePageEnd(MemoryBackend):
    def list(self, prefix=""):
        found = [*super().list(prefix)]
        return iter(found[:10] + found[9:])


class PrefixIsAFolder(MemoryBackend):
    def list(self, prefix=""):
        return (it for it in super().list() if not prefix or it.key.startswith(f"{prefix}/"))


class ListsTheLastSegment(MemoryBackend):
    def list(self, prefix=""):
        for info in super().list(prefix):
            yield dataclasses.replace(info, key=info.key.rpartition("/")[2])


class ListsNoSize(MemoryBackend):
    def list(self, prefix=""):
        for info in super().list(prefix):
            yield dataclasses.replace(info, size=0)


CAUGHT = [
    (read_checks.missing, MissingIsUnavailable),
    (read_checks.missing, MissingIsEmpty),
    (read_checks.missing, DeletesWhatIsNotThere),
    (read_checks.a_delete, DeletesWhatIsNotThere),
    (read_checks.a_delete, DeletesByPrefix),
    (read_checks.a_delete, DeletesNothing),
    (read_checks.a_delete, KeepsMetadata),
    (read_checks.a_strangers_object_is_read, DeletesNothing),
    (read_checks.a_get_replaces_nothing, Replaces),
    (read_checks.a_get_is_whole, MakesTheFileFirst),
    (read_checks.a_get_is_whole, LeavesADraft),
    (read_checks.a_get_is_whole, FullDiskIsUnavailable),
    (read_checks.ranges, NotSeekable),
    (read_checks.ranges, IgnoresWhence),
    (read_checks.ranges, OneByteTooMany),
    (read_checks.a_list, Unsorted),
    (read_checks.a_list, PrefixIsAFolder),
    (read_checks.a_list, ListsTheLastSegment),
    (read_checks.a_list, ListsNoSize),
    (read_checks.a_long_list, FirstPageOnly),
    (read_checks.a_long_list, RepeatsThePageEnd),
    (read_checks.a_long_list, Unsorted),
]


@pytest.mark.parametrize(("check", "kind"), CAUGHT, ids=lambda it: it.__name__)
def test_a_backend_that_breaks_the_duty_is_caught(check, kind, tmp_path):
    with pytest.raises(REFUSALS):
        check(subject(kind(), tmp_path))


def test_a_backend_that_can_not_read_what_others_put_is_caught(tmp_path):
    with pytest.raises(KeyError, match="size"):
        read_checks.a_strangers_object_is_read(subject(KnowsOnlyItsOwn(), tmp_path))


def test_a_file_that_is_as_good_as_bytes_in_memory_passes(tmp_path):
    assert "reads" in read_checks.ranges(subject(Reads(), tmp_path))
