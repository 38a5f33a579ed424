"""docs/notifications.md: its ini files are in order, and what it says of messages is so."""

import re

import pytest

from shoebox import app, config
from shoebox.messaging import driver
from shoebox.messaging.notification import POISON, record
from tests.program import ROOT

TEXT = (ROOT / "docs" / "notifications.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks("ini"))
def test_its_ini_files_are_in_order(ini, tmp_path, text):
    app.check(ini(text.replace("/var/spool/shoebox", str(tmp_path))))


def test_its_end_of_a_service_is_one(ini):
    names = {"conf": ini("")}
    exec(blocks("python")[0], names)
    assert names["close_writer"] is driver.close_writer


def test_it_names_the_metadata_of_a_record():
    known = ("event_type", "publisher_id", "priority", "message_id")
    metadata, _, _ = record({"project_id": "p", "request_id": "r"}, dict.fromkeys(known, "x"))
    sentence = TEXT.partition("as metadata")[2].partition(":\n")[0]
    assert set(re.findall(r"`([a-z_]+)`", sentence)) == metadata.keys()
    assert f"`{POISON}` in the metadata" in TEXT


@pytest.mark.parametrize("name", re.findall(r"`([a-z]+_timeout|requeue_pause)` \((\d+) s\)", TEXT))
def test_times_that_it_names_are_the_defaults(ini, name):
    conf = ini("[shoebox]\ndirectory = /a\n")
    assert {**config.settings(conf), **config.listening(conf)}[name[0]] == float(name[1])
