"""What lies in a spool: its bytes, and the archive that was sealed first."""

import os
from datetime import UTC, datetime

import pytest

from shoebox import backlog
from shoebox.archive import ArchiveWriter
from shoebox.delivery import Deliveries
from shoebox.spool import Spool

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()


def sealed(folder, name, age):
    """Seal an archive so many seconds ago."""
    with ArchiveWriter(folder / name) as writer:
        writer.write({}, name)
    os.utime(folder / name, (NOW - age, NOW - age))


def test_an_empty_spool_has_no_age(tmp_path):
    found = backlog.look(tmp_path)
    assert (found.size, found.oldest, found.age(NOW)) == (0, None, 0.0)


def test_the_oldest_is_the_one_that_was_sealed_first(tmp_path):
    for name, age in (("a.events", 10), ("b.events", 500), ("c.events", 60)):
        sealed(tmp_path, name, age)
    found = backlog.look(tmp_path)
    assert (found.oldest, found.age(NOW)) == ("b.events", 500)
    assert found.size == sum(it.stat().st_size for it in tmp_path.iterdir())


def test_one_that_was_offered_counts_whatever_is_in_it(tmp_path):
    """It may have been compressed as a whole, or be damaged; it waits all the same."""
    (tmp_path / "a.events").write_bytes(b"damaged")
    os.utime(tmp_path / "a.events", (NOW - 5, NOW - 5))
    Deliveries(Spool(tmp_path)).offer("a.events")
    assert backlog.look(tmp_path).oldest == "a.events"


def test_one_that_can_not_be_opened_may_be_an_archive_and_waits(tmp_path, unprivileged):
    sealed(tmp_path, "a.events", 5)
    sealed(tmp_path, "b.events", 500)
    (tmp_path / "b.events").chmod(0)
    found = backlog.look(tmp_path)
    assert (found.oldest, found.age(NOW)) == ("b.events", 500)


def test_what_is_open_aside_or_foreign_does_not_age(tmp_path):
    open_one = ArchiveWriter(tmp_path / "open.events")
    open_one.write({}, "x")
    open_one.flush()
    for name in ("a.events.corrupt", "a.events.torn", "a.events.delivery", "README"):
        (tmp_path / name).write_bytes(b"old")
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "README")
    sealed(tmp_path, "b.events", 7)
    found = backlog.look(tmp_path)
    assert (found.oldest, found.age(NOW)) == ("b.events", 7)
    assert found.size == sum(it.stat().st_size for it in tmp_path.glob("*.*")) + len(b"old")
    open_one.release()


def test_what_a_human_has_to_look_at_is_counted(tmp_path, unprivileged):
    for name in ("a.events", "b.events", "c.events.open", "d.events.corrupt", "e.events.torn"):
        sealed(tmp_path, name, 5)
    (tmp_path / "d.events.corrupt.delivery").write_bytes(b"{}")
    for name in ("b.events", "c.events.open", "d.events.corrupt"):
        (tmp_path / name).chmod(0)
    assert backlog.look(tmp_path).aside == 4


def test_a_clock_that_went_back_gives_no_negative_age(tmp_path):
    sealed(tmp_path, "a.events", -100)
    assert backlog.look(tmp_path).age(NOW) == 0.0


def test_within_the_limit_there_is_nothing_to_complain_of(tmp_path):
    assert backlog.complaint(tmp_path, 60, NOW) is None
    sealed(tmp_path, "a.events", 60)
    assert backlog.complaint(tmp_path, 60, NOW) is None


def test_a_complaint_names_the_archive_since_when_and_what_to_do(tmp_path):
    sealed(tmp_path, "a.events", 3600)
    assert backlog.complaint(tmp_path, 60, NOW) == (
        f"a.events waits in {tmp_path} since 2026-11-25T11:00:00+00:00, 3600 s, and not at most "
        "60 s: ask shoebox spool why"
    )


def test_a_spool_that_can_not_be_looked_at_is_complained_of(tmp_path):
    gone = tmp_path / "gone"
    assert backlog.complaint(gone, 60) == f"{gone}: can't be looked at: No such file or directory"
    with pytest.raises(FileNotFoundError):
        backlog.look(gone)
