"""Text of others in the log: no line of it can be forged, moves a terminal, or has no end."""

import io
import json
import logging
import os
import shutil
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from keystoneauth1.exceptions import ClientException as KeystoneError
from swiftclient.exceptions import ClientException as SwiftAnswer

from shoebox.archive import ArchiveWriter
from shoebox.callback import Callback
from shoebox.catalog import Catalog
from shoebox.delivery import Deliveries
from shoebox.errors import (
    KeyCollision,
    StorageDenied,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.escaping import LONGEST
from shoebox.messaging.archiving import Archiver
from shoebox.roll_checker import AnyRollChecker, NeverRollChecker, RollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager
from shoebox.spool import Spool
from shoebox.testing import MemoryBackend
from shoebox_plugins.storage.s3.errors import Place, translate
from shoebox_plugins.storage.swift.errors import login_failed, translated
from tests.faults.hostile.text import FORGED, HOSTILE, HUGE, NAME, SURROGATE, unsound

pytestmark = pytest.mark.usefixtures("limited")


BEGINS = "LOG "


class Unsayable(Exception):
    """An error that has no text."""

    def __str__(self):
        raise RuntimeError(HOSTILE)

    __repr__ = __str__


ERRORS = [
    *(kind(text) for kind in (StorageRejected, StorageDenied) for text in (HOSTILE, HUGE)),
    StorageUnavailable(HOSTILE),
    KeyCollision(SURROGATE),
    ConnectionResetError(HOSTILE),
    OSError(5, HOSTILE, NAME),
    RuntimeError(HOSTILE),
    ValueError(HUGE),
    Unsayable(),
]
ANY_ERROR = pytest.mark.parametrize("error", ERRORS, ids=lambda it: type(it).__name__)


@pytest.fixture
def log(monkeypatch):
    """Return a function that returns all that any logger writes."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter(f"{BEGINS}%(message)s"))
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    loggers = [logging.getLogger(name) for name in (None, "shoebox", "shoebox_plugins")]
    before = [it.level for it in loggers]
    for it in loggers:
        it.setLevel(logging.DEBUG)
    yield written.getvalue
    for it, level in zip(loggers, before, strict=True):
        it.setLevel(level)


def assert_sound(text):
    assert text
    assert unsound(text, BEGINS, "  ") == []


class Raising(MemoryBackend):
    """A store that answers with an error."""

    def __init__(self, error):
        super().__init__()
        self._error = error

    def put(self, key, path, metadata=None):
        raise self._error


@ANY_ERROR
def test_what_a_store_answers(spool, log, error):
    store = [Raising(error)]
    options = {"directory": spool, "storage": store, "close_timeout": 0.05}
    with WritingRollManager("a.events", NeverRollChecker(), **options) as manager:
        manager.write({}, "kept")
    assert_sound(log())
    [waiting] = manager.unshipped
    assert unsound(waiting.reason) == []
    with ReadingRollManager("a.events", directory=spool) as reader:
        assert [payload for _, payload in reader] == ["kept"]


class Strange(Callback, RollChecker):
    """A plugin that raises, or has a reason of its own."""

    def __init__(self, error):
        self._error = error
        self.reason = HUGE

    def on_open(self, path):
        raise self._error

    on_close = start = check = deadline = on_open


@ANY_ERROR
def test_what_plugins_raise(spool, log, error):
    strange = Strange(error)
    for checker in (strange, AnyRollChecker([strange])):
        with WritingRollManager("a.events", checker, spool, strange) as manager:
            manager.write({}, "kept")
            manager.roll()
    assert_sound(log())
    assert len([*spool.iterdir()]) == 2


def test_why_a_checker_rolls(spool, log):
    strange = Strange(None)
    strange.start = lambda _: None
    strange.check = lambda _: True
    strange.deadline = lambda: None
    with WritingRollManager("a.events", strange, spool) as manager:
        manager.write({}, "kept")
    assert_sound(log())
    assert "sealed with 1 records (evil" in log()


@pytest.mark.parametrize("name", [NAME, os.fsdecode(b"\xff\x9b\x80")])
def test_what_files_are_called(spool, log, name):
    """The names of archives that are abandoned, sealed, of no archive, and of no file."""
    abandoned = ArchiveWriter(spool / "abandoned")
    abandoned.write({}, "kept")
    abandoned.sync()
    abandoned.release()
    (spool / "abandoned.open").rename(spool / f"{name}.open")
    with ArchiveWriter(spool / "sealed") as writer:
        writer.write({}, "kept too")
    shutil.copy(spool / "sealed", spool / f"2{name}")
    (spool / f"3{name}.open").write_bytes(b"\x84\x78\x86\x69\x09\x00" + bytes(99))
    os.mkfifo(spool / f"4{name}.open")
    (spool / f"5{name}").write_text("garbage")
    (spool / f"6{name}").symlink_to(name)
    (spool / f"2{name}.delivery").write_text(
        json.dumps({"destinations": {"memory": {"error": HUGE, "key": HOSTILE, "stored": None}}})
    )
    (spool / f"7{name}.delivery").write_text('{"destinations": {"a": {"error": "\\n\\u009b"}}}')
    options = {"directory": spool, "storage": [MemoryBackend()], "close_timeout": 0.05}
    with WritingRollManager("b.events", NeverRollChecker(), **options) as manager:
        manager.write({}, "and this")
    with ReadingRollManager("*", directory=spool) as reader:
        assert {"kept", "kept too"} <= {payload for _, payload in reader}
    assert_sound(log())
    assert all(unsound(str(fault)) == [] for fault in reader.faults)
    assert all(unsound(waiting.reason) == [] for waiting in manager.unshipped)


def test_what_a_state_says(tmp_path):
    (tmp_path / "a.delivery").write_text(json.dumps({"destinations": {"d": {"error": HUGE}}}))
    told = Deliveries(Spool(tmp_path)).read("a").stand("d").error
    assert unsound(told, "evil\\u000a") == []
    assert len(told) <= LONGEST


def test_what_a_catalog_is_called(log):
    store = MemoryBackend()
    store.raw_put(f"{HOSTILE}.catalog", b"garbage")
    store._found = lambda key: store._objects[key]
    assert Catalog(store, f"{HOSTILE}.catalog").table.rows == []
    assert_sound(log())


def test_what_stands_in_messages(spool, log):
    message = {"event_type": HOSTILE, "message_id": HUGE, "payload": "x" * (1 << 20)}
    with WritingRollManager("a", NeverRollChecker(), spool, spool_limit_mb=0.5) as manager:
        Archiver(manager, pause=0.0).dispatch([SimpleNamespace(ctxt={}, message=message)])
    assert_sound(log())
    assert "is dropped" in log()


@pytest.mark.parametrize("text", [HOSTILE, HUGE, SURROGATE])
def test_what_services_say(text):
    headers = {"retry-after": text, "location": text, "x-amz-bucket-region": text}
    about = {"HTTPStatusCode": 301, "HTTPHeaders": headers}
    said = {"Code": text, "Message": text, "Region": text}
    place = Place("http://here", "bucket")
    errors = [translate(ClientError({"Error": said, "ResponseMetadata": about}, text), place, text)]
    for status in (301, 400, 401, 403, 404, 413, 503):
        answer = {"http_reason": text, "http_status": status, "http_response_content": text}
        answer["http_response_headers"] = headers
        errors.append(translated(SwiftAnswer(text, **answer), text))
        errors.append(login_failed(SwiftAnswer(text, **answer), text))
    errors += [translated(SwiftAnswer(text), text), login_failed(KeystoneError(text), text)]
    for error in errors:
        assert unsound(str(error)) == []


def test_the_lines_are_looked_at():
    assert unsound(f"LOG a\n{FORGED}", "LOG ", "  ")
    assert unsound("LOG a\x1b", "LOG ")
    assert unsound("LOG " + "a" * 100_000, "LOG ")
    assert not unsound("LOG a\n  b\n", "LOG ", "  ")
