"""The options of the backend, and what they say of the driver."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg

from shoebox.errors import ConfigError

Given = str | Mapping[str, Any]
"""A driver's options: a JSON object, as in an ini, or what it stands for."""

OPTIONS: tuple[cfg.Opt, ...] = (
    cfg.StrOpt(
        "protocol",
        required=True,
        sample_default="sftp",
        help="The fsspec driver, by the name that its URLs begin with: sftp, gcs, abfs, hdfs, "
        "local, memory and others. Its package must be installed.",
    ),
    cfg.StrOpt(
        "path",
        required=True,
        sample_default="/srv/audit",
        help="The folder, or the bucket and what follows, that holds the objects. A folder is "
        "not made, since it may be a mount.",
    ),
    cfg.StrOpt(
        "options",
        default="{}",
        sample_default='{"host": "archive.example.com", "username": "shoebox"}',
        help="What the driver is built with: a JSON object, over several lines if these are "
        "indented. The driver's documentation names the keys.",
    ),
    cfg.StrOpt(
        "secrets",
        secret=True,
        default="{}",
        help="More of it, that no log or message may show, such as "
        '{"password": "..."}: also a JSON object. Write $$ for a $.',
    ),
)

_GLOB = frozenset("*?[")


def check_path(path: str) -> str:
    """Return the path without the slash at its end; raise ConfigError if fsspec would expand it."""
    if not path or "://" in path or "::" in path or _GLOB & set(path):
        raise ConfigError(
            f"path = {path}: must be a plain path, without protocol, and without * ? and ["
        )
    return path.rstrip("/")


def driver_options(options: Given, secrets: Given) -> dict[str, Any]:
    """Return what the driver is built with."""
    return {**_plain("options", options), **_plain("secrets", secrets)}


def _plain(name: str, given: Given) -> dict[str, Any]:
    """Return the object; no error shows any of it, for it may be secret."""
    try:
        found = json.loads(given) if isinstance(given, str) else dict(given)
    except ValueError as error:
        place = f" ({error})" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigError(
            f'{name}: is no JSON object{place}; write it as in {{"port": 22}}'
        ) from None
    if not isinstance(found, dict):
        raise ConfigError(f'{name}: is JSON, but no object; write it as in {{"port": 22}}')
    return found
