"""Keystone v3 on sqlite: passwords and application credentials for Swift."""

import base64
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

from tests.functional.servers import environments
from tests.functional.servers.ports import HOST, reserve
from tests.functional.servers.process import Process, Server, ServerFailedError, answers, fetch

APP = Path(__file__).parent / "inside" / "keystone_app.py"
REGION = "RegionOne"
DOMAIN = "default"
ADMIN_PASSWORD = "admin-secret"
CONFIGURATION = """
[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///{folder}/data/keystone.db
[fernet_tokens]
key_repository = {folder}/data/fernet
[fernet_receipts]
key_repository = {folder}/data/fernet
[credential]
key_repository = {folder}/data/credential
[identity]
# the fewest that there may be: it is slow on purpose
password_hash_rounds = 4
[token]
# a token that was forgotten is refused at once
caching = false
"""


@dataclass(frozen=True, kw_only=True)
class Keystone(Server):
    """A server that runs, and the account by which Swift asks it about tokens."""

    url: str
    folder: Path
    username: str = "demo"
    password: str = "demo-secret"
    project_name: str = "demo"
    region: str = REGION
    service_username: str = "swift"
    service_password: str = "swift-secret"
    service_project_name: str = "service"

    def forget_tokens(self) -> None:
        """Make every token that was issued invalid."""
        _write_keys(self.folder / "data" / "fernet")

    def serve(self, object_store: str) -> "Accounts":
        """Make the accounts, and list Swift in the catalogue at this URL."""
        admin = _Client.log_in(self.url, "admin", ADMIN_PASSWORD, "admin")
        roles = {it["name"]: it["id"] for it in admin.call("GET", "/roles")["roles"]}
        _add_service(admin, object_store)
        _, service = _add_user(
            admin, self.service_username, self.service_password, self.service_project_name
        )
        for role in ("admin", "service"):
            admin.call("PUT", f"{service}/roles/{roles[role]}")
        user, grants = _add_user(admin, self.username, self.password, self.project_name)
        admin.call("PUT", f"{grants}/roles/{roles['member']}")
        return self._accounts(user)

    def _accounts(self, user: str) -> "Accounts":
        client = _Client.log_in(self.url, self.username, self.password, self.project_name)
        credential = client.add(f"/users/{user}/application_credentials", name="shoebox")
        ec2 = client.call(
            "POST", f"/users/{user}/credentials/OS-EC2", {"tenant_id": client.project}
        )["credential"]
        return Accounts(credential["id"], credential["secret"], ec2["access"], ec2["secret"])


@dataclass(frozen=True)
class Accounts:
    """What a user has beside a password."""

    application_credential_id: str
    application_credential_secret: str
    s3_access_key: str
    s3_secret_key: str


@contextmanager
def running(folder: Path) -> Iterator[Keystone]:
    """Run a server whose data and log are in the folder; the log stays there."""
    python = environments.installed(environments.KEYSTONE) / "python"
    for name in ("fernet", "credential"):
        (folder / "data" / name).mkdir(parents=True)
        _write_keys(folder / "data" / name)
    (folder / "keystone.conf").write_text(CONFIGURATION.format(folder=folder))
    port = reserve()
    url = f"http://{HOST}:{port}/v3"
    process = Process(
        [python, APP, url, REGION, HOST, str(port)],
        folder / "keystone.log",
        lambda: answers(url),
        environment={"OS_KEYSTONE_CONFIG_DIR": str(folder), "ADMIN_PASSWORD": ADMIN_PASSWORD},
    )
    with Keystone(processes=(process,), url=url, folder=folder).running() as server:
        yield server
    shutil.rmtree(folder / "data")


def _write_keys(folder: Path) -> None:
    """Write the keys of a repository anew: the one that is in use, and the one after it."""
    for name in ("0", "1"):
        path = folder / f"{name}.new"
        path.touch(0o600)
        path.write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
        path.rename(folder / name)


@dataclass(frozen=True)
class _Client:
    """Somebody who has logged in."""

    url: str
    token: str
    project: str

    @classmethod
    def log_in(cls, url: str, username: str, password: str, project_name: str) -> "_Client":
        domain = {"id": DOMAIN}
        user = {"name": username, "password": password, "domain": domain}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"name": project_name, "domain": domain}}
        headers, reply = _call(
            f"{url}/auth/tokens", "POST", {"auth": {"identity": identity, "scope": scope}}, {}
        )
        return cls(url, headers["X-Subject-Token"], reply["token"]["project"]["id"])

    def call(self, method: str, path: str, body: object = None) -> Any:
        return _call(f"{self.url}{path}", method, body, {"X-Auth-Token": self.token})[1]

    def add(self, path: str, **fields: object) -> Any:
        """Make what the path's last word names, in the plural; return it as it is now."""
        kind = path.rpartition("/")[2].removesuffix("s")
        return self.call("POST", path, {kind: fields})[kind]


def _call(
    url: str, method: str, body: object, headers: Mapping[str, str]
) -> tuple[HTTPMessage, Any]:
    text = None if body is None else json.dumps(body)
    status, answered, reply = fetch(
        url, method, text, {"Content-Type": "application/json", **headers}
    )
    if status >= 300:
        raise ServerFailedError(f"Keystone answers {status} to {method} {url}: {reply!r}")
    return answered, json.loads(reply or "null")


def _add_service(admin: _Client, url: str) -> None:
    service = admin.add("/services", name="swift", type="object-store")["id"]
    for interface in ("public", "internal", "admin"):
        admin.add("/endpoints", service_id=service, interface=interface, url=url, region_id=REGION)


def _add_user(admin: _Client, name: str, password: str, project_name: str) -> tuple[str, str]:
    """Make a user and a project; return the user's id, and where roles there are granted."""
    project = admin.add("/projects", name=project_name, domain_id=DOMAIN)["id"]
    user = admin.add(
        "/users", name=name, password=password, domain_id=DOMAIN, default_project_id=project
    )["id"]
    return user, f"/projects/{project}/users/{user}"
