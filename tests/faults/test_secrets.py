"""Secrets: none is in any line, whatever a service sends back, and however much is logged."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from oslo_config import cfg

from shoebox import app, config
from shoebox.errors import ShoeboxError
from shoebox.storage import StorageBackend
from shoebox_plugins.storage.s3 import S3Backend
from shoebox_plugins.storage.swift import SwiftBackend
from tests import program, s3_service, swift_server
from tests.faults import FULL
from tests.faults.hearing import Ear, listening
from tests.s3_service import CUT, DROP, LOSE, SHORT, Answer
from tests.swift_server import ACCOUNT, PASSWORD

SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"  # noqa: S105 - that of a test
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLEtokenOfTheSession0123456789"  # noqa: S105 - the same
SIGNATURE = re.compile(r"Signature=[0-9a-f]{16}")


@pytest.fixture
def s3() -> Iterator[s3_service.Service]:
    with s3_service.running() as service:
        yield service


@pytest.fixture
def swift() -> Iterator[swift_server.SwiftServer]:
    with swift_server.serving() as server:
        yield server


def everything(backend: StorageBackend, folder: Path, ear: Ear) -> None:
    """Do all that a backend does, and hear what it raises."""
    for number, size in enumerate((100, 5000)):
        source = folder / f"source-{number}"
        source.write_bytes(os.urandom(size))
        calls: tuple[Callable[[], object], ...] = (
            lambda source=source: backend.put("a", source, {"archive": "7"}),
            lambda source=source: backend.put("a", source),
            lambda: backend.stat("a"),
            lambda: list(backend.list()),
            lambda: backend.open("a").read(),
            lambda: backend.get("a", folder / "got"),
            lambda: backend.delete("a"),
            lambda: backend.stat("a"),
            backend.close,
            lambda: ear.lines.append(repr(backend) + repr(vars(backend))),
        )
        for call in calls:
            try:
                call()
            except ShoeboxError as error:
                ear.hear(error)
                logging.getLogger("an.application").exception("failed")
        (folder / "got").unlink(missing_ok=True)


def echo(state: int, code: str) -> Callable[[Any, Any], Answer]:
    """Return a fault that sends back all that was sent."""

    def answer(service: Any, request: Any) -> Answer:
        sent = escape(f"{request.headers} {SECRET}")
        body = f"<Error><Code>{code}</Code><Message>{sent}</Message></Error>"
        return Answer(state, body=body.encode())

    return answer


def garbled(service: Any, request: Any) -> Answer:
    """Send back what was sent, in what is no XML."""
    return Answer(200, body=f"<Error>{request.headers} {SECRET}".encode())


S3_FAULTS = (
    *(
        echo(state, code)
        for state, code in (
            (403, "SignatureDoesNotMatch"),
            (403, "InvalidAccessKeyId"),
            (400, "ExpiredToken"),
            (400, "AuthorizationHeaderMalformed"),
            (403, "AccessDenied"),
            (404, "NoSuchBucket"),
            (400, TOKEN),
            (409, "Conflict"),
            (412, "PreconditionFailed"),
            (429, "TooManyRequests"),
            (500, "InternalError"),
            (503, "SlowDown"),
        )
    ),
    garbled,
    Answer(301, headers={"Location": f"https://elsewhere/?X-Amz-Security-Token={TOKEN}"}),
    DROP,
    LOSE,
    CUT,
    SHORT,
)
OPERATIONS = (
    *("head", "put", "get", "list", "delete"),
    *("create", "part", "complete", "abort", "uploads"),
)


@pytest.mark.parametrize("found", ["in options", "in the environment"])
def test_s3_shows_no_secret(
    s3: s3_service.Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    keys = {
        "aws_access_key_id": "AKIDEXAMPLE",
        "aws_secret_access_key": SECRET,
        "aws_session_token": TOKEN,
    }
    options = s3_service.options(s3, multipart_threshold_mb=0.001, part_size_mb=0.001, **keys)
    if found == "in the environment":
        for name, value in keys.items():
            monkeypatch.setenv(name.upper(), value)
            del options[name]
    with listening() as ear, S3Backend(**options) as backend:
        everything(backend, tmp_path, ear)
        for fault in S3_FAULTS if FULL else S3_FAULTS[::3]:
            s3._faults.clear()
            s3.objects.clear()
            for operation in OPERATIONS:
                s3.fail(operation, fault)
            for _ in range(2):
                everything(backend, tmp_path, ear)
    assert ear.errors > 20
    assert any(TOKEN in str(request.headers) for request in s3.requests)
    assert ear.heard([SECRET, TOKEN]) == []
    assert [line for line in ear.lines if SIGNATURE.search(line)] == []


STATES = (400, 403, 413, 401, 404, 409, 500, 412, 422, 301, 429, 503, 507)


def swift_echo(status: int, reason: str) -> Callable[[Any], None]:
    """Return what sends back all that was sent."""

    def answer(handler: Any) -> None:
        sent = f"{handler.headers.get('X-Auth-Token')} {PASSWORD} {handler.content[:400]!r}"
        handler.send_response(status, reason or sent)
        body = f"<html><h1>{sent}</h1></html>".encode()
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Location", f"https://elsewhere/{sent}")
        handler.send_header("X-Trans-Id", sent)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return answer


@pytest.mark.parametrize("version", ["1", "3", "application credential"])
@pytest.mark.parametrize("reason", ["Reason", ""])
def test_swift_shows_no_secret(
    swift: swift_server.SwiftServer, tmp_path: Path, version: str, reason: str
) -> None:
    more = {"segment_size_mb": 0.001}
    credential = {
        "application_credential_id": "7",
        "application_credential_secret": PASSWORD,
    }
    options = {
        "1": swift.options(**more),
        "3": swift.v3_options(**more),
        "application credential": swift.v3_options(**more, **credential),
    }[version]
    matches = [f"{it} {ACCOUNT}/" for it in ("HEAD", "PUT", "GET", "DELETE")]
    with listening() as ear, SwiftBackend(**options) as backend:
        everything(backend, tmp_path, ear)
        for status in STATES if FULL else STATES[::3]:
            swift.faults.clear()
            swift.objects.clear()
            for match in (*matches, "GET /auth|POST /v3"):
                swift.fail(match, instead=swift_echo(status, reason))
            for _ in range(2):
                everything(backend, tmp_path, ear)
            swift.tokens.clear()
    assert ear.errors > 20
    assert ear.heard([PASSWORD, *swift.given]) == []


INI = """
[shoebox]
directory = {folder}/spool
storage = hot:s3, cold:swift
log = {log}

