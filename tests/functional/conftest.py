"""Real servers for the tests of this folder: each is started when a test first asks for it.

A server that can't be installed or started fails the tests that want it. Nothing is skipped
here: a test that was skipped has shown nothing, and counts as failed.
"""

import os
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack

import pytest

from tests.functional.servers import juicefs as _juicefs
from tests.functional.servers import rabbitmq as _rabbitmq
from tests.functional.servers import seaweedfs as _seaweedfs
from tests.functional.servers import sshd as _sshd
from tests.functional.servers import swift as _swift
from tests.functional.servers.juicefs import JuiceFS
from tests.functional.servers.process import Server
from tests.functional.servers.proxy import Proxy
from tests.functional.servers.rabbitmq import RabbitMQ
from tests.functional.servers.seaweedfs import SeaweedFS
from tests.functional.servers.sshd import Sshd
from tests.functional.servers.swift import Swift
from tests.functional.servers.tls import Certificate, certificate

SERVERS = ("seaweedfs", "juicefs", "swift", "sshd", "rabbitmq")


@pytest.fixture(scope="session", autouse=True)
def direct() -> Iterator[None]:
    """Reach loopback directly, on a machine that reaches the world by a proxy."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("no_proxy", "NO_PROXY"):
            patch.setitem(os.environ, name, "*")
        yield


@pytest.fixture(scope="session", autouse=True)
def orderly() -> Iterator[None]:
    """Stop the servers also where the tests are terminated, as by a limit of time."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def tls_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Return the certificate of all servers that speak https."""
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def seaweedfs(
    tmp_path_factory: pytest.TempPathFactory, tls_certificate: Certificate
) -> Iterator[SeaweedFS]:
    """Run an S3 server that checks what AWS checks."""
    with _seaweedfs.running(tmp_path_factory.mktemp("seaweedfs"), tls_certificate) as server:
        yield server


@pytest.fixture(scope="session")
def juicefs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JuiceFS]:
    """Run an S3 server that doesn't know the newer checksums."""
    with _juicefs.running(tmp_path_factory.mktemp("juicefs")) as server:
        yield server


@pytest.fixture(scope="session")
def swift(
    tmp_path_factory: pytest.TempPathFactory, tls_certificate: Certificate
) -> Iterator[Swift]:
    """Run OpenStack Swift with auth v1, Keystone and an S3 API."""
    with _swift.running(tmp_path_factory.mktemp("swift"), tls_certificate) as server:
        yield server


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """Run OpenSSH's server, for SFTP."""
    with _sshd.running() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """Run a message broker."""
    with _rabbitmq.running(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture
def proxy() -> Iterator[Callable[[str], Proxy]]:
    """Return a function that puts a proxy before a URL; it forwards until told otherwise."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(Proxy(url))


@pytest.fixture(autouse=True)
def back_again(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give the next test every server that this one took away."""
    yield
    for name in SERVERS:
        if name in request.fixturenames:
            server: Server = request.getfixturevalue(name)
            server.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test fail that was skipped."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let a file fail that was skipped as a whole."""
    report = yield
    _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which shows nothing: {report.longrepr}"
