"""Retrying: full jitter, what the service asks for, and nothing but StorageUnavailable."""

import pytest

from shoebox.backoff import BASE, CAP
from shoebox.errors import KeyCollision, StorageDenied, StorageRejected, StorageUnavailable
from shoebox.retrying import LONGEST, RetryingBackend
from shoebox_plugins.storage.local import LocalBackend


class Flaky(LocalBackend):
    """Raises the errors that it is given, one a call, and then works."""

    def __init__(self, path, *errors):
        super().__init__(path=path)
        self.errors = list(errors)

    def stat(self, key):
        if self.errors:
            raise self.errors.pop(0)
        return key


def retrying(path, *errors, jitter=1.0, give_up_after=10_000):
    waited = []

    def wait(seconds, error):
        waited.append(seconds)
        return len(waited) >= give_up_after

    return RetryingBackend(Flaky(path, *errors), wait, jitter=lambda: jitter), waited


def test_waits_grow_to_the_cap(tmp_path):
    backend, waited = retrying(tmp_path, *[StorageUnavailable("down")] * 12)
    assert backend.stat("k") == "k"
    assert waited == [min(CAP, BASE * 2**n) for n in range(12)]


def test_waits_grow_from_one_call_to_the_next_until_one_succeeds(tmp_path):
    """A service that is down is asked no oftener for being asked for several things."""
    backend, waited = retrying(tmp_path, *[StorageUnavailable("down")] * 5, give_up_after=3)
    with pytest.raises(StorageUnavailable):
        backend.stat("k")
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            backend.stat("k")
    assert backend.stat("k") == "k"
    assert waited == [BASE * 2**n for n in range(5)]
    backend._backend.errors = [StorageUnavailable("down")]
    with pytest.raises(StorageUnavailable):
        backend.stat("k")
    assert waited[-1] == BASE


def test_the_jitter_is_full(tmp_path):
    backend, waited = retrying(tmp_path, *[StorageUnavailable("down")] * 3, jitter=0.25)
    backend.stat("k")
    assert waited == [0.25 * BASE, 0.5 * BASE, BASE]


@pytest.mark.parametrize(
    ("asked", "waits"),
    [(7.0, 7.0), (1000.0, 1000.0), (0.0, BASE), (-5.0, BASE), (1e12, LONGEST)],
)
def test_it_is_waited_at_least_as_long_as_the_service_asks(tmp_path, asked, waits):
    """0 makes no busy loop, and a number beyond sense no wait for ever."""
    backend, waited = retrying(tmp_path, StorageUnavailable("busy", retry_after=asked))
    backend.stat("k")
    assert waited == [waits]


def test_after_a_long_outage_it_is_not_waited_longer_than_the_service_asks(tmp_path):
    errors = [StorageUnavailable("down")] * 9
    backend, waited = retrying(tmp_path, *errors, StorageUnavailable("busy", retry_after=1.0))
    backend.stat("k")
    assert waited[-2:] == [BASE * 2**8, 1.0]


@pytest.mark.parametrize("error", [StorageDenied, StorageRejected, KeyCollision, OSError])
def test_other_errors_are_not_retried(tmp_path, error):
    backend, waited = retrying(tmp_path, error("no"))
    with pytest.raises(error):
        backend.stat("k")
    assert waited == []


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "refused\n"), BrokenPipeError(), TimeoutError("late")]
)
def test_a_connection_s_error_that_is_none_of_ours_counts_as_unavailable(tmp_path, error):
    backend, waited = retrying(tmp_path, error, error)
    assert backend.stat("k") == "k"
    assert waited == [BASE, BASE * 2]
    backend, waited = retrying(tmp_path, error, error, give_up_after=1)
    with pytest.raises(StorageUnavailable, match=type(error).__name__) as caught:
        backend.stat("k")
    assert caught.value.__cause__ is error
    assert str(caught.value).isprintable()


def test_it_gives_up_when_it_is_told_to(tmp_path):
    backend, waited = retrying(tmp_path, *[StorageUnavailable("down")] * 9, give_up_after=3)
    with pytest.raises(StorageUnavailable):
        backend.stat("k")
    assert len(waited) == 3


def test_a_very_long_outage_does_not_overflow(tmp_path):
    backend, waited = retrying(tmp_path, *[StorageUnavailable("down")] * 2000)
    backend.stat("k")
    assert waited[-1] == CAP


def test_everything_else_is_the_backend_inside(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "store").mkdir()
    backend = RetryingBackend(LocalBackend(path=tmp_path / "store"), lambda *_: True)
    backend.put("k", tmp_path / "file")
    backend.get("k", tmp_path / "copy")
    with backend.open("k") as file:
        assert file.read() == b"x"
    assert backend.stat("k").size == 1
    assert [info.key for info in backend.list()] == ["k"]
    backend.delete("k")
    assert list(backend.list()) == []
    backend.close()
    with pytest.raises(TypeError):
        RetryingBackend.from_url("k")


def test_tries_can_be_limited(tmp_path):
    flaky = Flaky(tmp_path, *[StorageUnavailable("down")] * 9)
    waited = []
    backend = RetryingBackend(flaky, lambda seconds, _: waited.append(seconds), tries=4)
    with pytest.raises(StorageUnavailable):
        backend.stat("k")
    assert len(waited) == 3


def test_a_file_is_read_again_from_where_it_was(tmp_path):
    class Breaks(LocalBackend):
        broken = 0

        def open(self, key):
            inner = super().open(key)
            read = inner.read

            def breaks(size=-1):
                data = read(size)
                self.broken += 1
                if self.broken % 2:
                    raise StorageUnavailable("reset")
                return data

            inner.read = breaks
            return inner

    (tmp_path / "k").write_bytes(b"0123456789")
    with RetryingBackend(Breaks(path=tmp_path), lambda *_: False).open("k") as file:
        assert file.read(4) == b"0123"
        assert file.tell() == 4
        file.seek(-2, 2)
        assert file.read() == b"89"
        file.seek(1)
        buffer = bytearray(3)
        assert file.readinto(buffer) == 3
        assert buffer == b"123"


def test_a_list_that_breaks_off_is_begun_again(tmp_path):
    class Breaks(LocalBackend):
        lists = 0

        def list(self, prefix=""):
            self.lists += 1
            for number, info in enumerate(super().list(prefix)):
                if self.lists == 1 and number == 1:
                    raise StorageUnavailable("reset")
                yield info

    for name in "abc":
        (tmp_path / name).touch()
    backend = RetryingBackend(Breaks(path=tmp_path), lambda *_: False)
    assert [info.key for info in backend.list()] == ["a", "b", "c"]
