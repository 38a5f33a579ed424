"""Connections that are kept for the next one who needs one."""

import pytest

from shoebox.errors import ObjectNotFound, StorageUnavailable
from shoebox_plugins.storage.swift.connections import Connections, connect
from shoebox_plugins.storage.swift.settings import Settings
from tests.swift_server import serving

URL = "http://127.0.0.1:1/v1/AUTH_test"


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def connections(server):
    connections = Connections(Settings.of(**server.options()))
    yield connections
    connections.close()


def borrowed(connections, url=URL):
    with connections.borrowed(url) as connection:
        return connection


def test_a_connection_is_used_again(connections):
    assert borrowed(connections) is borrowed(connections)


def test_two_at_once_have_one_each(connections):
    with connections.borrowed(URL) as first, connections.borrowed(URL) as second:
        assert first is not second


def test_one_to_another_place_is_not_used(connections):
    assert borrowed(connections) is not borrowed(connections, f"{URL}2")


@pytest.mark.parametrize(
    ("error", "kept"),
    [(ObjectNotFound("gone"), True), (StorageUnavailable("cut off"), False), (OSError(), False)],
)
def test_one_on_which_something_may_be_left_is_not_kept(connections, error, kept):
    first = borrowed(connections)
    with pytest.raises(type(error)), connections.borrowed(URL):
        raise error
    assert (borrowed(connections) is first) == kept


def test_one_that_is_given_back_after_the_close_is_closed(connections):
    with connections.borrowed(URL) as connection:
        connections.close()
        connections.close()
    assert borrowed(connections) is not connection


def test_a_redirect_is_not_followed(server):
    server.fail("PUT", status=302, headers={"Location": f"{server.url}/elsewhere"})
    connection = connect(server.url, Settings.of(**server.options()))
    connection.request("PUT", "/v1", b"", {})
    assert connection.getresponse().read() == b""
    connection.close()
    assert (connection.resp.status_code, server.log) == (302, ["PUT /v1"])
