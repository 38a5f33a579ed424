"""What the tests of roll checkers stand on: an archive, a clock, and every checker's duties."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from shoebox.errors import ConfigError
from shoebox.roll_checker import RollChecker


@dataclass
class Archive:
    path: Path = Path("spool/a.events.open")
    size: int = 0
    records: int = 0
    opened: int = 0
    last_metadata: dict[str, str] | None = None
    last_payload: str | bytes | None = None


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


def rolls(checker, clock, until, step=60):
    """Return when the checker rolls, asked each `step` seconds and started after each roll."""
    checker.start(Archive())
    found = []
    while clock.now < until:
        clock.now += step
        if checker.check(Archive(records=1)):
            found.append(clock.now)
            checker.start(Archive())
    return found


class Duties:
    """Subclass it and name the checker."""

    checker: type[RollChecker]

    def test_it_has_defaults_and_tolerates_options_it_does_not_know(self):
        assert not self.checker(no_such_option=1).check(Archive())

    def test_it_takes_keyword_arguments_only(self):
        with pytest.raises(TypeError):
            self.checker(5)

    def test_the_declared_options_are_the_constructors_with_the_same_defaults(self):
        """What the ini leaves out is what Python leaves out."""
        declared = {option.dest: option.default for option in self.checker.OPTIONS}
        defaults = self.checker.__init__.__kwdefaults__
        assert declared == {name: it for name, it in (defaults or {}).items() if name != "clock"}
        assert all(option.help for option in self.checker.OPTIONS)


class LimitDuties(Duties):
    """Of a checker with one option, which is a number above 0."""

    option: str

    @pytest.mark.parametrize("value", [0, -1, float("nan")])
    def test_a_limit_that_is_not_positive_is_refused_by_name(self, value):
        with pytest.raises(ConfigError, match=self.option):
            self.checker(**{self.option: value})
