"""`shoebox spool`: what waits, and where it stands with each destination."""

import json
import os

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.cli import spool_states
from shoebox.cli.spool_states import State, states
from shoebox.delivery import Deliveries, Stand
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import WritingRollManager
from shoebox.spool import Spool
from tests.program import bound_by_modes, run

ROW = ("archive", "state", "bytes", "since", "destination", "key", "refusals", "error")


@pytest.fixture
def spool(tmp_path):
    path = tmp_path / "spool"
    path.mkdir(0o700)
    return path


@pytest.fixture
def ini(tmp_path, spool):
    """Return the path of an ini with two destinations."""
    path = tmp_path / "shoebox.conf"
    path.write_text(f"[shoebox]\ndirectory = {spool}\nstorage = hot:s3-of-somebody, cold:local\n")
    return path


def sealed(spool, name, **options):
    with ArchiveWriter(spool / name, **options) as writer:
        writer.write({}, name)
    os.utime(spool / name, (1_767_225_600, 1_767_225_600))


def offered(spool, name, **stands):
    sealed(spool, name)
    deliveries = Deliveries(Spool(spool))
    deliveries.offer(name)
    for destination, stand in stands.items():
        deliveries.note(name, destination, stand)
    return deliveries.read(name).offered.replace("+00:00", "Z")


def abandoned(spool, name):
    writer = ArchiveWriter(spool / name)
    writer.write({}, name)
    writer.sync()
    writer.release()


def snapshot(spool):
    return {it.name: (it.read_bytes(), it.stat().st_mtime_ns) for it in spool.iterdir()}


def kinds(path, destinations=()):
    return {it.archive: it.state for it in states(str(path), destinations)}


def test_each_archive_stands_with_each_destination_and_nothing_is_changed(spool, ini):
    stored = Stand(key="a-1", stored="2026-01-01T00:00:00+00:00")
    refused = Stand(error="too\x1blarge", refusals=2)
    since = offered(spool, "a", cold=stored, hot=refused, former=stored)
    sealed(spool, "b")
    before = snapshot(spool)
    ended = run("spool", "-f", "json", "--config-file", ini)
    assert (ended.code, ended.err) == (0, "")
    size_a, size_b = ((spool / name).stat().st_size for name in "ab")
    hot = ("a", "refused", size_a, since, "hot", None, 2, "too\\u001blarge")
    cold = ("a", "stored", size_a, since, "cold", "a-1", 0, None)
    other = ("b", "sealed", size_b, "2026-01-01T00:00:00Z", None, None, None, None)
    assert [tuple(it.items()) for it in json.loads(ended.out)] == [
        tuple(zip(ROW, row, strict=True)) for row in (hot, cold, other)
    ]
    assert snapshot(spool) == before


def test_people_get_a_table_and_an_empty_spool_is_nothing_to_be_printed(spool, ini):
    assert run("spool", "--config-file", ini).text == ""
    offered(spool, "a")
    lines = run("spool", "--directory", spool).text.splitlines()
    assert lines[1].split()[1::2] == list(ROW)
    assert lines[3].split()[1:5:2] == ["a", "waiting"]


def test_without_an_ini_destinations_are_those_that_were_tried(spool):
    offered(spool, "a", hot=Stand(error="no route"))
    offered(spool, "b")
    found = {it.archive: it.stands for it in states(str(spool), [])}
    assert found == {"a": {"hot": Stand(error="no route")}, "b": {}}


