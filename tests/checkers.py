"""What the tests of roll checkers stand on: a clock, and every bundled checker's duties."""

import pytest

from shoebox.errors import ConfigError
from shoebox.roll_checker import RollChecker
from shoebox.testing import DueTests, FakeArchive, RollCheckerTests


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


def rolls(checker, clock, until, step=60):
    """Return when the checker rolls, asked each `step` seconds and started after each roll."""
    checker.start(FakeArchive())
    found = []
    while clock.now < until:
        clock.now += step
        if checker.check(FakeArchive(records=1)):
            found.append(clock.now)
            checker.start(FakeArchive())
    return found


class Duties(RollCheckerTests):
    """Subclass it and name the checker."""

    checker: type[RollChecker]

    def make(self, **more):
        return self.checker(**more)

    def test_the_declared_options_are_the_constructors_with_the_same_defaults(self):
        """What the ini leaves out is what Python leaves out."""
        declared = {option.dest: option.default for option in self.checker.OPTIONS}
        defaults = self.checker.__init__.__kwdefaults__
        assert declared == {name: it for name, it in (defaults or {}).items() if name != "clock"}
        assert all(option.help for option in self.checker.OPTIONS)


class LimitDuties(Duties, DueTests):
    """Of a checker with one option, which is a number above 0."""

    option: str

    @pytest.mark.parametrize("value", [0, -1, float("nan")])
    def test_a_limit_that_is_not_positive_is_refused_by_name(self, value):
        with pytest.raises(ConfigError, match=self.option):
            self.checker(**{self.option: value})
