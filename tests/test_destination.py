"""Destinations: how they are called, and how they call archives."""

from datetime import UTC, datetime

import pytest

from shoebox.archive.identity import Identity
from shoebox.destination import Destination, destinations
from shoebox.errors import ConfigError, InvalidName
from shoebox_plugins.storage.local import LocalBackend

CREATED = datetime(2026, 11, 25, 23, 59, tzinfo=UTC)
IDENTITY = Identity("77", 2, int(CREATED.timestamp()) * 10**9, "web1", 5, 0, 0)


@pytest.mark.parametrize(
    ("template", "name", "key"),
    [
        ("{stem}-{id}{suffix}", "a.events", "a-77.events"),
        ("{stem}-{id}{suffix}", "a.tar.gz", "a.tar-77.gz"),
        ("{stem}-{id}{suffix}", "bare", "bare-77"),
        ("{stem}-{id}{suffix}", "dot.", "dot-77."),
        ("logs/{id}/{name}", "a.events", "logs/77/a.events"),
        ("{host}/{records}/{name}", "a.events", "web1/5/a.events"),
        ("year=%Y/month=%m/%d/{name}", "a.events", "year=2026/month=11/25/a.events"),
    ],
)
def test_a_key_is_made_from_the_archives_name_and_id(template, name, key):
    destination = Destination("hot", LocalBackend(path="/nowhere"), template)
    assert destination.key(name, IDENTITY) == key == destination.key(name, IDENTITY)


def test_the_default_template_has_the_id_before_the_extension():
    assert (
        Destination("hot", LocalBackend(path="/nowhere")).key("a.events", IDENTITY) == "a-77.events"
    )


@pytest.mark.parametrize(
    "template",
    [
        "{created}",
        "%Q/{name}",
        "%c/{name}",
        "{}",
        "{0}",
        "{name.__class__}",
        "{name[0]}",
        "{name!r}",
        "{name:>300}",
        "{name}{id:.1}",
        "{name",
        "",
        "/{name}",
        "../{name}",
        "{name}/",
        "a//{name}",
        "a b/{name}",
        "{stem}/../{id}",
    ],
)
def test_a_template_that_can_make_no_key_is_refused_at_once(template):
    with pytest.raises(ConfigError, match="storage hot: key_template"):
        Destination("hot", LocalBackend(path="/nowhere"), template)


@pytest.mark.parametrize("name", ["a b", "../../etc/passwd", "a" * 256, "a\n"])
def test_a_name_that_can_be_no_key_is_refused(name):
    with pytest.raises(InvalidName):
        Destination("hot", LocalBackend(path="/nowhere")).key(name, IDENTITY)


def test_a_directive_in_a_name_is_no_directive():
    """The template's are replaced before names are put in."""
    destination = Destination("hot", LocalBackend(path="/nowhere"), "%Y/{name}")
    with pytest.raises(InvalidName):
        destination.key("%m", IDENTITY)


@pytest.mark.parametrize(
    ("template", "what"),
    [("%Y/{name}", "its creation time"), ("{host}-{id}", "host"), ("{records}-{id}", "records")],
)
def test_an_archive_that_does_not_say_what_the_template_asks_for_has_no_key(template, what):
    destination = Destination("hot", LocalBackend(path="/nowhere"), template)
    with pytest.raises(InvalidName, match=f"version 1 .* does not say {what}"):
        destination.key("a.events", Identity("77", 1))


def test_backends_without_a_name_are_called_by_their_kind():
    found = destinations([LocalBackend(path="/a"), LocalBackend(path="/b")])
    assert [it.name for it in found] == ["local", "local-2"]


def test_a_name_is_taken_once():
    hot = Destination("hot", LocalBackend(path="/a"))
    with pytest.raises(ConfigError, match="two storage destinations are called hot"):
        destinations([hot, hot])


def test_what_is_no_backend_is_refused():
    with pytest.raises(ConfigError, match="give StorageBackend or Destination objects"):
        destinations(["s3"])