[shoebox_storage_hot]
bucket = box
endpoint_url = {s3}
region_name = us-east-1
addressing_style = path
aws_access_key_id = AKIDEXAMPLE
aws_secret_access_key = {secret}
aws_session_token = {token}

[shoebox_storage_cold]
container = audit
auth_url = {swift}
username = test:tester
password = {password}
create_container = true
"""


@pytest.fixture
def ini(s3: s3_service.Service, swift: swift_server.SwiftServer, tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir(mode=0o700)
    path = tmp_path / "shoebox.conf"
    text = INI.replace("log = {log}\n", "").format(
        folder=tmp_path,
        s3=s3.url,
        swift=swift.auth_url,
        secret=SECRET,
        token=TOKEN,
        password=PASSWORD,
    )
    path.write_text(text)
    return path


def parsed(path: Path) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(path)], default_config_files=[], default_config_dirs=[])
    return conf


def test_the_values_of_a_configuration_are_logged_without_secrets(ini: Path) -> None:
    with listening() as ear:
        conf = parsed(ini)
        config.check(conf)
        for name in ("hot", "cold"):
            with app.build_backend(conf, name) as backend:
                ear.lines.append(repr(backend))
        conf.log_opt_values(logging.getLogger("oslo.config"), logging.DEBUG)
        ear.lines += [str(line) for line in config.effective(conf)]
    assert any("aws_session_token" in line and "****" in line for line in ear.lines)
    assert ear.heard([SECRET, TOKEN, PASSWORD]) == []


COMMANDS = (
    ("check-config",),
    ("plugins",),
    ("check-backend", "hot"),
    ("check-backend", "cold"),
    ("write", "--timeout", "2"),
    ("ship", "--timeout", "2"),
    ("spool",),
    ("ls", "s3://box/"),
    ("cat", "swift://audit/"),
)


@pytest.mark.parametrize("well", [True, False] if FULL else [False])
def test_no_command_shows_a_secret(
    s3: s3_service.Service, swift: swift_server.SwiftServer, ini: Path, *, well: bool
) -> None:
    if not well:
        for operation in OPERATIONS:
            s3.fail(operation, *[echo(403, "SignatureDoesNotMatch")] * 1000)
        swift.fail(f"(HEAD|PUT|GET|DELETE) {ACCOUNT}", instead=swift_echo(403, ""), times=1000)
    said, codes = [], set()
    for command in COMMANDS:
        run = program.run("--debug", "-v", "-v", "--config-file", ini, *command, stdin=b"{}\n")
        said.append(run.text + run.err)
        codes.add(run.code)
    text = "".join(said)
    assert (codes == {0}) == well
    assert not [it for it in (SECRET, TOKEN, PASSWORD, *swift.given) if it in text]
    assert SIGNATURE.search(text) is None


WRONG = """
from oslo_config import cfg
from shoebox_plugins.storage.local import LocalBackend


