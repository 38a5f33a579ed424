"""What the options say, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from shoebox.errors import ConfigError, InvalidName
from shoebox.storage import shown, validate_key
from shoebox_plugins.storage.s3.options import OPTIONS

Kind = Literal["crc32c", "md5"]

_MB = 1 << 20
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}|arn:[A-Za-z0-9:/._-]+")
_CREDENTIAL = re.compile(r"[!-~]+")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One field for each of the options; `prefix` is empty or ends with a slash."""

    bucket: str
    prefix: str
    endpoint_url: str | None
    region_name: str | None
    aws_access_key_id: str | None
    aws_secret_access_key: str | None = field(repr=False)
    aws_session_token: str | None = field(repr=False)
    profile_name: str | None
    addressing_style: str
    cafile: str | None
    insecure: bool
    server_side_encryption: str | None
    ssekms_key_id: str | None
    storage_class: str | None
    tags: Mapping[str, str]
    multipart_threshold_mb: float
    part_size_mb: float
    max_concurrency: int
    connect_timeout: float
    read_timeout: float
    checksum: Kind

    @property
    def threshold(self) -> int:
        """The size in bytes of the largest file that is sent whole."""
        return int(self.multipart_threshold_mb * _MB)

    @property
    def part_size(self) -> int:
        """The size in bytes that parts should have."""
        return max(1, int(self.part_size_mb * _MB))

    @property
    def object_parameters(self) -> dict[str, Any]:
        """What is said of each new object besides its content."""
        given = {
            "ServerSideEncryption": self.server_side_encryption,
            "SSEKMSKeyId": self.ssekms_key_id,
            "StorageClass": self.storage_class,
            "Tagging": urlencode(self.tags) or None,
        }
        return {name: value for name, value in given.items() if value is not None}


def settings(given: Mapping[str, Any]) -> Settings:
    """Return the settings that these options give, with defaults for what is None or not there.

    Raise ConfigError for values that can't work.
    """
    values = {option.dest: _value(option, given.get(option.dest)) for option in OPTIONS}
    _check_credentials(values)
    _check_endpoint(values["endpoint_url"])
    if not _BUCKET.fullmatch(values["bucket"] or ""):
        raise ConfigError(f"bucket: {shown(str(values['bucket']))} can't be the name of a bucket")
    if values["cafile"] is not None and not Path(values["cafile"]).is_file():
        raise ConfigError(f"cafile: {shown(values['cafile'])}: there is no such file")
    values["prefix"] = _folder(values["prefix"])
    return Settings(**{field.name: values[field.name] for field in fields(Settings)})


def _value(option: Any, given: Any) -> Any:
    """Return what the option's type makes of the value; a secret's is never shown."""
    if given is None:
        return option.default
    try:
        return option.type(given)
    except ValueError as error:
        why = "can't be used" if option.secret else str(error)
        raise ConfigError(f"{option.dest}: {why}") from None


def _check_credentials(values: Mapping[str, Any]) -> None:
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    key, secret, token = (values[name] for name in names)
    if (key is None) != (secret is None) or (token is not None and key is None):
        raise ConfigError(
            "aws_access_key_id, aws_secret_access_key: give both or neither, and "
            "aws_session_token only with them"
        )
    for name in names:
        # It would stand in a header, and thus in an error of the HTTP client.
        if values[name] is not None and not _CREDENTIAL.fullmatch(values[name]):
            raise ConfigError(f"{name}: is empty, or has a space or a line's end in it: remove it")


def _check_endpoint(url: str | None) -> None:
    if url is None:
        return
    if "@" in url:
        raise ConfigError(
            "endpoint_url: has a user in it: give aws_access_key_id and aws_secret_access_key"
        )
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise ConfigError(f"endpoint_url: {shown(url)} is not https://HOST or https://HOST:PORT")


def _folder(prefix: str) -> str:
    plain = prefix.strip("/")
    if not plain:
        return ""
    try:
        return validate_key(plain) + "/"
    except InvalidName as error:
        raise ConfigError(f"prefix: {error}") from None
