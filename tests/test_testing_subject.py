"""What a check is given, and how it says what it saw."""

import threading

import pytest

from shoebox.errors import ObjectNotFound, StorageDenied, StorageUnavailable
from shoebox.testing import MemoryBackend
from shoebox.testing.subject import (
    Failed,
    constructor_fault,
    content,
    refusing,
    refusing_the_file,
)
from tests.subjects import subject


def test_content_is_the_same_each_time_and_other_for_each_seed():
    assert content(1000) == content(1000) != content(1000, 1)
    assert len(content(300)) == 300


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (StorageDenied("no"), "put: StorageDenied: 'no', not ObjectNotFound"),
        (KeyError("k"), "put: KeyError"),
    ],
)
def test_who_does_not_refuse_as_he_should_is_told_what_he_did(raised, message):
    with pytest.raises(Failed, match=message), refusing(ObjectNotFound, "put"):
        raise raised
    with pytest.raises(Failed, match="put: nothing was raised, not ObjectNotFound"):
        refuse_nothing()


def refuse_nothing():
    with refusing(ObjectNotFound, "put"):
        pass


def test_who_refuses_as_he_should_passes():
    passed = []
    with refusing((ObjectNotFound, StorageDenied), "put"):
        raise StorageDenied("no")
    passed.append("refusing")
    with refusing_the_file("put"):
        raise FileNotFoundError("gone")
    passed.append("refusing_the_file")
    assert passed == ["refusing", "refusing_the_file"]


@pytest.mark.parametrize("error", [StorageUnavailable("no"), StorageDenied("no"), KeyError()])
def test_what_is_the_files_fault_is_none_of_the_services(error):
    """Both of these are of the builtin's kind too."""
    with pytest.raises(Failed, match="not"), refusing_the_file("put"):
        raise error
    with pytest.raises(Failed, match="nothing"), refusing_the_file("put"):
        pass


def test_a_message_is_one_line_whatever_a_backend_says():
    with pytest.raises(Failed) as caught, refusing(ObjectNotFound, "put"):
        raise StorageDenied("\x1b[31m\n" * 1000)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


def test_a_list_may_lag_behind_for_as_long_as_it_is_allowed(tmp_path):
    class Lags(MemoryBackend):
        lists = 0

        def list(self, prefix=""):
            self.lists += 1
            return super().list(prefix) if self.lists > 2 else iter(())

    memory = Lags()
    memory.raw_put("key", b"")
    subject(memory, tmp_path, lag=60).require_keys(["key"])
    assert memory.lists == 3
    memory.lists = 0
    with pytest.raises(Failed, match="without \"\\['key'\\]\""):
        subject(memory, tmp_path).require_keys(["key"])


def test_each_file_has_a_folder_of_its_own(tmp_path):
    it = subject(MemoryBackend(), tmp_path)
    paths = []
    threads = [threading.Thread(target=lambda: paths.append(it.file(b"x"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({path.parent for path in paths}) == 8
    assert list(it.vacant().parent.iterdir()) == []


def test_a_constructor_that_takes_what_it_is_given_has_no_fault():
    assert constructor_fault(MemoryBackend) is None
