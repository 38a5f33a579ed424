"""The services of the tests, while they tell the truth, are fit for archives as real ones are."""

from __future__ import annotations

import pytest

from shoebox.testing import (
    DeniedTests,
    PartsTests,
    RaceTests,
    StorageBackendTests,
    UnavailableTests,
)
from shoebox_plugins.storage.s3 import S3Backend
from shoebox_plugins.storage.swift import SwiftBackend
from shoebox_plugins.storage.swift import account as account_module
from tests import s3_service, swift_server
from tests.faults import FULL
from tests.s3_service import Answer
from tests.swift_server import ACCOUNT, CONTAINER, SEGMENTS, Stored, md5

LIMIT = 1 << 18
MB = 1 << 20


class InS3:
    """A bucket with one client for the tests of a class: boto3 takes long to make one."""

    many = 25
    limit = LIMIT
    checksum = "crc32c"
    threshold = LIMIT / MB

    @pytest.fixture(scope="class")
    @classmethod
    def service(cls):
        with s3_service.running() as service:
            yield service

    @pytest.fixture(scope="class")
    @classmethod
    def made(cls, service):
        limits = {"multipart_threshold_mb": cls.threshold, "part_size_mb": cls.threshold}
        options = s3_service.options(service, checksum=cls.checksum, **limits)
        with S3Backend(**options) as backend:
            yield backend

    @pytest.fixture(autouse=True)
    def at(self, service):
        service.forget()
        service.page = 10
        service.computes = service.create_only = self.checksum == "crc32c"
        self.service = service

    @pytest.fixture
    def backend(self, made, at):
        return made

    def raw_put(self, key, data):
        self.service.store(key, data, {})

    def raw_get(self, key):
        stored = self.service.objects.get(key)
        return None if stored is None else stored.content

    def raw_leftovers(self):
        return [key for key, _, _ in self.service.uploads.values()]


class TestS3InParts(InS3, StorageBackendTests, PartsTests, RaceTests):
    pass


class TestS3OfServicesThatKnowNoMoreThanMD5(InS3, StorageBackendTests, PartsTests):
    checksum = "md5"


class TestS3ThatDenies(InS3, DeniedTests):
    @pytest.fixture
    def denied_backend(self, backend):
        for operation in ("put", "create", "delete"):
            self.service.fail(operation, *[Answer(403, "AccessDenied")] * 10)
        return backend


class TestS3ThatIsNotThere(InS3, UnavailableTests):
    @pytest.fixture
    def unavailable_backend(self, service):
        options = {**s3_service.options(service), "endpoint_url": "http://127.0.0.1:1"}
        with S3Backend(**options) as backend:
            yield backend


class InSwift:
    """A container for each test."""

    many = 25
    limit = LIMIT

    @pytest.fixture(autouse=True)
    def server(self, monkeypatch):
        monkeypatch.setattr(account_module, "PAGE", 10)
        with swift_server.serving() as server:
            self.server = server
            yield server

    @pytest.fixture
    def backend(self, server):
        with SwiftBackend(**server.options()) as backend:
            yield backend

    def raw_put(self, key, data):
        self.server.containers.setdefault(CONTAINER, {})
        headers = {"ETag": md5(data), "Last-Modified": "Sun, 22 Nov 2026 01:02:03 GMT"}
        self.server.objects[f"{CONTAINER}/{key}"] = Stored(data, headers)

    def raw_get(self, key):
        stored = self.server.objects.get(f"{CONTAINER}/{key}")
        return None if stored is None else stored.content

    def raw_leftovers(self):
        used = {part["name"][1:] for it in self.server.objects.values() for part in it.parts}
        return [it for it in self.server.objects if it.startswith(SEGMENTS) and it not in used]


class TestSwift(InSwift, StorageBackendTests, RaceTests):
    pass


class TestSwiftInSegments(InSwift, StorageBackendTests, PartsTests, RaceTests):
    @pytest.fixture
    def backend(self, server):
        with SwiftBackend(**server.options(segment_size_mb=LIMIT / MB)) as backend:
            yield backend


class TestSwiftThatDenies(InSwift, DeniedTests):
    @pytest.fixture
    def denied_backend(self, backend, server):
        server.fail(f"(PUT|DELETE) {ACCOUNT}/", status=403, times=100)
        return backend


class TestSwiftWithTheWrongPassword(InSwift, DeniedTests):
    @pytest.fixture
    def denied_backend(self, server):
        with SwiftBackend(**server.options(password="wrong")) as backend:  # noqa: S106
            yield backend


class TestSwiftThatIsNotThere(InSwift, UnavailableTests):
    @pytest.fixture
    def unavailable_backend(self, server):
        with SwiftBackend(**server.options(auth_url="http://127.0.0.1:1/auth/v1.0")) as backend:
            yield backend


if FULL:  # what differs from the others only in how it is asked

    class TestS3Whole(InS3, StorageBackendTests, RaceTests):
        threshold = 100.0

    class TestSwiftWithKeystone(InSwift, StorageBackendTests):
        @pytest.fixture
        def backend(self, server):
            with SwiftBackend(**server.v3_options()) as backend:
                yield backend
