"""The interface of roll checkers, and the two that need no plugin."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from shoebox import roll_checker
from shoebox.errors import ConfigError
from shoebox.testing import FakeArchive
from tests.checkers import Duties


class Fixed(roll_checker.RollChecker):
    """Says what it was told to say, or raises it."""

    def __init__(self, answer=None, deadline=None, reason="fixed"):
        self.answer, self.seconds, self.reason = answer, deadline, reason
        self.started, self.asked = [], 0

    def start(self, archive):
        self.started.append(archive)
        self._say(None)

    def check(self, archive):
        self.asked += 1
        return self._say(self.answer)

    def deadline(self):
        return self._say(self.seconds)

    def _say(self, answer):
        if isinstance(self.answer, Exception):
            raise self.answer
        return answer


class TestDutiesOfNever(Duties):
    checker = roll_checker.NeverRollChecker


def test_never_never_rolls_and_tolerates_options_it_does_not_know():
    checker = roll_checker.NeverRollChecker(anything="x")
    checker.start(FakeArchive())
    assert not checker.check(FakeArchive(size=2**60))
    assert checker.deadline() is None


def test_a_checker_needs_check_alone():
    """`start` and `deadline` have defaults, and so has the reason."""

    class Mine(roll_checker.RollChecker):
        def check(self, archive):
            return archive.records > 2

    checker = Mine()
    checker.start(FakeArchive())
    assert [checker.check(FakeArchive(records=n)) for n in (2, 3)] == [False, True]
    assert checker.deadline() is None
    assert checker.reason


def test_any_rolls_when_one_says_so_and_takes_over_its_reason():
    parts = [Fixed(), Fixed(answer=True, reason="second"), Fixed(answer=True, reason="third")]
    checker = roll_checker.AnyRollChecker(parts)
    assert checker.check(FakeArchive())
    assert checker.reason == "second"
    assert [part.asked for part in parts] == [1, 1, 0]


def test_any_does_not_roll_when_none_says_so():
    assert not roll_checker.AnyRollChecker([Fixed(), Fixed()]).check(FakeArchive())
    assert not roll_checker.AnyRollChecker([]).check(FakeArchive())


def test_any_starts_each():
    parts = [Fixed(), Fixed()]
    archive = FakeArchive()
    roll_checker.AnyRollChecker(parts).start(archive)
    assert [part.started for part in parts] == [[archive], [archive]]


def test_any_has_the_earliest_deadline():
    checker = roll_checker.AnyRollChecker([Fixed(), Fixed(deadline=9), Fixed(deadline=0.0)])
    assert checker.deadline() == 0.0
    assert roll_checker.AnyRollChecker([Fixed()]).deadline() is None


def test_one_that_raises_is_logged_with_the_archive_and_the_others_are_asked(caplog):
    checker = roll_checker.AnyRollChecker([Fixed(OSError("boom")), Fixed(answer=True, deadline=3)])
    checker.start(FakeArchive(path=Path("a\nforged.events.open")))
    assert checker.check(FakeArchive())
    assert checker.deadline() == 3
    assert "archive a\\u000aforged.events.open;" in caplog.text
    assert "boom" in caplog.text


def test_one_that_raises_for_every_record_is_logged_once_for_each_archive(caplog):
    checker = roll_checker.AnyRollChecker([Fixed(OSError("boom"))])
    for _ in range(2):
        checker.start(FakeArchive())
        for _ in range(100):
            checker.check(FakeArchive())
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


def test_a_deadline_that_is_no_number_is_logged_and_left_out(caplog):
    checker = roll_checker.AnyRollChecker([Fixed(deadline="soon"), Fixed(deadline=4)])
    assert checker.deadline() == 4
    assert "soon" in caplog.text


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_an_option_that_must_be_positive_says_so(value):
    with pytest.raises(ConfigError, match="roll_minutes"):
        roll_checker.positive("roll_minutes", value)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SizeRollChecker", {"roll_size_mb": 1}),
        ("TimeRollChecker", {"roll_minutes": 1}),
        ("CronRollChecker", {"cron": "0 * * * *"}),
    ],
)
def test_the_plugins_of_the_public_interface_are_found_by_name(name, options):
    found = getattr(roll_checker, name)
    assert issubclass(found, roll_checker.RollChecker)
    assert getattr(roll_checker, name) is found
    assert not found(**options).check(FakeArchive())


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="MoonRollChecker"):
        _ = roll_checker.MoonRollChecker


def test_importing_the_module_imports_no_plugin_and_no_loader():
    code = (
        "import sys, shoebox.roll_checker; "
        "print([m for m in sys.modules if m.startswith(('shoebox_plugins', 'stevedore', 'oslo'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.stdout == "[]\n"
