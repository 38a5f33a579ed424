"""From the name of a protocol to a driver that is connected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import fsspec

from shoebox.errors import ConfigError
from shoebox.storage import hide_debug_log
from shoebox_fsspec.drivers import Driver, LocalDriver
from shoebox_fsspec.faults import CONNECTING, translated


def connector(protocol: str, options: dict[str, Any]) -> Callable[[], Driver]:
    """Return what connects; raise ConfigError if there is no such driver here.

    Each call makes a file system of its own, which fsspec doesn't share.
    """
    system = _system(protocol)
    kind = _kind(protocol)
    given = kind.options(options)

    def connect() -> Driver:
        with translated(protocol, CONNECTING):
            return kind(system(**given, skip_instance_cache=True))

    hide_debug_log("fsspec", "paramiko", system.__module__.partition(".")[0])
    return connect


def _system(protocol: str) -> type[fsspec.AbstractFileSystem]:
    try:
        return cast("type[fsspec.AbstractFileSystem]", fsspec.get_filesystem_class(protocol))
    except ValueError as error:
        known = ", ".join(sorted(fsspec.available_protocols()))
        raise ConfigError(f"protocol = {protocol}: fsspec knows no such driver: {known}") from error
    except ImportError as error:
        raise ConfigError(f"protocol = {protocol}: {error}") from error


def _kind(protocol: str) -> type[Driver]:
    if protocol in {"local", "file"}:
        return LocalDriver
    if protocol in {"sftp", "ssh"}:
        from shoebox_fsspec.sftp import SftpDriver  # noqa: PLC0415 - it needs paramiko

        return SftpDriver
    return Driver
