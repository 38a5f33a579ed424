"""Plain clients of the servers, for tests that look past shoebox."""

from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config


def unique_name() -> str:
    """Return a name that no other test's bucket or container has."""
    return f"test-{uuid4().hex}"


def s3(url: str, key: str, secret: str, *, cafile: str | None = None, **config: Any) -> Any:
    """Return a client of an S3 server that tries everything once."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        verify=cafile,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **config),
    )
