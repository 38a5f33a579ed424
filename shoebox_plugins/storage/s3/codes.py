"""What the codes and states of S3's answers mean for a caller, and what is to be done."""

from __future__ import annotations

from shoebox.errors import (
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageError,
    StorageRejected,
    StorageUnavailable,
)

Meaning = tuple[type[StorageError], str]


class Damaged(StorageUnavailable):
    """The service got other bytes than the checksum beside them is of."""


AGAIN = "try again"
_KMS = "correct ssekms_key_id, or let these credentials use the key"
_EXPIRED = "the credentials have expired or were withdrawn: renew them"
_ALLOW = "let these credentials read, write, list and delete in the bucket"
_REGION = "the bucket is in another region: set region_name"
_NOT_S3 = "what answers there is no S3 service, or lacks this: correct endpoint_url"

STALE = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidToken", "InvalidAccessKeyId"})
"""Said of credentials that may have been replaced where boto3 found them."""

ELSEWHERE = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
"""Said of a bucket in another region."""

CODES: dict[str, Meaning] = {
    **dict.fromkeys(STALE, (StorageDenied, _EXPIRED)),
    **dict.fromkeys(ELSEWHERE, (StorageDenied, _REGION)),
    "NoSuchKey": (ObjectNotFound, "there is no such object"),
    "NoSuchUpload": (ObjectNotFound, "the upload was aborted meanwhile"),
    "InvalidAccessKeyId": (StorageDenied, "correct aws_access_key_id"),
    "SignatureDoesNotMatch": (StorageDenied, "correct aws_secret_access_key"),
    "RequestTimeTooSkewed": (StorageDenied, "set this machine's clock"),
    "RequestExpired": (StorageDenied, "set this machine's clock"),
    "NoSuchBucket": (StorageDenied, "make the bucket, or correct the option bucket"),
    "InvalidBucketName": (StorageDenied, "correct the option bucket"),
    "InvalidStorageClass": (StorageDenied, "correct storage_class"),
    "InvalidTag": (StorageDenied, "correct tags"),
    "InvalidEncryptionAlgorithmError": (StorageDenied, "correct server_side_encryption"),
    "NotImplemented": (
        StorageDenied,
        "the service lacks what it is asked for: look at checksum, storage_class, tags, SSE",
    ),
    "InvalidObjectState": (StorageRejected, "the object is in an archive class: restore it first"),
    "BadDigest": (Damaged, "it was damaged on the way; try again"),
    "InvalidDigest": (Damaged, "it was damaged on the way; try again"),
    "XAmzContentChecksumMismatch": (Damaged, "it was damaged on the way; try again"),
    "XAmzContentSHA256Mismatch": (Damaged, "it was damaged on the way; try again"),
    "IncompleteBody": (StorageUnavailable, "it was cut on the way; try again"),
    "InvalidPart": (StorageUnavailable, "the service has lost a part of it; try again"),
    "RequestTimeout": (StorageUnavailable, AGAIN),
    "SlowDown": (StorageUnavailable, "the service is overloaded; try again later"),
    "Throttling": (StorageUnavailable, "the service is overloaded; try again later"),
    "RequestLimitExceeded": (StorageUnavailable, "the service is overloaded; try again later"),
    "ConditionalRequestConflict": (StorageUnavailable, "somebody else writes it too; try again"),
    "QuotaExceeded": (StorageUnavailable, "make room there, or raise the quota"),
    "EntityTooLarge": (StorageRejected, "it is too large: roll archives earlier"),
    "EntityTooSmall": (StorageRejected, "raise part_size_mb"),
    "KeyTooLongError": (StorageRejected, "shorten the key_template"),
}

_STATES: dict[int, Meaning] = {
    401: (StorageDenied, _ALLOW),
    403: (StorageDenied, _ALLOW),
    404: (ObjectNotFound, "there is no such object"),
    405: (StorageDenied, _NOT_S3),
    408: (StorageUnavailable, AGAIN),
    409: (StorageUnavailable, AGAIN),
    411: (StorageDenied, _NOT_S3),
    412: (KeyCollision, "other content is there"),
    422: (Damaged, "it was damaged on the way; try again"),
    429: (StorageUnavailable, "the service is overloaded; try again later"),
}


def meaning(code: str, state: int) -> Meaning:
    """Return the error of an answer, and the remedy."""
    if code in CODES:
        return CODES[code]
    if code.startswith("KMS."):
        return StorageDenied, _KMS
    if state in _STATES:
        return _STATES[state]
    if 300 <= state < 400:  # noqa: PLR2004 - HTTP's redirections
        return StorageDenied, _REGION
    if 400 <= state < 500:  # noqa: PLR2004 - HTTP's errors of the client
        return StorageRejected, "the service refuses it for good"
    return StorageUnavailable, AGAIN
