"""What a service says of an object."""

from datetime import UTC, datetime

import pytest

from shoebox_plugins.storage.s3.objects import checksums, info

MD5 = "0123456789abcdef" * 2
CRC = {"ChecksumCRC32C": "AQIDBA=="}


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ({}, {}),
        (CRC, {"crc32c": "01020304"}),
        ({**CRC, "ChecksumType": "FULL_OBJECT"}, {"crc32c": "01020304"}),
        ({**CRC, "ChecksumType": "COMPOSITE"}, {}),
        ({"ChecksumCRC32C": "AQIDBA==-2"}, {}),
        ({"ChecksumSHA256": "AQIDBA=="}, {"sha256": "01020304"}),
        ({"ETag": f'"{MD5}"'}, {"md5": MD5}),
        ({"ETag": MD5}, {"md5": MD5}),
        ({"ETag": f'"{MD5}-2"'}, {}),
        ({"ETag": '"other"'}, {}),
        ({"ETag": f'"{MD5}"', "ServerSideEncryption": "AES256"}, {"md5": MD5}),
        ({"ETag": f'"{MD5}"', "ServerSideEncryption": "aws:kms"}, {}),
        ({"ETag": f'"{MD5}"', "ServerSideEncryption": "aws:kms:dsse"}, {}),
        ({"ETag": f'"{MD5}"', "SSECustomerAlgorithm": "AES256"}, {}),
    ],
)
def test_only_what_is_of_the_whole_content_is_a_checksum(head, expected):
    assert checksums(head) == expected


def test_metadata_keys_are_lower_case():
    """Some services give them back as HTTP headers are often written."""
    now = datetime.now(UTC)
    head = {"ContentLength": 3, "LastModified": now, "Metadata": {"Sha256": "AbC"}}
    made = info("a", head)
    assert (made.key, made.size, made.modified) == ("a", 3, now)
    assert made.metadata == {"sha256": "AbC"}
