"""What S3's codes and states mean."""

import pytest

from shoebox.errors import (
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageRejected,
    StorageUnavailable,
)
from shoebox_plugins.storage.s3.codes import CODES, Damaged, meaning

MEANINGS = [
    ("InternalError", 500, StorageUnavailable),
    ("SlowDown", 503, StorageUnavailable),
    ("", 504, StorageUnavailable),
    ("InsufficientStorage", 507, StorageUnavailable),
    ("TooManyRequests", 429, StorageUnavailable),
    ("RequestTimeout", 400, StorageUnavailable),
    ("OperationAborted", 409, StorageUnavailable),
    ("ConditionalRequestConflict", 409, StorageUnavailable),
    ("IncompleteBody", 400, StorageUnavailable),
    ("BadDigest", 400, Damaged),
    ("XAmzContentChecksumMismatch", 400, Damaged),
    ("", 422, Damaged),
    ("AccessDenied", 403, StorageDenied),
    ("AllAccessDisabled", 403, StorageDenied),
    ("", 401, StorageDenied),
    ("InvalidAccessKeyId", 403, StorageDenied),
    ("SignatureDoesNotMatch", 403, StorageDenied),
    ("ExpiredToken", 400, StorageDenied),
    ("NoSuchBucket", 404, StorageDenied),
    ("RequestTimeTooSkewed", 403, StorageDenied),
    ("PermanentRedirect", 301, StorageDenied),
    ("AuthorizationHeaderMalformed", 400, StorageDenied),
    ("KMS.NotFoundException", 400, StorageDenied),
    ("NotImplemented", 501, StorageDenied),
    ("MethodNotAllowed", 405, StorageDenied),
    ("NoSuchKey", 404, ObjectNotFound),
    ("404", 404, ObjectNotFound),
    ("PreconditionFailed", 412, KeyCollision),
    ("EntityTooLarge", 400, StorageRejected),
    ("InvalidArgument", 400, StorageRejected),
    ("KeyTooLongError", 400, StorageRejected),
    ("InvalidObjectState", 403, StorageRejected),
]


@pytest.mark.parametrize(("code", "state", "expected"), MEANINGS)
def test_each_answer_has_a_meaning_and_a_remedy(code, state, expected):
    kind, remedy = meaning(code, state)
    assert kind is expected
    assert remedy


def test_corruption_on_the_way_is_retried():
    assert issubclass(Damaged, StorageUnavailable)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("RequestTimeTooSkewed", "clock"),
        ("NoSuchBucket", "bucket"),
        ("PermanentRedirect", "region_name"),
        ("InvalidAccessKeyId", "aws_access_key_id"),
        ("SignatureDoesNotMatch", "aws_secret_access_key"),
        ("EntityTooSmall", "part_size_mb"),
    ],
)
def test_the_remedy_names_what_is_to_be_set(code, remedy):
    assert remedy in CODES[code][1]