class Odd(LocalBackend):
    OPTIONS = (
        *LocalBackend.OPTIONS,
        cfg.IntOpt("pin", secret=True, help="A number."),
        cfg.StrOpt("word", secret=True, regex="a+", help="A word."),
    )
"""


def test_a_secret_of_a_wrong_type_is_not_shown(
    install: Callable[..., Path], tmp_path: Path, ini: Path
) -> None:
    site = install("odd", "storage", "odd", "odd_plugin:Odd", WRONG)
    ini.write_text(
        f"[shoebox]\ndirectory = {tmp_path}/spool\nstorage = odd\n"
        f"[shoebox_storage_odd]\npath = {tmp_path}\npin = {SECRET}\nword = {TOKEN}\n"
    )
    with listening() as ear:
        for call in (config.check, app.build_writer, app.build_destinations):
            with pytest.raises(ShoeboxError, match="secret") as caught:
                call(parsed(ini))
            ear.hear(caught.value)
    assert ear.heard([SECRET, TOKEN]) == []
    for command in (COMMANDS[0], *COMMANDS[4:6]):
        run = program.run("--debug", "-v", "-v", "--config-file", ini, *command, folders=(site,))
        assert run.code != 0
        assert SECRET not in run.text + run.err
        assert TOKEN not in run.text + run.err


@pytest.mark.parametrize("value", [4711471147114711, b"bytes-of-the-secret", ["a-list-of-secrets"]])
def test_a_secret_that_is_no_text_is_not_shown(
    s3: s3_service.Service, swift: swift_server.SwiftServer, tmp_path: Path, value: object
) -> None:
    """Python may hand over anything."""
    with listening() as ear:
        for kind, options in (
            (S3Backend, s3_service.options(s3, aws_secret_access_key=value)),
            (SwiftBackend, swift.options(password=value)),
            (SwiftBackend, swift.v3_options(password=value)),
        ):
            try:
                with kind(**options) as backend:
                    everything(backend, tmp_path, ear)
            except Exception as error:  # noqa: BLE001 - what it is does not matter here
                ear.hear(error)
    secret = value[0] if isinstance(value, list) else value
    text = secret.decode() if isinstance(secret, bytes) else str(secret)
    assert ear.lines
    assert ear.heard([text]) == []
