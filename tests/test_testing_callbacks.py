"""The tests of a callback: each catches what it is there for."""

import pytest

from shoebox.callback import Callback
from shoebox.testing import CallbackTests
from shoebox.testing.subject import Failed


class Held(CallbackTests):
    kind = Callback

    def make(self, **more):
        return self.kind(**more)


class Tolerant(Callback):
    def __init__(self, **_):
        pass


class TestTolerant(Held):
    kind = Tolerant


class Done(Tolerant):
    """Renames, and takes the name whoever has it."""

    def on_close(self, path):
        return path.replace(path.with_suffix(".done"))


class Positional(Callback):
    def __init__(self, folder="", **_):
        pass


class SaysNothing(Tolerant):
    keeps_file = None


class Opens(Tolerant):
    def on_open(self, path):
        path.write_bytes(b"")


class MovesWhatIsOpen(Tolerant):
    def on_open(self, path):
        path.rename(path.with_suffix(".busy"))


class Deletes(Tolerant):
    def on_close(self, path):
        path.unlink()


class SaysThatItDeletes(Deletes):
    keeps_file = False


class TestSaysThatItDeletes(Held):
    kind = SaysThatItDeletes


class Leaves(Tolerant):
    def on_close(self, path):
        target = path.parent.parent / path.name
        path.rename(target)
        return target


class SaysWhereItIsNot(Tolerant):
    def on_close(self, path):
        return path.with_suffix(".gone")


class SaysAText(Tolerant):
    def on_close(self, path):
        return str(path)


class CleansUp(Tolerant):
    def on_close(self, path):
        for other in path.parent.iterdir():
            if other != path:
                other.unlink()


class OnlyOnce(Tolerant):
    def on_close(self, path):
        path.with_suffix(".seen").touch(exist_ok=False)


class ReplacesWithLess(Tolerant):
    """Keeps under one name what it was given last, and marks it."""

    def on_close(self, path):
        target = path.with_suffix(".done")
        number = target.stat().st_size + 1 if target.exists() else 1
        path.unlink()
        target.write_bytes(b"x" * number)
        return target


@pytest.mark.parametrize(
    ("test", "kind"),
    [
        ("test_its_constructor_is_tolerant", Positional),
        ("test_its_constructor_is_tolerant", Callback),
        ("test_it_says_whether_the_file_stays", SaysNothing),
        ("test_an_archive_that_is_opened_stays_as_it_is", Opens),
        ("test_an_archive_that_is_opened_stays_as_it_is", MovesWhatIsOpen),
        ("test_an_archive_that_is_sealed_is_where_it_says", Deletes),
        ("test_an_archive_that_is_sealed_is_where_it_says", Leaves),
        ("test_an_archive_that_is_sealed_is_where_it_says", SaysWhereItIsNot),
        ("test_an_archive_that_is_sealed_is_where_it_says", SaysAText),
        ("test_an_archive_that_is_sealed_is_where_it_says", CleansUp),
        ("test_it_may_be_called_again_for_the_same_file", OnlyOnce),
        ("test_it_may_be_called_again_for_the_same_file", ReplacesWithLess),
    ],
)
def test_a_callback_that_breaks_the_duty_is_caught(test, kind, tmp_path):
    tests = Held()
    tests.kind = kind
    arguments = (tmp_path,) if "archive" in test or "again" in test else ()
    with pytest.raises((Failed, TypeError, OSError)):
        getattr(tests, test)(*arguments)


def test_who_puts_the_same_under_the_same_name_passes(tmp_path):
    tests = Held()
    tests.kind = Done
    tests.test_it_may_be_called_again_for_the_same_file(tmp_path)
    assert len(list(tmp_path.rglob("*.done"))) == 1


def test_who_does_not_say_how_the_callback_is_made_has_no_tests():
    with pytest.raises(TypeError, match="abstract"):
        CallbackTests()
