"""What the S3 backend makes of its options, and which it refuses."""

import pytest

from shoebox.errors import ConfigError
from shoebox_plugins.storage.s3.settings import settings


def test_what_is_not_given_has_the_default_of_its_option():
    made = settings({"bucket": "b", "region_name": None, "part_size_mb": None, "unknown": 1})
    assert (made.bucket, made.prefix, made.region_name) == ("b", "", None)
    assert (made.threshold, made.part_size) == (64 << 20, 16 << 20)
    assert made.object_parameters == {}


def test_what_is_said_of_each_object():
    made = settings(
        {
            "bucket": "b",
            "server_side_encryption": "aws:kms",
            "ssekms_key_id": "key",
            "storage_class": "STANDARD_IA",
            "tags": {"team": "a b", "x": "&"},
        }
    )
    assert made.object_parameters == {
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "key",
        "StorageClass": "STANDARD_IA",
        "Tagging": "team=a+b&x=%26",
    }


@pytest.mark.parametrize(
    ("given", "prefix"), [("", ""), ("/", ""), ("a", "a/"), ("/a/b/", "a/b/"), (None, "")]
)
def test_a_prefix_is_a_folder(given, prefix):
    assert settings({"bucket": "b", "prefix": given}).prefix == prefix


def test_sizes_may_be_small():
    made = settings({"bucket": "b", "multipart_threshold_mb": 0.5, "part_size_mb": 0.0000011})
    assert (made.threshold, made.part_size) == (1 << 19, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bucket", ""),
        ("bucket", None),
        ("bucket", "a/b"),
        ("bucket", "a b"),
        ("prefix", "a/../b"),
        ("prefix", "a b"),
        ("endpoint_url", "127.0.0.1:9000"),
        ("endpoint_url", "ftp://host"),
        ("endpoint_url", "https://"),
        ("endpoint_url", "https://host:none"),
        ("endpoint_url", "https://[host"),
        ("endpoint_url", "https://user:password@host"),
        ("addressing_style", "sideways"),
        ("checksum", "sha1"),
        ("cafile", "/no/such/file"),
        ("part_size_mb", 0),
        ("multipart_threshold_mb", -1),
        ("max_concurrency", 0),
        ("connect_timeout", 0),
        ("read_timeout", 0),
    ],
)
def test_what_can_not_work_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=name) as caught:
        settings({"bucket": "b", name: value})
    assert "password" not in str(caught.value)


KEY = {"aws_access_key_id": "AKID", "aws_secret_access_key": "hidden"}


@pytest.mark.parametrize(
    "given",
    [
        {"aws_access_key_id": "AKID"},
        {"aws_secret_access_key": "hidden"},
        {"aws_session_token": "hidden"},
        {**KEY, "aws_secret_access_key": "hidden\n"},
        {**KEY, "aws_session_token": "hid den"},
        {**KEY, "aws_secret_access_key": ""},
        {**KEY, "aws_access_key_id": "AKID\r\nx-amz-acl: public-read"},
    ],
)
def test_credentials_that_can_not_work_are_refused_and_not_shown(given):
    with pytest.raises(ConfigError, match="aws_") as caught:
        settings({"bucket": "b", **given})
    assert "hid" not in str(caught.value)
