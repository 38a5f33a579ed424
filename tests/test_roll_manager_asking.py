"""Asking a checker: whatever a plugin does, the answer is one to go on with."""

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.complaints import Complaints
from shoebox.roll_checker import RollChecker
from shoebox.roll_manager.asking import Asked


class Says(RollChecker):
    """Gives the same to every question, or raises it."""

    def __init__(self, answer):
        self.answer = answer
        self.started = []

    def start(self, archive):
        self.started.append(archive)
        self._say()

    def check(self, archive):
        return self._say()

    def deadline(self):
        return self._say()

    @property
    def reason(self):
        return self._say()

    def _say(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class NoTruth:
    def __bool__(self):
        raise ValueError("neither")

    def __str__(self):
        raise ValueError("nothing to say")


@pytest.fixture
def archive(tmp_path):
    with ArchiveWriter(tmp_path / "a.events") as archive:
        archive.write({}, "x")
        yield archive


def asked(answer):
    complaints = Complaints()
    return Asked(Says(answer), complaints), complaints


@pytest.mark.parametrize(
    ("answer", "due"), [(True, True), (False, False), (None, False), (1, True)]
)
def test_a_checker_decides(archive, answer, due):
    found, complaints = asked(answer)
    assert found.is_due(archive) is due
    assert "checker" not in complaints


@pytest.mark.parametrize("answer", [RuntimeError("broken"), NoTruth()])
def test_one_that_fails_means_no_roll_and_is_named_with_the_archive(archive, caplog, answer):
    found, _ = asked(answer)
    found.start(archive)
    assert found.is_due(archive) is False
    assert found.deadline(archive) is None
    assert found.reason == "its Says asked for it"
    assert str(archive.path) in caplog.text
    assert "the checker Says failed" in caplog.text


def test_an_interrupt_is_no_fault_of_the_checker(archive):
    class Interrupted(Says):
        def check(self, archive):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Asked(Interrupted(None), Complaints()).is_due(archive)


@pytest.mark.parametrize(("answer", "seconds"), [(None, None), (0, 0.0), ("2.5", 2.5), ([], None)])
def test_a_deadline_is_seconds_or_none(archive, answer, seconds):
    found, _ = asked(answer)
    assert found.deadline(archive) == seconds


def test_without_a_record_there_is_no_deadline(tmp_path):
    """An archive without a record is never rolled, so nothing is asked."""
    found, _ = asked(0.0)
    with ArchiveWriter(tmp_path / "a.events") as empty:
        assert found.deadline(empty) is None
    assert found.deadline(None) is None
