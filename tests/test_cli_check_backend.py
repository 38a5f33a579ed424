"""`shoebox check-backend`: what storage does, checked in a corner that is removed again."""

import json

import pytest

from shoebox.cli.check_backend_run import CHECKS
from tests.program import run, start

BACKEND = """
import os, threading
from shoebox.errors import *
from shoebox_plugins.storage.local import LocalBackend

class Backend(LocalBackend):
"""
DENIES = "    def put(self, *_): raise StorageDenied('key = AKIA: may not write; allow it to')"
DENIES_DELETES = (
    "    def delete(self, key): raise StorageDenied(f'{key}: may not delete; allow it to')"
)
DENIES_ALL = """
    def put(self, *_): raise StorageDenied('key = AKIA: correct the secret')
    get = open = stat = list = delete = put
"""
UNAVAILABLE = (
    "    def put(self, *_): raise StorageUnavailable('nothing listens; check endpoint_url')"
)
OVERWRITES = """
    def put(self, key, path, metadata=None):
        try: super().put(key, path, metadata)
        except KeyCollision: self.delete(key); super().put(key, path, metadata)
"""
BREAKS = "    def stat(self, key): raise RuntimeError('\\x1b[31mno\\n' * 1000)"
VANISHES = """
    def stat(self, key): os.rename(self._path, f"{self._path}-gone")
"""
HANGS = """
    def stat(self, key):
        print("hanging", flush=True)
        threading.Event().wait(600)
"""


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "precious").write_bytes(b"somebody else's")
    return folder


@pytest.fixture
def ini(tmp_path, store):
    """Return the path of an ini with storage `cold`, which is local, and `acme`."""
    path = tmp_path / "shoebox.conf"
    path.write_text(
        f"[shoebox]\ndirectory = {tmp_path}\nstorage = cold:local, acme\n"
        f"[shoebox_storage_cold]\npath = {store}\n"
        f"[shoebox_storage_acme]\npath = {store}\n"
    )
    return path


@pytest.fixture
def check(install, ini):
    """Return a function that checks a plugin whose class has this body."""

    def check(body, *arguments):
        site = install("acme", "storage", "acme", "acme:Backend", BACKEND + body)
        return run("check-backend", "acme", "--config-file", ini, *arguments, folders=(site,))

    return check


def untouched(store):
    return [path.name for path in store.iterdir()] == ["precious"]


def test_a_backend_that_does_its_duties_passes_and_nothing_is_left(store, ini):
    ended = run("check-backend", "cold", "--config-file", ini, "-f", "json")
    assert (ended.code, ended.err) == (0, "")
    rows = json.loads(ended.out)
    assert len(rows) == len(CHECKS) > 20
    assert {row["result"] for row in rows} == {"passed"}
    assert all(row["seen"] for row in rows)
    assert untouched(store)


def test_a_plugin_is_checked_by_its_own_name_too_and_people_get_a_table(ini, store):
    ini.write_text(f"[shoebox_storage_local]\npath = {store}\n")
    ended = run("check-backend", "local", "--config-file", ini)
    assert ended.code == 0
    lines = ended.text.splitlines()
    assert lines[1].split() == ["|", "check", "|", "result", "|", "seen", "|"]
    assert "| It can be closed twice " in lines[-2]


def test_a_backend_that_breaks_a_duty_is_told_which(check, store):
    ended = check(OVERWRITES, "-f", "json")
    assert (ended.code, ended.err) == (1, "")
    failed = {
        row["check"]: row["seen"] for row in json.loads(ended.out) if row["result"] != "passed"
    }
    duty = "Other content under a key that is taken is a KeyCollision, and replaces nothing"
    assert failed[duty] == "put of 300007 other bytes: nothing was raised, not KeyCollision"
    assert len(failed) == 2
    assert untouched(store)


def test_whatever_a_plugin_raises_is_a_row_on_one_line(check, store):
    ended = check(BREAKS, "-f", "json")
    assert (ended.code, ended.err) == (1, "")
    seen = [row["seen"] for row in json.loads(ended.out) if row["result"] != "passed"]
    assert any(text.startswith("RuntimeError: ") for text in seen)
    assert all(text.isprintable() and len(text) < 2000 for text in seen)
    assert untouched(store)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (DENIES, "shoebox: key = AKIA: may not write; allow it to\n"),
        (DENIES_ALL, "shoebox: key = AKIA: correct the secret\n"),
        (UNAVAILABLE, "shoebox: nothing listens; check endpoint_url\n"),
    ],
    ids=["denied", "denied everything", "unavailable"],
)
def test_storage_that_lets_nobody_in_is_one_sentence(check, store, body, sentence):
    ended = check(body)
    assert (ended.code, ended.out, ended.err) == (3, b"", sentence)
    assert untouched(store)


def test_what_may_not_be_removed_is_told(check, store):
    ended = check(DENIES_DELETES)
    assert (ended.code, ended.out) == (3, b"")
    left, denied = ended.err.splitlines()
    (corner,) = (path.name for path in store.iterdir() if path.name != "precious")
    assert left.startswith(f"shoebox: what is below {corner}/ could not be removed: StorageDenied")
    assert denied == f"shoebox: {corner}/probe/probe: may not delete; allow it to"


def test_storage_that_goes_away_meanwhile_is_not_told_by_every_check(check, store):
    ended = check(VANISHES)
    assert (ended.code, ended.out) == (3, b"")
    assert len(ended.err.splitlines()) == 2
    assert f"{store}: No such file or directory" in ended.err


def test_what_is_interrupted_is_removed(install, ini, store):
    site = install("acme", "storage", "acme", "acme:Backend", BACKEND + HANGS)
    with start("check-backend", "acme", "--config-file", ini, folders=(site,)) as program:
        assert program.stdout.readline() == b"hanging\n"
        assert not untouched(store)
        program.send_signal(2)
        program.wait(60)
    assert program.returncode == 130
    assert untouched(store)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["warm"], "names no 'warm'; known are: acme, cold, local"),
        (["col"], "did you mean 'cold'?"),
    ],
)
def test_a_name_that_there_is_not_is_told(ini, arguments, sentence):
    ended = run("check-backend", *arguments, "--config-file", ini)
    assert (ended.code, ended.out) == (2, b"")
    assert sentence in ended.err


def test_storage_that_is_not_configured_is_told():
    ended = run("check-backend", "local")
    assert (ended.code, ended.out) == (2, b"")
    assert ended.err == "shoebox: [shoebox_storage_local] path: it is required: set it\n"
