"""SFTP over paramiko."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

import paramiko
from fsspec import AbstractFileSystem
from paramiko.sftp import CMD_EXTENDED

from shoebox.errors import StorageDenied
from shoebox_fsspec.drivers import Driver

_PATIENCE = 60.0
"""Seconds without a word from the server after which it counts as away."""


class SftpDriver(Driver):
    """Files of an SSH server.

    Its RENAME refuses a name that is taken (draft-ietf-secsh-filexfer-02, section 6.5), unlike
    its extension posix-rename, which is what fsspec's `mv` uses. A connection serves one
    thread at a time: paramiko gives replies to whoever reads first.
    """

    folder_options: ClassVar[dict[str, Any]] = {"mode": 0o700}
    root_is_there = True

    def __init__(self, fs: AbstractFileSystem) -> None:
        super().__init__(fs)
        self._sftp: paramiko.SFTPClient = fs.ftp
        self._sftp.get_channel().settimeout(_PATIENCE)

    @classmethod
    def options(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return the options with a policy that lets no unknown server in.

        `known_hosts` is the file with the keys of servers, ~/.ssh/known_hosts if it is left
        out. `host_key_policy` of fsspec replaces all of this.
        """
        options = {"timeout": _PATIENCE, **given}
        known = Path(options.pop("known_hosts", "~/.ssh/known_hosts")).expanduser()
        options.setdefault("host_key_policy", KnownHosts(known))
        return options

    def create(self, path: str) -> BinaryIO:
        """Return a new file that its owner alone may read, written without waiting for acks."""
        file = self._sftp.open(path, "wx")
        file.chmod(0o600)
        file.set_pipelined(True)
        return cast("BinaryIO", file)

    def read(self, path: str, start: int, end: int) -> bytes:
        """Return the bytes, of which many parts are under way at once."""
        with self._sftp.open(path, "rb") as file:
            return b"".join(file.readv([(start, end - start)]))

    def sync(self, path: str) -> None:
        """Have the server write it to the disk."""
        with self._sftp.open(path, "rb") as file:
            self._sync(file)

    def sync_folder(self, path: str) -> None:
        """Do the same with the folder, where the server opens one as a file, as OpenSSH does."""
        try:
            folder = self._sftp.open(path, "rb")
        except OSError:
            return
        with folder:
            self._sync(folder)

    def _sync(self, file: paramiko.SFTPFile) -> None:
        """Ask for fsync@openssh.com, which paramiko has no method for; not every server has it."""
        try:
            self._sftp._request(CMD_EXTENDED, "fsync@openssh.com", file.handle)  # noqa: SLF001 - as said
        except OSError as error:
            if "unsupported" not in str(error).lower():
                raise

    def publish(self, draft: str, path: str) -> None:
        """Rename, and look why if that fails: the server says "Failure", whatever it was."""
        try:
            self._sftp.rename(draft, path)
        except OSError as error:
            if self.kind(path) is None:
                raise
            raise FileExistsError(path) from error

    def close(self) -> None:
        """End the connection."""
        self.fs.client.close()


class KnownHosts(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # it has no types
    """Lets in the servers whose keys are in a file, and no others."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def missing_host_key(
        self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        """Raise StorageDenied unless the file has the key."""
        del client
        if not self._path.is_file() or not paramiko.HostKeys(str(self._path)).check(hostname, key):
            raise StorageDenied(
                f"{hostname}: its key {key.get_name()} {key.fingerprint} is not in "
                f"{self._path}; compare it with the server's, and add it"
            )
