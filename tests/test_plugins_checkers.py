"""The roll checkers that come with shoebox."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from shoebox.errors import ConfigError
from shoebox.roll_checker import NeverRollChecker
from shoebox_plugins.checkers.cron import LOOK_AGAIN, CronRollChecker
from shoebox_plugins.checkers.idle import IdleRollChecker
from shoebox_plugins.checkers.records import RecordsRollChecker
from shoebox_plugins.checkers.size import SizeRollChecker
from shoebox_plugins.checkers.time import TimeRollChecker

BERLIN = ZoneInfo("Europe/Berlin")
CHECKERS = [
    CronRollChecker,
    IdleRollChecker,
    NeverRollChecker,
    RecordsRollChecker,
    SizeRollChecker,
    TimeRollChecker,
]


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


def at(text, zone=UTC, fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


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


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_has_defaults_and_tolerates_options_it_does_not_know(checker):
    assert not checker(no_such_option=1).check(Archive())


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_takes_keyword_arguments_only(checker):
    with pytest.raises(TypeError):
        checker(5)


@pytest.mark.parametrize("checker", CHECKERS)
def test_declared_options_are_the_constructors_with_the_same_defaults(checker):
    """What the ini leaves out is what Python leaves out."""
    declared = {option.dest: option.default for option in checker.OPTIONS}
    defaults = checker.__init__.__kwdefaults__
    assert declared == {name: it for name, it in (defaults or {}).items() if name != "clock"}
    assert all(option.help for option in checker.OPTIONS)


@pytest.mark.parametrize(
    ("checker", "option"),
    [
        (SizeRollChecker, "roll_size_mb"),
        (TimeRollChecker, "roll_minutes"),
        (RecordsRollChecker, "roll_records"),
        (IdleRollChecker, "idle_seconds"),
    ],
)
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_limit_that_is_not_positive_is_refused_by_name(checker, option, value):
    with pytest.raises(ConfigError, match=option):
        checker(**{option: value})


def test_size_rolls_at_the_byte():
    checker = SizeRollChecker(roll_size_mb=1)
    assert not checker.check(Archive(size=2**20 - 1))
    assert checker.check(Archive(size=2**20))
    assert checker.reason == "size: 1 MB reached"
    assert checker.deadline() is None


def test_a_size_may_be_a_fraction():
    """It is not rounded to whole MB."""
    checker = SizeRollChecker(roll_size_mb=0.5)
    assert [checker.check(Archive(size=size)) for size in (2**19 - 1, 2**19)] == [False, True]


def test_records_rolls_at_the_number():
    checker = RecordsRollChecker(roll_records=3)
    assert [checker.check(Archive(records=n)) for n in (2, 3, 4)] == [False, True, True]
    assert checker.reason == "records: 3 reached"
    assert checker.deadline() is None


def test_time_rolls_when_the_minutes_have_passed():
    clock = Clock()
    checker = TimeRollChecker(roll_minutes=1.5, clock=clock)
    checker.start(Archive())
    assert checker.deadline() == 90
    clock.now += 89.9
    assert not checker.check(Archive())
    clock.now += 0.1
    assert checker.check(Archive())
    assert checker.deadline() == 0.0
    assert checker.reason == "time: 1.5 minutes passed"


def test_time_counts_from_the_opening_of_each_archive():
    clock = Clock()
    assert rolls(TimeRollChecker(roll_minutes=10, clock=clock), clock, clock.now + 1800) == [
        1600,
        2200,
        2800,
    ]


def test_time_goes_by_a_clock_that_nobody_sets(monkeypatch):
    """The default is the monotonic clock: a step of the time of day changes nothing."""
    checker = TimeRollChecker(roll_minutes=60)
    checker.start(Archive())
    monkeypatch.setattr("time.time", lambda: 2**40)
    assert not checker.check(Archive())
    assert 3500 < checker.deadline() <= 3600


def test_idle_rolls_when_nothing_was_written_for_so_long():
    clock = Clock()
    checker = IdleRollChecker(idle_seconds=5, clock=clock)
    archive = Archive()
    checker.start(archive)
    archive.records = 1
    assert not checker.check(archive)
    assert checker.deadline() == 5
    clock.now += 4
    assert not checker.check(archive)
    assert checker.deadline() == 1
    clock.now += 1
    assert checker.deadline() == 0.0
    assert checker.check(archive)
    assert checker.reason == "idle: nothing written for 5 seconds"


def test_each_record_starts_the_idle_wait_anew():
    clock = Clock()
    checker = IdleRollChecker(idle_seconds=5, clock=clock)
    archive = Archive()
    checker.start(archive)
    for _ in range(10):
        clock.now += 4
        archive.records += 1
        assert not checker.check(archive)
    assert checker.deadline() == 5


def test_idle_waits_for_the_first_record():
    clock = Clock()
    checker = IdleRollChecker(idle_seconds=5, clock=clock)
    archive = Archive(records=0)
    checker.start(archive)
    clock.now += 1000
    assert checker.deadline() is None
    assert not checker.check(archive)


def test_idle_forgets_the_archive_before():
    clock = Clock()
    checker = IdleRollChecker(idle_seconds=5, clock=clock)
    checker.start(Archive())
    checker.check(Archive(records=7))
    checker.start(Archive())
    clock.now += 1000
    assert checker.deadline() is None
    assert not checker.check(Archive(records=1))
    assert checker.deadline() == 5


def test_cron_rolls_at_the_time_and_once():
    clock = Clock(at("2024-05-01 10:30:30"))
    checker = CronRollChecker(cron="0 * * * *", clock=clock)
    found = rolls(checker, clock, at("2024-05-01 13:00:00"), step=30)
    assert found == [at(f"2024-05-01 {hour}:00:00") for hour in (11, 12, 13)]
    assert checker.reason == "cron: 0 * * * * (UTC)"


def test_a_cron_deadline_is_when_it_is_due():
    clock = Clock(at("2024-05-01 10:59:30.5"))
    checker = CronRollChecker(cron="0 * * * *", clock=clock)
    assert checker.deadline() == pytest.approx(29.5)
    clock.now = at("2024-05-01 11:00:00")
    assert checker.deadline() == 0.0
    assert checker.check(Archive(records=1))


def test_cron_looks_again_at_the_clock_before_a_far_deadline():
    """Else a clock that is set ahead in the meantime would be noticed too late."""
    clock = Clock(at("2024-05-01 10:00:01"))
    assert CronRollChecker(cron="0 0 * * *", clock=clock).deadline() == LOOK_AGAIN


def test_cron_goes_by_the_time_zone():
    clock = Clock(at("2024-05-01 00:00"))
    checker = CronRollChecker(cron="0 12 * * *", timezone="Asia/Kolkata", clock=clock)
    assert rolls(checker, clock, at("2024-05-02 00:00")) == [at("2024-05-01 06:30")]


@pytest.mark.parametrize(
    ("cron", "times"),
    [
        # 02:30 does not exist: it comes when the gap ends, 03:00.
        ("30 2 * * *", ["03-30 02:30", "03-31 03:00", "04-01 02:30"]),
        ("0 2 * * *", ["03-30 02:00", "03-31 03:00", "04-01 02:00"]),
        ("0 4 * * *", ["03-30 04:00", "03-31 04:00", "04-01 04:00"]),
    ],
)
def test_cron_when_daylight_saving_begins(cron, times):
    clock = Clock(at("2024-03-30 00:10", BERLIN))
    checker = CronRollChecker(cron=cron, timezone="Europe/Berlin", clock=clock)
    expected = [at(f"2024-{when}", BERLIN) for when in times]
    assert rolls(checker, clock, at("2024-04-01 23:00", BERLIN)) == expected


@pytest.mark.parametrize("step", [60, 7])
def test_cron_when_daylight_saving_ends_a_repeated_time_comes_once(step):
    clock = Clock(at("2024-10-26 12:00", BERLIN))
    checker = CronRollChecker(cron="30 2 * * *", timezone="Europe/Berlin", clock=clock)
    found = rolls(checker, clock, at("2024-10-28 12:00", BERLIN), step)
    expected = [at("2024-10-27 02:30", BERLIN, fold=0), at("2024-10-28 02:30", BERLIN)]
    assert found == pytest.approx(expected, abs=step)


def test_cron_started_in_the_repeated_hour_does_not_roll_for_every_record():
    clock = Clock(at("2024-10-27 02:10", BERLIN, fold=1))
    checker = CronRollChecker(cron="30 2 * * *", timezone="Europe/Berlin", clock=clock)
    assert rolls(checker, clock, at("2024-10-28 12:00", BERLIN)) == [at("2024-10-28 02:30", BERLIN)]


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25)])
def test_hourly_cron_rolls_every_hour_that_the_day_has(day, hours):
    clock = Clock(at(f"{day} 00:00", BERLIN))
    checker = CronRollChecker(cron="0 * * * *", timezone="Europe/Berlin", clock=clock)
    start = clock.now
    found = rolls(checker, clock, start + hours * 3600)
    assert found == [start + 3600 * (hour + 1) for hour in range(hours)]


def test_a_clock_that_jumps_ahead_rolls_once():
    clock = Clock(at("2024-05-01 10:30"))
    checker = CronRollChecker(cron="*/5 * * * *", clock=clock)
    checker.start(Archive())
    clock.now = at("2024-06-01 10:32")
    assert checker.check(Archive(records=1))
    checker.start(Archive())
    assert not checker.check(Archive(records=1))
    assert rolls(checker, clock, at("2024-06-01 10:35")) == [at("2024-06-01 10:35")]


def test_a_clock_that_is_set_back_goes_on_rolling():
    clock = Clock(at("2024-05-01 10:30"))
    checker = CronRollChecker(cron="*/5 * * * *", clock=clock)
    checker.start(Archive())
    clock.now = at("2023-05-01 10:32")
    assert not checker.check(Archive(records=1))
    assert checker.deadline() <= LOOK_AGAIN
    clock.now = at("2023-05-01 10:35")
    assert checker.check(Archive(records=1))


def test_a_small_correction_of_the_clock_does_not_roll_twice():
    clock = Clock(at("2024-05-01 11:00"))
    checker = CronRollChecker(cron="0 * * * *", clock=clock)
    checker.start(Archive())
    for correction in (-0.5, 0, 1, 59 * 60):
        clock.now += correction
        assert not checker.check(Archive(records=1))


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "61 * * * *", "hourly", "0 0 30 2 *", "0 0 31 4,6 *", "*/0 * * * *"]
)
def test_a_bad_cron_expression_is_a_clear_error_at_construction(cron):
    with pytest.raises(ConfigError, match="cron = "):
        CronRollChecker(cron=cron)


@pytest.mark.parametrize("timezone", ["Mars/Olympus", "", "../etc/passwd", "Europe", "/etc/passwd"])
def test_an_unknown_time_zone_is_a_clear_error_at_construction(timezone):
    with pytest.raises(ConfigError, match="timezone = "):
        CronRollChecker(timezone=timezone)
