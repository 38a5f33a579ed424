"""The backend that fails on command."""

import pytest

from shoebox.errors import ObjectNotFound, StorageDenied, StorageUnavailable
from shoebox.testing import Fault, FaultyBackend, MemoryBackend, storage_checks
from tests.subjects import subject

CONTENT = b"content"


@pytest.fixture
def memory():
    memory = MemoryBackend()
    memory.raw_put("there", CONTENT)
    return memory


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


def calls(backend, source):
    """Return a call of each method."""
    return {
        "put": lambda: backend.put("key", source),
        "get": lambda: backend.get("there", source.with_name("got")),
        "open": lambda: backend.open("there"),
        "stat": lambda: backend.stat("there"),
        "list": lambda: [*backend.list()],
        "delete": lambda: backend.delete("there"),
    }


@pytest.mark.parametrize(
    "check",
    [
        check
        for check in (*storage_checks.DUTIES, *storage_checks.RACE)
        # It is built around a backend, and by no ini file.
        if check.__name__ != "a_tolerant_constructor"
    ],
    ids=lambda check: check.__name__,
)
def test_without_a_fault_it_keeps_the_duties_of_the_one_inside(check, tmp_path):
    memory = MemoryBackend()
    backend = FaultyBackend(memory)
    backend.inner = memory
    check(subject(backend, tmp_path))


@pytest.mark.parametrize("method", ["put", "get", "open", "stat", "list", "delete"])
@pytest.mark.parametrize(
    ("kind", "error"), [("unavailable", StorageUnavailable), ("denied", StorageDenied)]
)
def test_a_refusal_comes_before_anything_is_done(memory, source, method, kind, error):
    backend = FaultyBackend(memory, [Fault(method, kind)])
    with pytest.raises(error):
        calls(backend, source)[method]()
    assert [info.key for info in memory.list()] == ["there"]
    assert not source.with_name("got").exists()
    calls(backend, source)[method]()
    backend.assert_all_met()


def test_a_lost_reply_is_to_something_that_was_done(memory, source):
    faults = [Fault("put", "lost_reply"), Fault("delete", "lost_reply")]
    backend = FaultyBackend(memory, faults)
    with pytest.raises(StorageUnavailable, match="reply"):
        backend.put("key", source)
    assert memory.raw_get("key") == CONTENT
    backend.put("key", source)
    with pytest.raises(StorageUnavailable, match="reply"):
        backend.delete("key")
    with pytest.raises(ObjectNotFound):
        backend.delete("key")


def test_a_lie_does_nothing(memory, source):
    backend = FaultyBackend(memory, [Fault("put", "lie"), Fault("delete", "lie")])
    backend.put("key", source)
    backend.delete("there")
    assert [info.key for info in memory.list()] == ["there"]
    backend.assert_all_met()


@pytest.mark.parametrize(
    ("kind", "stored"), [("corrupt", b"conuent"), ("truncated", b"con")], ids=["corrupt", "cut"]
)
def test_what_is_stored_is_damaged_whatever_digests_were_given(memory, source, kind, stored):
    backend = FaultyBackend(memory, [Fault("put", kind)])
    backend.put("key", source, {"md5": "0" * 32, "k": "v"})
    assert memory.raw_get("key") == stored
    info = memory.stat("key")
    assert info.metadata == {"k": "v", "md5": info.checksums["md5"]}
    assert source.read_bytes() == CONTENT


def test_who_is_slow_waits_for_what_he_was_given(memory, source):
    waited = []
    backend = FaultyBackend(
        memory, [Fault("put", "slow", 2)], pause=lambda: waited.append(memory.raw_get("second"))
    )
    backend.put("first", source)
    assert waited == []
    backend.put("second", source)
    assert waited == [None]
    assert memory.raw_get("second") == CONTENT


def test_a_fault_is_of_one_call_or_of_all_that_come(memory):
    backend = FaultyBackend(
        memory, [Fault("stat", "denied", 2), Fault("stat", "unavailable", 4, onward=True)]
    )
    found = []
    for _ in range(6):
        try:
            backend.stat("there")
            found.append("fine")
        except (StorageDenied, StorageUnavailable) as error:
            found.append(type(error).__name__)
    assert found == ["fine", "StorageDenied", "fine", *["StorageUnavailable"] * 3]
    assert backend.calls == {"stat": 6}


def test_a_fault_that_was_never_met_is_named(memory, source):
    backend = FaultyBackend(memory, [Fault("put", "lie", 2), Fault("put", "denied")])
    with pytest.raises(StorageDenied):
        backend.put("key", source)
    with pytest.raises(AssertionError, match=r"never met: lie of put 2; calls were {'put': 1}"):
        backend.assert_all_met()


@pytest.mark.parametrize(
    ("method", "kind", "call"),
    [("put", "lie", 0), ("get", "lie", 1), ("delete", "corrupt", 1), ("stat", "truncated", 1)],
)
def test_a_fault_that_can_not_be_met_is_refused(method, kind, call):
    with pytest.raises(ValueError, match="no such fault"):
        Fault(method, kind, call)


def test_it_stands_for_no_url():
    with pytest.raises(TypeError, match="bucket"):
        FaultyBackend.from_url("bucket")


def test_it_closes_the_one_inside(memory):
    closed = []
    memory.close = lambda: closed.append(True)
    with FaultyBackend(memory):
        pass
    assert closed == [True]
