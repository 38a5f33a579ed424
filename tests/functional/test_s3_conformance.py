"""The S3 backend keeps the duties of every backend, in buckets of real services."""

import pytest

from shoebox.testing import (
    DeniedTests,
    PartsTests,
    RaceTests,
    StorageBackendTests,
    UnavailableTests,
)
from shoebox_plugins.storage.s3 import S3Backend
from tests.functional import clients

MB = 1 << 20
LIMITS = {
    "addressing_style": "path",
    "multipart_threshold_mb": 5,
    "part_size_mb": 5,
    "region_name": "us-east-1",
}


def keys(server, prefix=""):
    return {
        "aws_access_key_id": getattr(server, f"{prefix}access_key"),
        "aws_secret_access_key": getattr(server, f"{prefix}secret_key"),
    }


class InS3:
    """A prefix of its own for each test, and boto3 to bypass the backend."""

    many = 25
    limit = 5 * MB

    @pytest.fixture(scope="class")
    @classmethod
    def service(cls, seaweedfs):
        """Return the options that lead to the service."""
        return {"endpoint_url": seaweedfs.url, **keys(seaweedfs)}

    @pytest.fixture(scope="class")
    @classmethod
    def client(cls, service):
        return clients.s3(
            service["endpoint_url"],
            service["aws_access_key_id"],
            service["aws_secret_access_key"],
            cafile=service.get("cafile"),
            request_checksum_calculation="when_required",
        )

    @pytest.fixture(scope="class")
    @classmethod
    def bucket(cls, client):
        name = clients.unique_name()
        client.create_bucket(Bucket=name)
        yield name
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=name)
        for key in [it["Key"] for page in pages for it in page.get("Contents", [])]:
            client.delete_object(Bucket=name, Key=key)
        client.delete_bucket(Bucket=name)

    @pytest.fixture(autouse=True)
    def place(self, service, client, bucket):
        self.client, self.bucket, self.prefix = client, bucket, f"{clients.unique_name()}/"
        self.options = {"bucket": bucket, "prefix": self.prefix, **LIMITS, **service}

    @pytest.fixture
    def backend(self, place):
        with S3Backend(**self.options) as backend:
            yield backend

    def raw_put(self, key, data):
        self.client.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=data)

    def raw_get(self, key):
        try:
            found = self.client.get_object(Bucket=self.bucket, Key=self.prefix + key)
        except self.client.exceptions.NoSuchKey:
            return None
        return found["Body"].read()

    def raw_leftovers(self):
        found = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=self.prefix)
        return {it["UploadId"] for it in found.get("Uploads", [])}


class TestInSeaweedFS(InS3, StorageBackendTests, PartsTests, RaceTests):
    pass


class TestOverHttps(InS3, StorageBackendTests):
    @pytest.fixture(scope="class")
    @classmethod
    def service(cls, seaweedfs):
        return {
            "endpoint_url": seaweedfs.tls_url,
            "cafile": str(seaweedfs.cafile),
            **keys(seaweedfs),
        }


class TestInSwift(InS3, StorageBackendTests, PartsTests):
    # Of puts at the same time it may take several: its If-None-Match looks before, not at the end.

    @pytest.fixture(scope="class")
    @classmethod
    def service(cls, swift):
        return {"endpoint_url": swift.s3_url, **keys(swift, "s3_")}


class TestInAnOldCompatible(InS3, StorageBackendTests):
    @pytest.fixture(scope="class")
    @classmethod
    def service(cls, juicefs):
        return {"endpoint_url": juicefs.url, "checksum": "md5", **keys(juicefs)}


class TestOfAReader(InS3, DeniedTests):
    @pytest.fixture
    def denied_backend(self, seaweedfs, place):
        with S3Backend(**self.options | keys(seaweedfs, "reader_")) as backend:
            yield backend


class TestWithTheWrongSecret(InS3, DeniedTests):
    @pytest.fixture
    def denied_backend(self, place):
        with S3Backend(**self.options | {"aws_secret_access_key": "wrong"}) as backend:
            yield backend


class TestWithoutAServer(InS3, UnavailableTests):
    @pytest.fixture
    def unavailable_backend(self, place):
        with S3Backend(**self.options | {"endpoint_url": "http://127.0.0.1:1"}) as backend:
            yield backend
