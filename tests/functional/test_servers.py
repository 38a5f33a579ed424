"""The servers that other tests stand on do what those tests take for granted."""

import io
import json
import socket
from urllib.parse import urlsplit

import pytest
import swiftclient
from botocore.exceptions import ClientError, EndpointConnectionError, SSLError

from tests.functional.clients import s3, unique_name
from tests.functional.servers.process import fetch

CONTENT = b"content" * 100_000
OLD = {"request_checksum_calculation": "when_required"}


def seaweedfs_client(server):
    return s3(server.url, server.access_key, server.secret_key)


def there_and_back(client):
    """Make a bucket, put an object and get it; return the bucket."""
    bucket = unique_name()
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="key", Body=CONTENT)
    assert client.get_object(Bucket=bucket, Key="key")["Body"].read() == CONTENT
    return bucket


def status(caught):
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def refused(url):
    parts = urlsplit(url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((parts.hostname, parts.port), timeout=10)
    return True


def swift_login(server, username=None, password=None):
    return swiftclient.get_auth(
        server.auth_url, username or server.username, password or server.password
    )


# S3


def test_seaweedfs_keeps_an_object_and_sees_a_wrong_checksum(seaweedfs):
    client = seaweedfs_client(seaweedfs)
    bucket = there_and_back(client)
    with pytest.raises(ClientError, match="BadDigest|InvalidDigest|checksum"):
        client.put_object(Bucket=bucket, Key="bad", Body=CONTENT, ChecksumCRC32C="AAAAAA==")
    with pytest.raises(ClientError) as caught:
        client.head_object(Bucket=bucket, Key="bad")
    assert status(caught) == 404


def test_a_reader_of_seaweedfs_may_list_and_read_but_not_write(seaweedfs):
    bucket = there_and_back(seaweedfs_client(seaweedfs))
    reader = s3(seaweedfs.url, seaweedfs.reader_access_key, seaweedfs.reader_secret_key)
    assert reader.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert reader.get_object(Bucket=bucket, Key="key")["Body"].read() == CONTENT
    for call in (
        lambda: reader.put_object(Bucket=bucket, Key="other", Body=b""),
        lambda: reader.delete_object(Bucket=bucket, Key="key"),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert status(caught) == 403


def test_seaweedfs_encrypts_when_it_is_asked_to(seaweedfs):
    client = seaweedfs_client(seaweedfs)
    bucket = there_and_back(client)
    client.put_object(Bucket=bucket, Key="key", Body=CONTENT, ServerSideEncryption="AES256")
    reply = client.get_object(Bucket=bucket, Key="key")
    assert (reply["ServerSideEncryption"], reply["Body"].read()) == ("AES256", CONTENT)


def test_seaweedfs_by_https_is_verified(seaweedfs):
    account = seaweedfs.tls_url, seaweedfs.access_key, seaweedfs.secret_key
    there_and_back(s3(*account, cafile=str(seaweedfs.cafile)))
    with pytest.raises(SSLError):
        s3(*account).list_buckets()


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_seaweedfs_has_its_data_when_it_comes_back(seaweedfs, way):
    client = seaweedfs_client(seaweedfs)
    bucket = there_and_back(client)
    getattr(seaweedfs, way)()
    assert refused(seaweedfs.url)
    with pytest.raises(EndpointConnectionError):
        client.get_object(Bucket=bucket, Key="key")
    seaweedfs.start()
    assert client.get_object(Bucket=bucket, Key="key")["Body"].read() == CONTENT


def test_a_server_that_was_taken_away_is_there_for_the_next_test(seaweedfs):
    """The test before may have ended early: here one half takes it away, the next uses it."""
    seaweedfs.stop()
    assert refused(seaweedfs.url)


def test_the_next_test_finds_it(seaweedfs):
    assert there_and_back(seaweedfs_client(seaweedfs))


def test_juicefs_keeps_an_object_and_has_it_when_it_comes_back(juicefs):
    client = s3(juicefs.url, juicefs.access_key, juicefs.secret_key, **OLD)
    bucket = there_and_back(client)
    juicefs.stop()
    assert refused(juicefs.url)
    juicefs.start()
    assert client.get_object(Bucket=bucket, Key="key")["Body"].read() == CONTENT


# Swift


def test_swift_keeps_an_object_of_somebody_who_logs_in_by_auth_v1(swift):
    url, token = swift_login(swift)
    container = unique_name()
    swiftclient.put_container(url, token, container)
    etag = swiftclient.put_object(url, token, container, "key", io.BytesIO(CONTENT))
    headers, content = swiftclient.get_object(url, token, container, "key")
    assert (headers["etag"], content) == (etag, CONTENT)


def test_swift_holds_metadata_as_large_as_it_may_be(swift):
    url, token = swift_login(swift)
    container = unique_name()
    swiftclient.put_container(url, token, container)
    large = {f"x-object-meta-{number}": "x" * 250 for number in range(15)}
    swiftclient.put_object(url, token, container, "key", b"", headers=large)
    headers = swiftclient.head_object(url, token, container, "key")
    assert large.items() <= headers.items()


def test_swift_has_a_second_storage_policy(swift):
    url, token = swift_login(swift)
    container = unique_name()
    headers = {"X-Storage-Policy": swift.policy}
    swiftclient.put_container(url, token, container, headers=headers)
    swiftclient.put_object(url, token, container, "key", b"content")
    headers = swiftclient.head_container(url, token, container)
    assert (headers["x-storage-policy"], headers["x-container-object-count"]) == ("silver", "1")


def test_somebody_else_may_read_from_swift_what_an_acl_allows(swift):
    url, token = swift_login(swift)
    container = unique_name()
    swiftclient.put_container(url, token, container)
    swiftclient.put_object(url, token, container, "key", b"content")
    _, other = swift_login(swift, swift.other_username, swift.other_password)
    for call in (
        lambda: swiftclient.get_object(url, other, container, "key"),
        lambda: swiftclient.put_object(url, other, container, "new", b""),
    ):
        with pytest.raises(swiftclient.ClientException) as caught:
            call()
        assert caught.value.http_status == 403
    acl = {"X-Container-Read": swift.other_username}
    swiftclient.post_container(url, token, container, acl)
    assert swiftclient.get_object(url, other, container, "key")[1] == b"content"


def test_a_token_of_auth_v1_that_was_forgotten_is_refused(swift):
    url, token = swift_login(swift)
    swift.forget_tokens()
    with pytest.raises(swiftclient.ClientException) as caught:
        swiftclient.get_account(url, token)
    assert caught.value.http_status == 401
    swiftclient.get_account(*swift_login(swift))


def keystone_login(server, method, secret):
    """Return the URL of Swift in the catalogue, and a token."""
    body = {"auth": {"identity": {"methods": [method], method: secret}}}
    if method == "password":
        project = {"name": server.keystone_project_name, "domain": {"id": "default"}}
        body["auth"]["scope"] = {"project": project}
    reply = fetch(
        f"{server.keystone_url}/auth/tokens",
        "POST",
        json.dumps(body),
        {"Content-Type": "application/json"},
    )
    catalogue = json.loads(reply[2])["token"]["catalog"]
    (store,) = [it for it in catalogue if it["type"] == "object-store"]
    assert {it["region"] for it in store["endpoints"]} == {server.keystone_region_name}
    return store["endpoints"][0]["url"], reply[1]["X-Subject-Token"]


@pytest.mark.parametrize("method", ["password", "application_credential"])
def test_swift_takes_what_keystone_gives(swift, method):
    user = {
        "name": swift.keystone_username,
        "password": swift.keystone_password,
        "domain": {"id": "default"},
    }
    application = {
        "id": swift.application_credential_id,
        "secret": swift.application_credential_secret,
    }
    secret = {"user": user} if method == "password" else application
    url, token = keystone_login(swift, method, secret)
    container = unique_name()
    swiftclient.put_container(url, token, container)
    swiftclient.put_object(url, token, container, "key", io.BytesIO(CONTENT))
    swift.forget_tokens()
    with pytest.raises(swiftclient.ClientException) as caught:
        swiftclient.get_object(url, token, container, "key")
    assert caught.value.http_status == 401
    url, token = keystone_login(swift, method, secret)
    assert swiftclient.get_object(url, token, container, "key")[1] == CONTENT


def test_swift_speaks_s3(swift):
    assert there_and_back(s3(swift.s3_url, swift.s3_access_key, swift.s3_secret_key))


def test_swift_by_https_is_verified(swift):
    cafile = str(swift.cafile)
    url, token = swiftclient.get_auth(
        swift.tls_auth_url, swift.username, swift.password, cacert=cafile
    )
    assert url.startswith(f"{swift.tls_url}/")
    connection = swiftclient.http_connection(url, cacert=cafile)
    swiftclient.get_account(url, token, http_conn=connection)
    with pytest.raises(OSError, match="certificate verify failed"):
        swiftclient.get_auth(swift.tls_auth_url, swift.username, swift.password)
    there_and_back(s3(swift.tls_s3_url, swift.s3_access_key, swift.s3_secret_key, cafile=cafile))


def test_swift_has_its_data_when_it_comes_back_and_no_tokens(swift):
    url, token = swift_login(swift)
    container = unique_name()
    swiftclient.put_container(url, token, container)
    swiftclient.put_object(url, token, container, "key", b"content")
    swift.stop()
    assert refused(swift.url)
    swift.start()
    with pytest.raises(swiftclient.ClientException) as caught:
        swiftclient.get_object(url, token, container, "key")
    assert caught.value.http_status == 401
    url, token = swift_login(swift)
    assert swiftclient.get_object(url, token, container, "key")[1] == b"content"
