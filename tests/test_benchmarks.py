"""What the benchmark says of what it has measured; that it measures, running it shows."""

import pytest

from benchmarks import goals, report
from benchmarks.results import Measured, Outcome, Run, load, save


def measured(peer, compression, rate, *, kind=goals.SMALL, stored=1.0):
    """Return what a peer reached that reads twice as fast as it writes."""
    write, read = [rate, rate * 1.5, rate], [rate * 2] * 3
    return Measured(kind, compression, peer, 100, write, read, write, read, stored)


@pytest.fixture
def run():
    rows = [
        measured(goals.OURS, "none", 400.0, stored=5.0),
        measured(goals.OURS, "zstd", 300.0, stored=1.2),
        measured("fastavro", "none", 100.0),
        measured("msgpack", "none", 500.0),
        measured("msgpack", "zstd", 200.0),
    ]
    found = list(goals.outcomes(rows, compiled=False))
    return Run("a machine", compiled=False, measured=rows, outcomes=found)


def test_each_goal_is_compared_with_its_peer_in_the_same_compression(run):
    reached = {it.what: it.measured for it in run.outcomes}
    assert reached["100 bytes: write, none, to fastavro"] == 4
    assert reached["100 bytes: read, none, to msgpack"] == pytest.approx(0.8)
    assert reached["100 bytes: write, zstd, to msgpack"] == 1.5
    assert reached["100 bytes: stored, zstd, to `zstd -1` of JSON lines"] == 1.2


def test_goals_are_higher_where_modules_are_compiled(run):
    compiled = goals.outcomes(run.measured, compiled=True)
    assert [it.goal for it in run.outcomes if "write, none" in it.what] == [3.5, 0.65]
    assert [it.goal for it in compiled if "write, none" in it.what] == [5, 1]


def test_a_goal_that_was_missed_is_bold(run):
    fine, missed = Outcome("fine", 2, 1), Outcome("missed", 2, 1, at_most=True, unit=" MiB")
    lines = list(report.goal_table([Run("", compiled=True, outcomes=[fine, missed])]))
    assert [cell.strip() for cell in lines[2].split("|")[1:3]] == ["fine", "2.00"]
    assert "**2.00 MiB**" in lines[3]
    assert "≤ 1 MiB" in lines[3]


def test_runs_stand_side_by_side_whatever_each_of_them_measured(run):
    other = Run("another", compiled=True, outcomes=run.outcomes[:1])
    lines = list(report.goal_table([run, other]))
    assert len(lines) == 2 + len(run.outcomes)
    assert len({line.count("|") for line in lines}) == 1


def test_rates_say_how_much_faster_shoebox_is_with_the_same_compression(run):
    [row] = (it for it in report.rate_tables(run) if "zstd" in it and "msgpack" in it)
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells == ["zstd", "msgpack", "200", "400", "1.00", "1.50 ×", "1.50 ×"]  # noqa: RUF001


def test_a_run_that_was_saved_is_loaded_again(run, tmp_path):
    save(run, tmp_path / "run.json")
    assert load(tmp_path / "run.json") == run
