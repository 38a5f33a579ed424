"""OpenStack Swift on one machine, with auth v1, Keystone and its own S3 API."""

import getpass
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.functional.servers import environments, keystone, tls
from tests.functional.servers import swift_configuration as configuration
from tests.functional.servers.devices import device
from tests.functional.servers.keystone import Keystone
from tests.functional.servers.ports import HOST, reserve
from tests.functional.servers.process import Process, Server, answers, fetch, run
from tests.functional.servers.swift_configuration import KEYSTONE_ACCOUNTS, STORAGE
from tests.functional.servers.tls import Certificate

INSIDE = Path(__file__).parent / "inside"
POLICIES = ("gold", "silver")


@dataclass(frozen=True, kw_only=True)
class Swift(Server):
    """A server that runs; `keystone` is one of its own, which may be taken away as well."""

    keystone: Keystone
    url: str
    tls_url: str
    cafile: Path
    auth_url: str
    tls_auth_url: str
    username: str = "test:shoebox"
    password: str = "shoebox-secret"
    other_username: str = "test:other"
    """Somebody who has no rights, except where a container's ACL gives them."""
    other_password: str = "other-secret"
    s3_url: str
    tls_s3_url: str
    s3_access_key: str = username
    s3_secret_key: str = password
    policy: str = POLICIES[1]
    """A storage policy that is not the default."""

    keystone_url: str
    keystone_username: str
    keystone_password: str
    keystone_project_name: str
    keystone_region_name: str
    keystone_s3_access_key: str
    keystone_s3_secret_key: str
    application_credential_id: str
    application_credential_secret: str

    def forget_tokens(self) -> None:
        """Make every token that was issued invalid, tempauth's and Keystone's."""
        self.keystone.forget_tokens()
        fetch(f"{self.url}/cache", "DELETE")


@contextmanager
def running(folder: Path, certificate: Certificate) -> Iterator[Swift]:
    """Run Swift and Keystone whose logs are in the folder, and stay there."""
    with ThreadPoolExecutor() as pool:
        needs = (environments.SWIFT, environments.KEYSTONE)
        commands, _ = pool.map(environments.installed, needs)
    ports = {kind: reserve() for kind in (*STORAGE, "proxy")}
    url = f"http://{HOST}:{ports['proxy']}"
    with (
        keystone.running(folder) as identity,
        tls.front(url, certificate) as tls_url,
        device() as devices,
    ):
        _configure(folder, devices, ports, identity, tls_url)
        _make_rings(commands, folder, ports)
        processes = tuple(_process(commands, folder, kind, port) for kind, port in ports.items())
        server = _swift(processes, identity, url, tls_url, certificate.cafile)
        with server.running():
            yield server


def _configure(
    folder: Path, devices: Path, ports: dict[str, int], identity: Keystone, tls_url: str
) -> None:
    """Write what the servers read; `ports` has the proxy's as well."""
    (devices / "d1").mkdir()
    base = {
        kind: configuration.base(getpass.getuser(), str(folder), port)
        for kind, port in ports.items()
    }
    users = {
        Swift.username: f"{Swift.password} .admin",
        Swift.other_username: Swift.other_password,
    }
    tls_host = tls_url.rpartition("/")[2]
    files = {
        "swift": configuration.common(POLICIES),
        "proxy-server": configuration.proxy(base["proxy"], users, identity, tls_host),
    }
    for kind in STORAGE:
        files[f"{kind}-server"] = configuration.storage(kind, base[kind], str(devices))
    for name, sections in files.items():
        (folder / f"{name}.conf").write_text(configuration.text(sections))


def _make_rings(commands: Path, folder: Path, ports: dict[str, int]) -> None:
    rings = {**{kind: ports[kind] for kind in STORAGE}, "object-1": ports["object"]}
    named = [f"{name}={port}" for name, port in rings.items()]
    run(
        [commands / "python", INSIDE / "swift_rings.py", folder, HOST, *named],
        folder / "rings.log",
    )


def _process(commands: Path, folder: Path, kind: str, port: int) -> Process:
    server = commands / f"swift-{kind}-server"
    configured = folder / f"{kind}-server.conf"
    return Process(
        [commands / "python", INSIDE / "swift_server.py", server, configured, "--verbose"],
        folder / f"swift-{kind}.log",
        lambda: answers(f"http://{HOST}:{port}/healthcheck"),
        environment={"PYTHONPATH": str(INSIDE)},
    )


def _swift(
    processes: tuple[Process, ...], identity: Keystone, url: str, tls_url: str, cafile: Path
) -> Swift:
    accounts = identity.serve(f"{url}/v1/{KEYSTONE_ACCOUNTS}_%(project_id)s")
    return Swift(
        processes=processes,
        keystone=identity,
        url=url,
        tls_url=tls_url,
        cafile=cafile,
        auth_url=f"{url}/auth/v1.0",
        tls_auth_url=f"{tls_url}/auth/v1.0",
        s3_url=url,
        tls_s3_url=tls_url,
        keystone_url=identity.url,
        keystone_username=identity.username,
        keystone_password=identity.password,
        keystone_project_name=identity.project_name,
        keystone_region_name=identity.region,
        keystone_s3_access_key=accounts.s3_access_key,
        keystone_s3_secret_key=accounts.s3_secret_key,
        application_credential_id=accounts.application_credential_id,
        application_credential_secret=accounts.application_credential_secret,
    )
