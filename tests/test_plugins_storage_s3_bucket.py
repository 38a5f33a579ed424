"""A bucket by way of boto3."""

import logging

import pytest

from shoebox.errors import ConfigError, StorageDenied, StorageUnavailable
from shoebox_plugins.storage.s3 import S3Backend
from shoebox_plugins.storage.s3.bucket import Bucket
from shoebox_plugins.storage.s3.settings import settings
from tests import s3_service
from tests.s3_service import Answer


@pytest.fixture
def service():
    with s3_service.running() as service:
        yield service


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """Nothing of this machine tells boto3 who it is."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


def keyless(service):
    given = s3_service.options(service)
    return {name: value for name, value in given.items() if not name.startswith("aws_")}


def write_credentials(folder, key):
    text = f"[default]\naws_access_key_id = {key}\naws_secret_access_key = s\n"
    (folder / "credentials").write_text(text)


def test_a_request_is_made_once(service):
    """Retrying is done in one layer, and not in this one."""
    service.fail("head", *[Answer(503, "SlowDown")] * 5)
    with S3Backend(**s3_service.options(service)) as backend, pytest.raises(StorageUnavailable):
        backend.stat("a")
    assert service.operations == ["head"]


def test_what_a_head_can_not_say_is_asked_for(service):
    bucket = Bucket(settings(s3_service.options(service)))
    for state, code, says in (
        (400, "ExpiredToken", "expired"),
        (403, "RequestTimeTooSkewed", "clock"),
        (404, "NoSuchBucket", "make the bucket"),
    ):
        service.fail("head", Answer(state))
        service.fail("get", Answer(state, code))
        with pytest.raises(StorageDenied, match=says):
            bucket.head("a")


def test_no_credentials_are_told_at_first_use(service, alone):
    backend = S3Backend(**keyless(service))
    with pytest.raises(StorageDenied, match="no credentials.*profile_name"):
        backend.stat("a")
    assert service.requests == []


def test_a_missing_profile_is_told_at_once(service, alone):
    with pytest.raises(ConfigError, match="nobody"):
        S3Backend(**keyless(service), profile_name="nobody")


def test_what_boto3_refuses_is_told_at_once(service):
    with pytest.raises(ConfigError, match="box"):
        S3Backend(**{**s3_service.options(service), "region_name": "not a region!"})


def test_credentials_that_others_renew_are_read_again(service, alone):
    """boto3 keeps what it has read; a process that lives for months would never see more."""
    write_credentials(alone, "AKIDOLD")
    service.store("a", b"x", {})
    with S3Backend(**keyless(service)) as backend:
        service.fail("head", Answer(400))
        service.fail("get", Answer(400, "ExpiredToken"))
        write_credentials(alone, "AKIDNEW")
        with pytest.raises(StorageDenied, match="expired"):
            backend.stat("a")
        assert backend.stat("a").size == 1
    old, *_, new = (request.headers["authorization"] for request in service.requests)
    assert ("AKIDOLD" in old, "AKIDNEW" in new) == (True, True)


def test_debug_messages_of_the_sdk_are_hidden(service, caplog):
    caplog.set_level(logging.DEBUG)
    with S3Backend(**s3_service.options(service)) as backend:
        list(backend.list())
    assert [it for it in caplog.records if it.name.split(".")[0] in {"botocore", "urllib3"}] == []


def test_all_that_is_said_of_objects_is_sent_with_them(service, tmp_path):
    more = {
        "server_side_encryption": "aws:kms",
        "ssekms_key_id": "key",
        "storage_class": "STANDARD_IA",
        "tags": {"team": "a b"},
    }
    expected = {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "key",
        "x-amz-storage-class": "STANDARD_IA",
        "x-amz-tagging": "team=a+b",
        "x-amz-meta-k": "v",
    }
    (tmp_path / "file").write_bytes(b"x" * 3000)
    given = s3_service.options(service, **more)
    for limit in (1, 0.001):
        with S3Backend(**given, multipart_threshold_mb=limit) as backend:
            backend.put(f"a{limit}", tmp_path / "file", {"k": "v"})
    for request in (*service.asked("put"), *service.asked("create")):
        assert {name: request.headers[name] for name in expected} == expected
    assert len(service.objects) == 2
