"""Telling metrics: on a thread of its own, all of it in the end, and nothing waits for it."""

import threading

import pytest

from shoebox.metrics import NOWHERE, RECORDS, ROLLS, SILENT, Metrics, guarded
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager, telling
from shoebox.roll_manager.telling import Telling
from tests.metering import Kept

SECONDS = 30


def names():
    return {it.name for it in threading.enumerate()}


def test_what_was_noted_is_told_now_and_then(monkeypatch):
    monkeypatch.setattr(telling, "EVERY", 0.01)
    told = threading.Event()

    class Waits(Kept):
        def tell(self, metric, value=1, label=""):
            super().tell(metric, value, label)
            told.set()

    kept = Waits()
    found = Telling(guarded(kept))
    found.start()
    found.noted.append((RECORDS, 3, ""))
    assert told.wait(SECONDS)
    found.stop()
    found.join(SECONDS)
    assert kept.sums == {(RECORDS.name, ""): 3}


def test_what_stands_there_at_the_end_is_told():
    kept = Kept()
    found = Telling(guarded(kept))
    found.start()
    found.noted.extend([(RECORDS, 3, ""), (ROLLS, 1, "size"), (RECORDS, 4, "")])
    found.stop()
    found.join(SECONDS)
    assert kept.sums == {(RECORDS.name, ""): 7, (ROLLS.name, "size"): 1}
    assert kept.values[RECORDS.name] == [7]


def test_where_nobody_hears_there_is_neither_a_note_nor_a_thread():
    found = Telling(guarded(SILENT))
    found.start()
    assert found.noted is NOWHERE
    found.noted.append((RECORDS, 3, ""))
    assert not found.noted
    assert "shoebox-metrics" not in names()


def test_metrics_that_hang_hold_up_neither_writing_nor_rolling_nor_closing(tmp_path, monkeypatch):
    monkeypatch.setattr(telling, "EVERY", 0.01)
    hangs, go_on = threading.Event(), threading.Event()

    class Hangs(Metrics):
        def tell(self, metric, value=1, label=""):
            hangs.set()
            go_on.wait(SECONDS)

    writer = WritingRollManager(
        "a%f", NeverRollChecker(), tmp_path, close_timeout=0.1, metrics=Hangs()
    )
    writer.write({}, "first")
    writer.flush()
    assert hangs.wait(SECONDS)
    writer.write({}, "second")
    writer.sync()
    writer.roll()
    writer.write({}, "third")
    writer.close()
    assert payloads(tmp_path) == ["first", "second", "third"]
    go_on.set()


def test_notes_that_nobody_takes_are_no_leak(monkeypatch):
    monkeypatch.setattr(telling, "MOST", 10)
    found = Telling(guarded(Kept()))
    found.noted.extend((RECORDS, number, "") for number in range(100))
    assert [value for _, value, _ in found.noted] == list(range(90, 100))


@pytest.mark.parametrize("durability", ["record", "interval", "roll"])
def test_metrics_that_raise_change_nothing(tmp_path, caplog, durability):
    class Raises(Metrics):
        def tell(self, metric, value=1, label=""):
            raise RuntimeError("no room for numbers")

        def watch(self, directory):
            raise RuntimeError("blind")

    with WritingRollManager(
        "a%f", NeverRollChecker(), tmp_path, durability=durability, metrics=Raises()
    ) as writer:
        writer.write_many(({}, str(number)) for number in range(100))
        writer.roll()
        writer.write({}, "100")
    assert payloads(tmp_path) == [str(number) for number in range(101)]
    assert len([it for it in caplog.records if it.name == "shoebox.metrics"]) == 1


def test_a_writer_tells_of_blocks_and_never_of_a_single_record(tmp_path):
    kept = Kept()
    with WritingRollManager("a%f", NeverRollChecker(), tmp_path, metrics=kept) as writer:
        for number in range(20_000):
            writer.write({"n": str(number)}, "x" * 100)
    assert sum(kept.values["shoebox_records_total"]) == 20_000
    assert len(kept.values["shoebox_records_total"]) < 20
    assert 0 < len(kept.values["shoebox_write_seconds"]) < 20
    assert kept.sums["shoebox_rolls_total", "closed"] == 1
    assert kept.watched == [tmp_path]


def payloads(folder):
    with ReadingRollManager("a*", folder) as reader:
        return [payload for _, payload in reader]
