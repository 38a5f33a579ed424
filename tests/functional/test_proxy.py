"""The proxy fails as it is told to, before a real server, and then gets out of the way."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)

from tests.functional.clients import s3, unique_name

CONTENT = b"content" * 300_000


@pytest.fixture
def before(seaweedfs, proxy):
    """Put a proxy before SeaweedFS."""
    return proxy(seaweedfs.url)


@pytest.fixture
def client(seaweedfs, before):
    """Return a client of SeaweedFS by way of the proxy, which waits for a few seconds at most."""
    return s3(before.url, seaweedfs.access_key, seaweedfs.secret_key, read_timeout=3)


@pytest.fixture
def bucket(client):
    bucket = unique_name()
    client.create_bucket(Bucket=bucket)
    return bucket


def put(client, bucket):
    client.put_object(Bucket=bucket, Key="key", Body=CONTENT)


def is_there(client, bucket):
    return client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_it_forwards_until_told_otherwise(before, client, bucket):
    put(client, bucket)
    assert client.get_object(Bucket=bucket, Key="key")["Body"].read() == CONTENT
    assert before.met == 0


def test_it_refuses_connections_and_takes_them_again(before, client, bucket):
    before.refuse()
    with pytest.raises(EndpointConnectionError):
        put(client, bucket)
    before.forward()
    put(client, bucket)


def test_an_upload_is_reset_in_the_middle_and_nothing_is_stored(before, client, bucket):
    before.reset(after=len(CONTENT) // 2)
    with pytest.raises(HTTPClientError):
        put(client, bucket)
    assert before.met == 1
    before.forward()
    assert not is_there(client, bucket)


def test_a_reply_is_lost_of_what_was_done(before, client, bucket):
    before.reset(way="reply")
    with pytest.raises(ConnectionClosedError):
        put(client, bucket)
    before.forward()
    assert is_there(client, bucket)


def test_a_download_ends_early(before, client, bucket):
    put(client, bucket)
    before.close_early(after=len(CONTENT) // 2, way="reply")
    body = client.get_object(Bucket=bucket, Key="key")["Body"]
    with pytest.raises(HTTPClientError):
        body.read()
    assert before.met == 1


def test_a_server_hangs(before, client, bucket):
    before.hang(way="reply")
    with pytest.raises(ReadTimeoutError):
        put(client, bucket)
    before.forward()
    assert is_there(client, bucket)


def test_it_answers_in_the_stead_of_the_server(before, client, bucket):
    before.answer(503, "Retry-After: 7")
    with pytest.raises(ClientError) as caught:
        put(client, bucket)
    reply = caught.value.response["ResponseMetadata"]
    assert (reply["HTTPStatusCode"], reply["HTTPHeaders"]["retry-after"]) == (503, "7")


def test_it_fails_as_often_as_it_is_told_to(before, client, bucket):
    before.reset(times=2)
    for _ in range(2):
        with pytest.raises(ConnectionClosedError):
            put(client, bucket)
    put(client, bucket)
    assert before.met == 2
