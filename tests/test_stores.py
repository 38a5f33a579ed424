"""URLs: which backend, which keys, and patience with a service that is away."""

import pytest

from shoebox import stores
from shoebox.errors import ConfigError, PluginError, StorageUnavailable
from shoebox.retrying import RetryingBackend
from shoebox.stores import TRIES, Location, objects, open_store, parse
from shoebox.testing import Fault, FaultyBackend, MemoryBackend


@pytest.fixture
def backend(tmp_path):
    found = MemoryBackend()
    path = tmp_path / "source"
    path.write_bytes(b"12345")
    for key in (
        "a.events",
        "a.events.corrupt",
        "a.events.torn",
        "2026/11/a.events",
        "2026/11/b.json",
        "2026/12/a.events",
        "2027/a.events",
    ):
        found.put(key, path)
    return found


@pytest.mark.parametrize(
    ("source", "location"),
    [
        ("s3://bucket/a/b*.events", Location("s3", "bucket", "a/b*.events")),
        ("s3://bucket", Location("s3", "bucket", "")),
        ("s3://bucket/", Location("s3", "bucket", "")),
        ("local:///srv/a", Location("local", "/srv/a", "")),
        ("local://folder/x", Location("local", "folder", "x")),
        ("a.events", None),
        ("/srv/a", None),
        ("C:\\x", None),
    ],
)
def test_a_url_has_a_scheme_a_bucket_and_a_prefix(source, location):
    assert parse(source) == location


def test_a_url_without_a_bucket_is_refused():
    with pytest.raises(ConfigError, match="names no bucket"):
        parse("s3://")


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        (
            "",
            ["2026/11/a.events", "2026/11/b.json", "2026/12/a.events", "2027/a.events", "a.events"],
        ),
        ("2026/1", ["2026/11/a.events", "2026/11/b.json", "2026/12/a.events"]),
        ("2026/*/a.events", ["2026/11/a.events", "2026/12/a.events"]),
        ("%Y/%m/a.events", ["2026/11/a.events", "2026/12/a.events"]),
        ("*/a.events", ["2027/a.events"]),
        ("202[67]/*", ["2027/a.events"]),
        ("?.events", ["a.events"]),
        ("none", []),
    ],
)
def test_a_pattern_is_a_prefix_or_a_glob_whose_stars_do_not_cross_a_slash(backend, pattern, keys):
    """What recovery or quarantine has put aside is never a part."""
    assert [it.key for it in objects(backend, pattern)] == keys


def test_an_object_is_called_by_its_url(backend):
    (found,) = objects(backend, "a.ev", "s3://bucket/")
    assert (found.name, found.size, found.growing, found.path) == (
        "s3://bucket/a.events",
        5,
        False,
        None,
    )
    assert found.open().read() == b"12345"


def test_the_scheme_names_a_plugin(tmp_path):
    with open_store(Location("local", str(tmp_path), "")) as found:
        assert isinstance(found, RetryingBackend)
        assert list(found.list()) == []
    with pytest.raises(PluginError, match="no storage plugin is called 'lokal'.*'local'"):
        open_store(Location("lokal", "x", ""))


def test_what_a_plugin_can_not_be_built_from_is_a_sentence(install):
    install(
        "acme",
        "storage",
        "acme",
        "acme_storage:Acme",
        "from shoebox.testing import MemoryBackend\n"
        "class Acme(MemoryBackend):\n"
        "    @classmethod\n"
        "    def from_url(cls, bucket, **options):\n"
        "        raise LookupError('no such realm')\n",
    )
    told = r"^acme://b/: the storage plugin 'acme' of acme 1\.0 .*: LookupError: no such realm;"
    with pytest.raises(PluginError, match=told):
        open_store(Location("acme", "b", ""))


@pytest.mark.parametrize(("times", "fails"), [(TRIES - 1, False), (TRIES, True)])
def test_a_service_that_is_away_is_asked_again_a_few_times(
    backend, install, monkeypatch, times, fails
):
    waits = []
    monkeypatch.setattr(stores, "sleep", waits.append)
    faulty = FaultyBackend(backend, [Fault("get", "unavailable", call=n + 1) for n in range(times)])
    monkeypatch.setattr(
        MemoryBackend, "from_url", classmethod(lambda cls, bucket, **options: faulty)
    )
    install("acme", "storage", "memory", "shoebox.testing:MemoryBackend")
    store = open_store(Location("memory", "b", ""))
    target = install("other", "storage", "x", "y:Z").parent / "got"
    if fails:
        with pytest.raises(StorageUnavailable):
            store.get("a.events", target)
    else:
        store.get("a.events", target)
        assert target.read_bytes() == b"12345"
    assert len(waits) == TRIES - 1
