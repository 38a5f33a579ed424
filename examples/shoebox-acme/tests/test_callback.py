"""The callback: the duties of every one, and its own, against a server on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from shoebox.archive import ArchiveWriter
from shoebox.errors import ConfigError
from shoebox.testing import CallbackTests
from shoebox_acme.callback import WebhookCallback


class TestWebhookCallback(CallbackTests):
    """What every callback does, here where nobody listens."""

    def make(self, **more):
        return WebhookCallback(url="http://127.0.0.1:9/", **more)


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is posted, and answers with the number that the path is."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.headers["Content-Type"], json.loads(body)))
        self.send_response(int(self.path[1:]))
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.posted, server.url = [], f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


@pytest.fixture
def archive(tmp_path):
    with ArchiveWriter(tmp_path / "a.events") as writer:
        for number in range(3):
            writer.write({"number": str(number)}, "payload")
    return tmp_path / "a.events"


def test_it_posts_what_there_is_to_say(server, archive):
    WebhookCallback(url=f"{server.url}/204").on_close(archive)
    [(kind, told)] = server.posted
    assert kind == "application/json"
    assert len(told.pop("archive")) == 32
    assert told == {"name": "a.events", "size": archive.stat().st_size, "records": 3}


def test_a_webhook_that_answers_with_an_error_is_named_in_the_log(server, archive, caplog):
    WebhookCallback(url=f"{server.url}/500").on_close(archive)
    assert "not told of archive a.events: HTTP Error 500" in caplog.text
    assert archive.exists()


def test_one_that_is_not_there_is_too_without_its_url(archive, caplog):
    WebhookCallback(url="http://127.0.0.1:9/secret").on_close(archive)
    assert "not told of archive a.events" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("url", ["", "x", "file:///etc/passwd", "http://", "http://host:secret/"])
def test_what_is_no_address_on_the_web_is_refused_and_not_shown(url):
    with pytest.raises(ConfigError, match="url: give one") as caught:
        WebhookCallback(url=url)
    assert "secret" not in str(caught.value)
