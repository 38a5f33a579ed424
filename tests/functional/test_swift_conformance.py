"""The Swift backend keeps the duties of every backend, in a container of a real Swift."""

import json
import uuid

import pytest
from swiftclient import client

from shoebox.testing import (
    DeniedTests,
    PartsTests,
    StorageBackendTests,
    UnavailableTests,
)
from shoebox_plugins.storage.swift import SwiftBackend
from shoebox_plugins.storage.swift import account as account_module

PREFIX = "kit"
LIMIT = 1 << 18


class InSwift:
    """A container of its own for each test, and the SDK's functions to bypass the backend."""

    many = 25

    @pytest.fixture(autouse=True)
    def account(self, swift, monkeypatch):
        monkeypatch.setattr(account_module, "PAGE", 10)
        self.container = f"kit-{uuid.uuid4().hex}"
        self.login = {
            "auth_url": swift.auth_url,
            "username": swift.username,
            "password": swift.password,
        }
        self.at = client.get_auth(swift.auth_url, swift.username, swift.password, auth_version="1")
        client.put_container(*self.at, self.container)

    def built(self, **options):
        given = {"container": self.container, "prefix": PREFIX, "create_container": True}
        return SwiftBackend(**{**given, **self.login, **options})

    @pytest.fixture
    def backend(self, account):
        with self.built() as backend:
            yield backend

    def raw_put(self, key, data):
        client.put_object(*self.at, self.container, f"{PREFIX}/{key}", data, len(data))

    def raw_get(self, key):
        return self.found(client.get_object, self.container, f"{PREFIX}/{key}", nothing=None)

    def found(self, call, *names, nothing, **options):
        """Return what the service gives, `nothing` if it has no such thing."""
        try:
            return call(*self.at, *names, **options)[1]
        except client.ClientException as error:
            if error.http_status != 404:
                raise
            return nothing


class TestInOnePiece(InSwift, StorageBackendTests):
    pass


class TestInSegments(InSwift, StorageBackendTests, PartsTests):
    limit = LIMIT

    @pytest.fixture
    def backend(self, account):
        with self.built(segment_size_mb=LIMIT / 2**20) as backend:
            yield backend

    def raw_leftovers(self):
        segments = self.listed(f"{self.container}_segments")
        return segments - {
            part for name in self.listed(self.container) for part in self.parts(name)
        }

    def listed(self, container):
        return {it["name"] for it in self.found(client.get_container, container, nothing=[])}

    def parts(self, name):
        if "x-static-large-object" not in client.head_object(*self.at, self.container, name):
            return []
        query = "multipart-manifest=get"
        _, manifest = client.get_object(*self.at, self.container, name, query_string=query)
        return [part["name"].split("/", 2)[2] for part in json.loads(manifest)]


class TestWithoutRights(InSwift, DeniedTests):
    @pytest.fixture
    def denied_backend(self, swift, account):
        other = {"username": swift.other_username, "password": swift.other_password}
        with self.built(create_container=False, **other) as backend:
            yield backend


class TestWithTheWrongPassword(InSwift, DeniedTests):
    @pytest.fixture
    def denied_backend(self, account):
        wrong = {"password": "wrong"}
        with self.built(**wrong) as backend:
            yield backend


class TestWithoutAServer(InSwift, UnavailableTests):
    @pytest.fixture
    def unavailable_backend(self, account):
        with self.built(auth_url="http://127.0.0.1:1/auth/v1.0") as backend:
            yield backend