def test_the_state_says_who_has_to_do_something(spool):
    for name in ("sealed", "bad", "refused-by-all"):
        sealed(spool, name)
    offered(spool, "waiting")
    offered(spool, "poison", hot=Stand(error="too large", refusals=3))
    Deliveries(Spool(spool)).quarantine("poison")
    (spool / "bad").rename(spool / "bad.corrupt")
    (spool / "tail.torn").write_bytes(b"x")
    for name in ("notes.txt", ".hidden", "x.tmp", "gone.delivery"):
        (spool / name).write_bytes(b"no archive")
    (spool / "link").symlink_to(spool / "sealed")
    (spool / "folder").mkdir()
    with WritingRollManager("live", NeverRollChecker(), directory=spool) as writer:
        writer.write({}, "1")
        writer.flush()
        abandoned(spool, "left")
        assert kinds(spool, ["hot"]) == {
            "sealed": "sealed",
            "refused-by-all": "sealed",
            "waiting": "waiting",
            "poison.corrupt": "quarantine",
            "bad.corrupt": "quarantine",
            "tail.torn": "torn tail",
            "live.open": "open",
            "left.open": "abandoned",
        }
    (poison,) = (it for it in states(str(spool), []) if it.archive == "poison.corrupt")
    assert poison.stands == {"hot": Stand(error="too large", refusals=3)}


@pytest.mark.parametrize(
    ("stand", "state"),
    [
        (Stand(), "waiting"),
        (Stand(error="no route"), "waiting"),
        (Stand(error="too large", refusals=1), "refused"),
        (Stand(stored="2026-01-01T00:00:00+00:00", refusals=1), "stored"),
    ],
)
def test_a_destination_has_refused_stored_or_not_had_it_yet(stand, state):
    assert State("a", "waiting", 1, "").state_with(stand) == state
    assert State("a", "quarantine", 1, "").state_with(stand) == "quarantine"


def test_a_state_that_can_not_be_read_is_one_that_has_to_start_again(spool):
    sealed(spool, "a")
    (spool / "a.delivery").write_bytes(b"{")
    (state,) = states(str(spool), ["hot"])
    assert (state.state, state.since) == ("waiting", "2026-01-01T00:00:00Z")
    assert state.stands == {"hot": Stand()}


def test_what_this_user_can_not_open_is_listed_with_the_error(spool):
    sealed(spool, "a")
    offered(spool, "b")
    offered(spool, "c")
    abandoned(spool, "d")
    sealed(spool, "e")
    for name in ("a", "b.delivery", "c", "d.open"):
        (spool / name).chmod(0)
    spool.chmod(0o500)
    ended = run("spool", "--directory", spool, "-f", "json", limit=bound_by_modes)
    assert (ended.code, ended.err) == (0, "")
    found = {it["archive"]: (it["state"], it["error"]) for it in json.loads(ended.out)}
    lost = {"a": "a", "b": "b.delivery", "c": "c", "d.open": "d.open"}
    assert found == {"e": ("sealed", None)} | {
        name: ("unreadable", f"{spool}/{file}: Permission denied") for name, file in lost.items()
    }


def test_what_is_sealed_or_shipped_meanwhile_is_shown_as_it_is_then_or_not_at_all(
    spool, monkeypatch
):
    for name in ("a", "b", "c"):
        offered(spool, name)
    abandoned(spool, "d")
    real = spool_states.Deliveries.read

    def read(self, name):
        """Ship `b` and seal `d` when they are looked at."""
        (spool / "b").unlink(missing_ok=True)
        if name == "d.open":
            (spool / "d.open").rename(spool / "d")
        return real(self, name)

    monkeypatch.setattr(spool_states.Deliveries, "read", read)
    assert kinds(spool) == {"a": "waiting", "c": "waiting", "d": "sealed"}


def test_a_spool_that_is_not_named_or_not_there_is_told(tmp_path, ini):
    assert run("spool").code == 2
    ini.write_text("[shoebox]\nstorage = cold:local\n")
    ended = run("spool", "--config-file", ini)
    assert (ended.code, ended.err) == (
        2,
        "shoebox: [shoebox] directory: not set; name the spool there, or with --directory\n",
    )
    ended = run("spool", "--config-file", ini, "--directory", tmp_path / "none")
    assert (ended.code, ended.out) == (2, b"")
    assert ended.err == f"shoebox: {tmp_path}/none: there is no such directory; make it first\n"
