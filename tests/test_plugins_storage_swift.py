"""The Swift backend as a plugin: when it brings its SDK, and that it shows no secret."""

import logging
import subprocess
import sys

import pytest

from shoebox.errors import ShoeboxError, StorageUnavailable
from shoebox.plugins import load
from shoebox_plugins.storage.swift import SwiftBackend
from tests.swift_server import PASSWORD, serving

SDK = ("swiftclient", "keystoneauth1", "requests", "urllib3")


@pytest.fixture
def server():
    with serving() as server:
        yield server


def test_it_is_found_by_its_name():
    assert load("storage", "swift") is SwiftBackend


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        ("SwiftBackend.OPTIONS", ""),
        (
            "SwiftBackend(container='c', auth_url='http://a/v1.0', username='a', password='b')",
            " ".join(sorted(SDK)),
        ),
    ],
)
def test_the_sdk_is_imported_when_a_backend_is_built(then, expected):
    program = (
        "import sys; from shoebox_plugins.storage.swift import SwiftBackend; "
        f"{then}; print(*sorted({SDK} & sys.modules.keys()))"
    ).replace(str(SDK), str(set(SDK)))
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == expected


def everything(backend, folder):
    """Do all that a backend does, and yield what it raises."""
    source = folder / "source"
    source.write_bytes(b"0123456789" * 100)
    calls = (
        lambda: backend.put("a", source, {"archive": "7"}),
        lambda: backend.put("a", source),
        lambda: backend.stat("a"),
        lambda: list(backend.list()),
        lambda: backend.open("a").read(),
        lambda: backend.get("a", folder / "got"),
        lambda: backend.delete("a"),
        lambda: backend.stat("a"),
        backend.close,
    )
    for call in calls:
        try:
            call()
        except ShoeboxError as error:
            yield error


def echoing(server):
    """Have every request of a kind refused once, with all that it brought in the body."""
    for method in ("HEAD", "PUT", "GET", "DELETE"):
        for status in (400, 403, 404, 413, 500):
            server.fail(f"{method} /v1/AUTH_test/", status=status, body=PASSWORD.encode())
    server.fail("PUT", status=401, call=server.tokens.clear)
    server.fail("POST /v3|GET /auth", status=500)
    server.fail("POST /v3|GET /auth", status=403)


@pytest.mark.parametrize("version", ["1", "3", "application credential"])
@pytest.mark.parametrize("wrong", [False, True])
def test_no_secret_is_in_a_log_or_an_error(server, tmp_path, caplog, version, wrong):
    """At DEBUG, of all loggers, when all goes well and when each request is refused once."""
    secret = f"{'x' * 20}{PASSWORD[:-1]}!" if wrong else PASSWORD
    options = {
        "1": server.options(password=secret),
        "3": server.v3_options(password=secret),
        "application credential": server.v3_options(
            application_credential_id="7", application_credential_secret=secret
        ),
    }[version]
    errors = []
    with caplog.at_level(logging.DEBUG), SwiftBackend(**options) as backend:
        errors += everything(backend, tmp_path)
        (tmp_path / "got").unlink(missing_ok=True)
        echoing(server)
        for _ in range(12):
            errors += everything(backend, tmp_path)
            (tmp_path / "got").unlink(missing_ok=True)
        for error in errors:
            logging.getLogger("test").error("failed", exc_info=error)
    shown = caplog.text + "".join(map(str, errors)) + repr(backend._settings)
    assert len(errors) > 20
    for hidden in (secret, *server.given):
        for length in (len(hidden), 12):
            assert hidden[-length:] not in shown
    assert not any(hidden[:14] in shown for hidden in server.given)
    requests = ("swiftclient", "keystoneauth", "keystoneauth1", "urllib3", "requests")
    assert not [
        record.name
        for record in caplog.records
        if record.levelno <= logging.DEBUG and record.name.startswith(requests)
    ]


def test_an_error_keeps_what_the_sdk_said(server, tmp_path):
    server.fail("HEAD", status=503)
    with SwiftBackend(**server.options()) as backend, pytest.raises(StorageUnavailable) as caught:
        backend.stat("a")
    assert type(caught.value.__cause__).__name__ == "ClientException"
