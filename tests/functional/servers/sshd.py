"""OpenSSH's server, as an ordinary process that lets in one user by key, to SFTP alone."""

import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.functional.servers.debian import unpacked
from tests.functional.servers.ports import HOST, reserve
from tests.functional.servers.process import Process, Server

SYSTEM = Path("/usr/sbin/sshd")
DAEMON = "daemon"
"""Who it runs as where the tests are root's, since root's would want a user and a folder of the
system's. Debian always has this one; nobody's account is locked where systemd describes it."""


@dataclass(frozen=True, kw_only=True)
class Sshd(Server):
    """A server that runs, and the files by which its user is let in."""

    host: str = HOST
    port: int
    username: str
    keyfile: Path
    reader_keyfile: Path
    """Of who may read and nothing else."""
    stranger_keyfile: Path
    """Of who is not let in."""
    known_hosts: Path
    folder: Path

    def new_folder(self) -> Path:
        """Return a new folder that the user may write in."""
        path = self.folder / uuid4().hex
        path.mkdir()
        self.give(path)
        return path

    def give(self, path: Path) -> None:
        """Make the user the owner."""
        _give(path, self.username)


@contextmanager
def running() -> Iterator[Sshd]:
    """Run it in a folder that its user can reach, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="shoebox-sshd-"))
    folder.chmod(0o755)
    try:
        with _server(folder).running() as server:
            yield server
    finally:
        shutil.rmtree(folder)


def _server(folder: Path) -> Sshd:
    port = reserve()
    user = DAEMON if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    host_key = _key(folder / "host_key")
    (folder / "known_hosts").write_text(f"[{HOST}]:{port} {host_key}\n")
    allowed = _key(folder / "user_key"), _key(folder / "reader_key")
    _key(folder / "stranger_key")
    (folder / "authorized_keys").write_text(
        f'restrict {allowed[0]}\nrestrict,command="internal-sftp -R" {allowed[1]}\n'
    )
    _give(folder / "host_key", user)
    (folder / "store").mkdir()
    (folder / "sshd_config").write_text(_config(folder, port))
    return Sshd(
        processes=(_process(folder, port, user),),
        port=port,
        username=user,
        keyfile=folder / "user_key",
        reader_keyfile=folder / "reader_key",
        stranger_keyfile=folder / "stranger_key",
        known_hosts=folder / "known_hosts",
        folder=folder / "store",
    )


def _process(folder: Path, port: int, user: str) -> Process:
    program, environment = _program(folder)
    command = [program, "-D", "-e", "-f", folder / "sshd_config"]
    if os.getuid() == 0:
        group = pwd.getpwnam(user).pw_gid
        command = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *command]
    return Process(command, folder / "sshd.log", lambda: _greets(port), environment=environment)


def _program(folder: Path) -> tuple[Path, Mapping[str, str]]:
    """Return the system's, or a copy of Debian's that anybody may run, and what it needs."""
    if SYSTEM.exists():
        return SYSTEM, {}
    files = unpacked("openssh-server")
    for library in files.rglob("*.so.*"):
        shutil.copy(library, folder)
    return Path(shutil.copy(files / "usr/sbin/sshd", folder)), {"LD_LIBRARY_PATH": str(folder)}


def _config(folder: Path, port: int) -> str:
    return (
        f"ListenAddress {HOST}\nPort {port}\n"
        f"HostKey {folder}/host_key\nAuthorizedKeysFile {folder}/authorized_keys\n"
        "AuthenticationMethods publickey\nPidFile none\nUsePAM no\nStrictModes no\n"
        "Subsystem sftp internal-sftp\nMaxStartups 100\n"
    )


def _key(path: Path) -> str:
    """Make a key; return its public half as a line of OpenSSH's files has it."""
    key = Ed25519PrivateKey.generate()
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return public.decode()


def _give(path: Path, user: str) -> None:
    if os.getuid() == 0:
        found = pwd.getpwnam(user)
        os.chown(path, found.pw_uid, found.pw_gid)


def _greets(port: int) -> bool:
    """Tell whether it says that it speaks SSH."""
    try:
        with socket.create_connection((HOST, port), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
