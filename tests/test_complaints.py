import logging

from shoebox.complaints import Complaints


def test_the_same_complaint_is_logged_once_until_it_changes_or_is_over(caplog):
    complaints = Complaints()
    for message in ("a", "a", "b", "a"):
        complaints.say("sync", message)
    complaints.say("roll", "a")
    assert [record.message for record in caplog.records] == ["a", "b", "a", "a"]
    assert "sync" in complaints
    complaints.over("sync")
    complaints.over("never said")
    assert "sync" not in complaints
    assert "roll" in complaints
    complaints.say("sync", "a")
    assert len(caplog.records) == 5


def test_what_has_the_same_cause_is_the_same_complaint(caplog):
    complaints = Complaints()
    for message, cause in (("a", 1), ("b", 1), ("c", 2), ("d", None), ("e", 2)):
        complaints.say("open", message, cause=cause)
    assert [record.message for record in caplog.records] == ["a", "c", "d", "e"]


def test_they_are_errors_of_who_complains(caplog):
    Complaints(logging.getLogger("shoebox.x")).say("a", "b")
    assert [(it.name, it.levelname) for it in caplog.records] == [("shoebox.x", "ERROR")]
