"""The cron checker: at the times of an expression in a time zone, each of them once."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from shoebox.errors import ConfigError
from shoebox.testing import DueTests, FakeArchive
from shoebox_plugins.checkers.cron import LOOK_AGAIN, CronRollChecker
from tests.checkers import Clock, Duties, rolls

BERLIN = ZoneInfo("Europe/Berlin")


def at(text, zone=UTC, fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


class TestDuties(Duties, DueTests):
    checker = CronRollChecker

    def make(self, **more):
        self.clock = Clock(at("2024-05-01 10:30:30"))
        return self.checker(clock=self.clock, **more)

    def make_due(self, archive):
        self.clock.now += 3600


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
    assert checker.check(FakeArchive(records=1))


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
    checker.start(FakeArchive())
    clock.now = at("2024-06-01 10:32")
    assert checker.check(FakeArchive(records=1))
    checker.start(FakeArchive())
    assert not checker.check(FakeArchive(records=1))
    assert rolls(checker, clock, at("2024-06-01 10:35")) == [at("2024-06-01 10:35")]


def test_a_clock_that_is_set_back_goes_on_rolling():
    clock = Clock(at("2024-05-01 10:30"))
    checker = CronRollChecker(cron="*/5 * * * *", clock=clock)
    checker.start(FakeArchive())
    clock.now = at("2023-05-01 10:32")
    assert not checker.check(FakeArchive(records=1))
    assert checker.deadline() <= LOOK_AGAIN
    clock.now = at("2023-05-01 10:35")
    assert checker.check(FakeArchive(records=1))


def test_a_small_correction_of_the_clock_does_not_roll_twice():
    clock = Clock(at("2024-05-01 11:00"))
    checker = CronRollChecker(cron="0 * * * *", clock=clock)
    checker.start(FakeArchive())
    for correction in (-0.5, 0, 1, 59 * 60):
        clock.now += correction
        assert not checker.check(FakeArchive(records=1))


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
