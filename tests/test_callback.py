"""The interface of callbacks, and the list that calls them."""

from pathlib import Path

from shoebox.callback import Callback, CallbackList


class Recording(Callback):
    """Keeps what it heard; answers, or raises, what it was told to."""

    def __init__(self, answer=None):
        self.answer, self.heard = answer, []

    def on_open(self, path):
        self.heard.append(("open", path))
        if isinstance(self.answer, Exception):
            raise self.answer

    def on_close(self, path):
        self.heard.append(("close", path))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Moving(Callback):
    keeps_file = False


A, B = Path("spool/a.events"), Path("elsewhere/b.events")


def test_a_callback_that_overrides_nothing_keeps_the_file():
    callback = Callback()
    callback.on_open(A)
    assert callback.on_close(A) is None
    assert callback.keeps_file


def test_each_gets_the_path_that_the_one_before_returned():
    first, second, third = Recording(B), Recording(), Recording()
    assert CallbackList([first, second, third]).on_close(A) == B
    assert first.heard == [("close", A)]
    assert second.heard == third.heard == [("close", B)]


def test_none_keeps_the_path():
    assert CallbackList([Recording(None)]).on_close(A) == A
    assert CallbackList([]).on_close(A) == A


def test_a_path_may_come_back_as_a_string():
    assert CallbackList([Recording(str(B))]).on_close(A) == B


def test_on_open_is_heard_by_each_in_order():
    parts = [Recording(), Recording()]
    CallbackList(parts).on_open(A)
    assert [part.heard for part in parts] == [[("open", A)], [("open", A)]]


def test_one_that_raises_is_logged_with_the_archive_and_the_others_are_called(caplog):
    second = Recording(B)
    callbacks = CallbackList([Recording(OSError("boom")), second])
    forged = Path("spool/a\n\x1b[31mforged.events")
    callbacks.on_open(forged)
    assert callbacks.on_close(forged) == B
    assert second.heard == [("open", forged), ("close", forged)]
    assert "Recording.on_open" in caplog.messages[0]
    assert "Recording.on_close" in caplog.messages[1]
    shown = "archive a\\u000a\\u001b[31mforged.events;"
    assert all(shown in message for message in caplog.messages)
    assert "boom" in caplog.text


def test_one_that_returns_nonsense_is_logged_and_the_path_stays(caplog):
    assert CallbackList([Recording(42)]).on_close(A) == A
    assert "a.events" in caplog.text


def test_a_list_keeps_the_file_only_if_each_of_them_does():
    assert CallbackList([]).keeps_file
    assert CallbackList([Recording(), Recording()]).keeps_file
    assert not CallbackList([Recording(), Moving()]).keeps_file
