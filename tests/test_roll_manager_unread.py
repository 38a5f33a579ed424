"""Going over the archives, whatever happens to them meanwhile: followed, sealed, shipped."""

import pytest

from shoebox.callback import Callback
from shoebox.errors import NoMoreFiles, NoValidFile
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager
from shoebox_plugins.checkers.records import RecordsRollChecker
from tests.archives import read, write


class Follower:
    """Follows, and has something happen whenever it would wait."""

    def __init__(self, directory, *steps, **options):
        self._steps = iter(steps)
        self.manager = ReadingRollManager(
            "*.events", directory, follow=True, wait=self._wait, **options
        )

    def _wait(self, seconds):
        assert 0 < seconds < 1
        step = next(self._steps, None)
        if step is None:
            raise NoMoreFiles("the test is over")
        step()

    def all(self):
        found = []
        try:
            for _, payload in self.manager:
                found.append(payload)
        except NoMoreFiles:
            return found
        raise AssertionError("it ended by itself")


def test_following_goes_on_across_rolls(tmp_path):
    writer = WritingRollManager("%f.events", NeverRollChecker(), tmp_path)

    def put(payload):
        writer.write({}, payload)
        writer.flush()

    follower = Follower(
        tmp_path,
        lambda: put("a"),
        lambda: put("b"),
        writer.roll,
        lambda: put("c"),
        lambda: (put("d"), writer.roll(), put("e")),
        writer.close,
    )
    assert follower.all() == list("abcde")
    assert follower.manager.faults == []
    follower.manager.close()


def test_following_gives_what_was_shipped_before_it_was_looked_at_again(tmp_path):
    """The file that is open has it all, though its name is gone."""
    writer = WritingRollManager("%f.events", NeverRollChecker(), tmp_path)

    def write_seal_and_remove():
        writer.write({}, "b")
        writer.roll()
        for path in tmp_path.iterdir():
            path.unlink()

    writer.write({}, "a")
    writer.flush()
    follower = Follower(tmp_path, write_seal_and_remove)
    assert follower.all() == ["a", "b"]
    assert follower.manager.faults == []
    follower.manager.close()
    writer.close()


def test_following_a_name_that_is_used_again(tmp_path):
    path = write(tmp_path, "same.events", "ab")

    follower = Follower(tmp_path, path.unlink, lambda: write(tmp_path, "same.events", "cd"))
    assert follower.all() == list("abcd")
    follower.manager.close()


def test_following_remembers_no_names_that_are_gone(tmp_path):
    path = write(tmp_path, "a.events", "ab")
    follower = Follower(tmp_path, path.unlink)
    follower.all()
    assert follower.manager._unread._read == set()
    follower.manager.close()


def test_a_position_is_resumed_while_following(tmp_path):
    writer = WritingRollManager("%f.events", RecordsRollChecker(roll_records=2), tmp_path)
    writer.write_many([({}, "a"), ({}, "b"), ({}, "c")])
    writer.flush()
    first = ReadingRollManager("*.events", tmp_path, follow=True)
    assert [first.read()[1] for _ in range(2)] == ["a", "b"]
    follower = Follower(
        tmp_path, lambda: (writer.write({}, "d"), writer.flush()), position=first.position
    )
    assert follower.all() == ["c", "d"]
    follower.manager.close()
    first.close()
    writer.close()


def test_an_open_archive_s_growing_tail_is_no_fault(tmp_path):
    writer = WritingRollManager("%f.events", NeverRollChecker(), tmp_path)
    writer.write({}, "a")
    writer.flush()
    (path,) = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(path.read_bytes()[:60])
    with ReadingRollManager("*.events", tmp_path) as manager:
        assert [payload for _, payload in manager] == ["a"]
        assert manager.faults == []
    writer._current.archive.release()
    writer._current.archive = None
    writer.close()


def test_an_archive_that_is_sealed_between_listing_and_opening_is_read(tmp_path, monkeypatch):
    writer = WritingRollManager("%f.events", NeverRollChecker(), tmp_path)
    writer.write({}, "a")
    writer.flush()
    manager = ReadingRollManager("*.events", tmp_path)
    real = manager._listing.there

    def there():
        found = real()
        writer.close()
        return found

    monkeypatch.setattr(manager._listing, "there", there)
    assert [payload for _, payload in manager] == ["a"]
    assert manager.faults == []


def test_an_archive_that_vanishes_between_listing_and_opening_is_no_fault(tmp_path, monkeypatch):
    """It has been shipped. One that was named, though, is missed."""
    path = write(tmp_path, "a.events", "ab")
    write(tmp_path, "b.events", "cd")
    manager = ReadingRollManager("*.events", tmp_path)
    real = manager._listing.there

    def there():
        found = real()
        path.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(manager._listing, "there", there)
    assert [payload for _, payload in manager] == ["c", "d"]
    assert manager.faults == []
    with pytest.raises(NoValidFile, match="no such file"):
        ReadingRollManager([path]).read()


def test_callbacks_hear_of_each_archive_when_it_is_opened_and_has_been_read(tmp_path):
    heard = []

    class Hears(Callback):
        def on_open(self, path):
            heard.append(("open", path.name))

        def on_close(self, path):
            heard.append(("close", path.name))

    write(tmp_path, "a.events", "a")
    write(tmp_path, "b.events", "b")
    for _, payload in ReadingRollManager("*", tmp_path, Hears()):
        heard.append(payload)
    assert heard == [
        ("open", "a.events"), "a", ("close", "a.events"),
        ("open", "b.events"), "b", ("close", "b.events"),
    ]  # fmt: skip


def test_a_callback_that_deletes_what_was_read_leaves_nothing_out(tmp_path):
    class Deletes(Callback):
        def on_close(self, path):
            path.unlink()

    write(tmp_path, "a.events", "ab")
    write(tmp_path, "b.events", "cd")
    assert read("*", tmp_path, archive_callback=Deletes()) == list("abcd")
    assert list(tmp_path.iterdir()) == []
