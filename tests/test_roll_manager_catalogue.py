"""The catalogue: which archives there are, by any of their names."""

import os

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.roll_manager.catalogue import Catalogue, base_name, is_being_written


def names(catalogue):
    return [path.name for path in catalogue.paths()]


@pytest.mark.parametrize(
    ("template", "name", "matches"),
    [
        ("a_%c.events", "a_Sun_Nov_22.events", True),
        ("a_%c.events", "b_Sun.events", False),
        ("a_%c.events", "a_Sun.events.open", True),
        ("%Y_a.events", "2026_a-0001.events", True),
        ("a.events", "a-0001.events.open", True),
        ("a.events", "a-12345.events", True),
        ("a.events", "a-x.events", False),
        ("a", "a-0002", True),
        ("a b/c:d", "a_b_c_d", True),
        ("*", "a.events.torn", False),
        ("*", "a.events.corrupt", False),
        ("*", "a.events.delivery", False),
        ("*", ".0123.tmp", False),
        ("*", ".hidden", False),
        ("[ab].events", "b.events", True),
        ("A.events", "a.events", False),
    ],
)
def test_a_template_matches_the_names_that_a_writer_gives(tmp_path, template, name, matches):
    (tmp_path / name).touch()
    assert names(Catalogue(template, tmp_path)) == ([name] if matches else [])


def test_one_writer_s_archives_stay_in_order_when_the_clock_was_set_back(tmp_path):
    for number, created in enumerate([100, 50, 75]):
        with ArchiveWriter(
            tmp_path / f"{9 - number}.events",
            writer_id=bytes(16),
            sequence=number,
            clock=lambda created=created: created,
        ) as writer:
            writer.write({}, "x")
    assert names(Catalogue("*", tmp_path)) == ["9.events", "8.events", "7.events"]


def test_an_archive_that_is_renamed_while_names_are_listed_is_found(tmp_path, monkeypatch):
    (tmp_path / "a.events.open").touch()
    catalogue = Catalogue("*", tmp_path)
    listings = iter([[], ["a.events"]])
    monkeypatch.setattr(catalogue, "_names", lambda: next(listings))
    assert names(catalogue) == ["a.events"]


def test_one_that_is_listed_under_both_names_is_one(tmp_path, monkeypatch):
    catalogue = Catalogue("*", tmp_path)
    listings = iter([["a.events.open"], ["a.events"]])
    monkeypatch.setattr(catalogue, "_names", lambda: next(listings))
    assert names(catalogue) == ["a.events"]


def test_an_open_archive_is_being_written_as_long_as_its_writer_lives(tmp_path):
    writer = ArchiveWriter(tmp_path / "a.events")
    path = writer.path
    assert base_name(path.name) == "a.events"
    assert is_being_written(path)
    writer.write({}, "x")
    writer.flush()
    writer.release()
    assert not is_being_written(path)
    path.unlink()
    assert not is_being_written(path)
    assert not is_being_written(tmp_path / "a.events")


def test_nothing_is_left_open(tmp_path):
    (tmp_path / "a.events").touch()
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    names(Catalogue("*", tmp_path))
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
