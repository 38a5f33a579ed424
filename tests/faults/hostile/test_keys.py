"""Keys, templates, prefixes and URLs that would lead elsewhere."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.cli.fetching import Fetcher, LeftOut
from shoebox.destination import Destination
from shoebox.errors import ConfigError, InvalidName
from shoebox.files import Directory
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager
from shoebox.sources import Object
from shoebox.spool import ASIDE, OPEN, render
from shoebox.storage import ObjectInfo, validate_name
from shoebox.testing import MemoryBackend
from shoebox_plugins.storage.local import LocalBackend
from tests.faults.hostile.text import HOSTILE, NAME, unsound
from tests.program import run

pytestmark = pytest.mark.usefixtures("limited")

KEYS = [
    *("", ".", "..", "/", "/etc/passwd", "../a", "a/..", "a/../../b", "a//b", "a/", "a/./b"),
    *(".hidden", "a/.hidden", "a\\b", "..\\a", "a\0b", "a\nb", "a\x1b[2J", "a\x9bb", "a" * 256),
    *("a b", "~", "$HOME", "a;b", "a|b", "a*", "a?", "a:b", "a%2fb", "-\u2044-", "..\u2215a"),
    *("\uff0e\uff0e/a", "e\u0301", "\u202etxt.a", "a\u200b", "\udcff", "\U000e0001"),
    HOSTILE,
]
STATES = [f"a.events{state}" for state in (OPEN, *ASIDE)]


class Telling(MemoryBackend):
    """A store that lists, and gives, objects of any key."""

    def __init__(self, keys, content):
        super().__init__()
        for key in keys:
            self.raw_put(key, content)

    def list(self, prefix=""):
        for key, it in self._objects.items():
            yield ObjectInfo(key, len(it.data), datetime.now(UTC))

    def _found(self, key):
        return self._objects[key]


@pytest.fixture
def content(outside):
    return (outside.path / "archive").read_bytes()


def everything(folder):
    return {*folder.rglob("*")}


@pytest.mark.parametrize("key", [*KEYS, *STATES, *(f"folder/{name}" for name in STATES)])
def test_an_object_of_a_hostile_key_is_not_fetched(tmp_path, outside, spool, content, key):
    before = everything(tmp_path)
    found = Object(f"x://{key}", key, len(content), Telling([key], content))
    with Directory(spool) as directory:
        fetcher = Fetcher(directory, lambda _: None)
        with pytest.raises(LeftOut) as caught:
            fetcher.fetch(found)
    assert everything(tmp_path) == before
    assert outside.is_untouched
    assert unsound(str(caught.value)) == []


@pytest.mark.parametrize("key", KEYS)
def test_a_folder_takes_and_gives_nothing_under_a_hostile_key(tmp_path, outside, spool, key):
    store, source = LocalBackend(path=spool), outside.path / "archive"
    before = everything(tmp_path)
    for call in (store.open, store.stat, store.delete):
        with pytest.raises(InvalidName) as caught:
            call(key)
        assert unsound(str(caught.value)) == []
    with pytest.raises(InvalidName):
        store.put(key, source)
    with pytest.raises(InvalidName):
        store.get(key, tmp_path / "got")
    assert everything(tmp_path) == before
    assert outside.is_untouched


@pytest.mark.parametrize("prefix", [*KEYS[1:], "../outside/", "../outside/arch"])
def test_a_prefix_lists_nothing_outside(outside, spool, prefix):
    assert [*LocalBackend(path=spool).list(prefix)] == []
    assert outside.is_untouched


def test_a_reader_takes_keys_for_names_alone(tmp_path, content):
    keys = [*KEYS[1:], "a.events"]
    before = everything(tmp_path)
    with ReadingRollManager("", storage=Telling(keys, content)) as reader:
        read = [*reader]
    assert len(read) == len(keys)
    assert everything(tmp_path) == before
    assert all(unsound(str(fault)) == [] for fault in reader.faults)


@pytest.mark.parametrize(
    "template",
    [
        *(f"{{id}}/{key}" for key in KEYS),
        *("{id.__class__}", "{id[0]}", "{0}", "{}", "{id!r}", "{id:>300}", "{id", "{metadata}"),
        *("%", "%Q{id}", "{id}%"),
    ],
)
def test_a_template_that_gives_a_hostile_key_is_refused(template):
    with pytest.raises(ConfigError) as caught:
        Destination("a", MemoryBackend(), template)
    assert unsound(str(caught.value)) == []


@pytest.mark.parametrize("host", [key for key in KEYS if "\udcff" not in key])
def test_an_archive_whose_header_leads_elsewhere_stays_and_the_others_go(spool, outside, host):
    """The host stands in the archive, which others may have written."""
    for name, metadata in (("a.events", {"host": host}), ("b.events", {"host": "here"})):
        with ArchiveWriter(spool / name, metadata=metadata) as writer:
            writer.write({}, name)
    store = MemoryBackend()
    destination = Destination("store", store, "{host}/{id}")
    options = {"directory": spool, "storage": [destination], "close_timeout": 5.0}
    with WritingRollManager("c.events", NeverRollChecker(), **options) as manager:
        manager._shipper.drain(5.0)
    assert [key.partition("/")[0] for key in store._objects] == ["here"]
    [waiting] = manager.unshipped
    assert (waiting.name, waiting.final) == ("a.events", True)
    assert unsound(waiting.reason) == []
    assert (spool / "a.events").exists()
    assert outside.is_untouched


@pytest.mark.parametrize("template", [*KEYS, *STATES, "../%f", "%f/../a\n", "%f\0"])
def test_a_file_s_template_gives_a_name_of_one_segment_or_is_refused(template):
    name = "refused"
    with suppress(InvalidName):
        name = render(template, datetime.now(UTC))
    assert validate_name(name) == name
    assert not name.endswith((OPEN, *ASIDE))


def test_urls_that_lead_elsewhere_find_nothing_and_can_be_shown(tmp_path, outside, spool):
    sources = [
        *("local://", f"local://{spool}/\n\x1b", "://a", "\x1b://a", "s3://\n\x1b/a"),
        *(
            f"no\u202e://{NAME}",
            f"file://{outside.path}/archive",
            f"local://{spool}/%2e%2e",
        ),
    ]
    (spool / "\n\x1b").mkdir()
    (spool / "%2e%2e").mkdir()
    for source in sources:
        ended = run("cat", source)
        assert ended.code in {1, 2, 3}, source
        assert unsound(ended.err, "shoebox: ") == []
        assert ended.out == b""
    assert outside.is_untouched
