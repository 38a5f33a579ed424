"""The options of a Swift backend that are in force, and what the environment has of them."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self
from urllib.parse import urlsplit

from shoebox.errors import ConfigError, InvalidName
from shoebox.storage import shown, validate_key
from shoebox_plugins.storage.swift.options import INTERFACES

_MB = 1 << 20
_VERSIONS = {"1": "1", "1.0": "1", "3": "3", "3.0": "3"}
_V1_URL = re.compile(r".*/v1(\.0)?/?")
_HEADER = re.compile(r"[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?")
_MAX_CONTAINER = 256

_ST = {"auth_url": "ST_AUTH", "username": "ST_USER", "password": "ST_KEY"}
_OS = {
    name: f"OS_{name.upper()}"
    for name in (
        "auth_url",
        "username",
        "password",
        "project_name",
        "project_id",
        "user_domain_name",
        "project_domain_name",
        "application_credential_id",
        "application_credential_secret",
        "region_name",
        "interface",
    )
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options in force; ConfigError names the one that can't be used, and no secret."""

    container: str
    prefix: str = ""
    auth_url: str = ""
    auth_version: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    project_name: str = ""
    project_id: str = ""
    user_domain_name: str = "Default"
    project_domain_name: str = "Default"
    application_credential_id: str = ""
    application_credential_secret: str = field(default="", repr=False)
    region_name: str | None = None
    interface: str = "public"
    cafile: str = ""
    insecure: bool = False
    segment_size_mb: float = 1024.0
    segment_container: str = ""
    create_container: bool = False
    storage_policy: str = ""
    delete_after: int | None = None
    timeout: float = 60.0
    max_concurrency: int = 4

    @classmethod
    def of(cls, **options: Any) -> Self:
        """Return the settings; what is None counts as left out, and strangers are ignored."""
        names = {it.name for it in fields(cls)}
        return cls(**{k: v for k, v in options.items() if k in names and v is not None})

    @property
    def segment_size(self) -> int:
        """Bytes of a segment; a file with more is a large object."""
        return max(1, int(self.segment_size_mb * _MB))

    @property
    def secrets(self) -> tuple[str, str]:
        """What must be seen nowhere."""
        return self.password, self.application_credential_secret

    @property
    def verify(self) -> bool | str:
        """What certificates are verified with, False for not at all."""
        return not self.insecure and (self.cafile or True)

    def __post_init__(self) -> None:
        self._check_names()
        _check_url(self.auth_url)
        self._check_version()
        self._check_credentials()
        self._check_cafile()
        self._check_numbers()

    def _set(self, name: str, value: str) -> None:
        object.__setattr__(self, name, value)

    def _check_names(self) -> None:
        self._set("segment_container", self.segment_container or f"{self.container}_segments")
        for name in ("container", "segment_container"):
            _check_container(name, getattr(self, name))
        if self.segment_container == self.container:
            raise ConfigError("segment_container: is the container; segments need one of their own")
        if self.storage_policy and not self.create_container:
            raise ConfigError(
                "storage_policy: only a container that is made gets it; set create_container too"
            )
        if self.prefix:
            self._set("prefix", _checked_prefix(self.prefix))

    def _check_version(self) -> None:
        found = "1" if _V1_URL.fullmatch(self.auth_url) else "3"
        version = _VERSIONS.get(str(self.auth_version or found))
        if version is None:
            raise ConfigError(f"auth_version = {shown(str(self.auth_version))}: give 1 or 3")
        self._set("auth_version", version)
        interface = self.interface.removesuffix("URL")
        if interface not in INTERFACES:
            raise ConfigError(
                f"interface = {shown(self.interface)}: give one of {', '.join(INTERFACES)}"
            )
        self._set("interface", interface)

    def _check_credentials(self) -> None:
        if self.auth_version == "3" and (
            self.application_credential_id or self.application_credential_secret
        ):
            return self._demand("application_credential_id", "application_credential_secret")
        self._demand("username", "password")
        if self.auth_version == "3" and not (self.project_name or self.project_id):
            raise ConfigError("project_name: is missing, and project_id too; give one of them")
        return self._check_headers()

    def _demand(self, *names: str) -> None:
        for name in names:
            if not getattr(self, name):
                raise ConfigError(f"{name}: is missing; with {self.auth_url} it is needed")

    def _check_headers(self) -> None:
        """Refuse what no header holds; the error for such a header would show it."""
        for name in ("username", "password"):
            if self.auth_version == "1" and not _HEADER.fullmatch(getattr(self, name)):
                raise ConfigError(f"{name}: has a space at an end, or a control character")

    def _check_cafile(self) -> None:
        if self.cafile and not self.insecure:
            try:
                ssl.create_default_context(cafile=self.cafile)
            except OSError as error:  # ssl.SSLError is one
                reason = error.strerror or error
                raise ConfigError(f"cafile = {shown(self.cafile)}: {reason}") from error

    def _check_numbers(self) -> None:
        for name in ("segment_size_mb", "timeout", "max_concurrency", "delete_after"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} = {value}: give more than 0")


def from_environment(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the environment has of the options that are not given.

    The variables are those of the swift command: ST_* for auth version 1, OS_* for 3.
    """
    url = str(given.get("auth_url", ""))
    version = _VERSIONS.get(str(given.get("auth_version", "")))
    own = bool(_V1_URL.fullmatch(url)) if url else "ST_AUTH" in os.environ
    names = dict(_OS)
    versions = ["OS_AUTH_VERSION", "OS_IDENTITY_API_VERSION"]
    if version == "1" or (version is None and own):
        names |= _ST
        versions = ["ST_AUTH_VERSION"]
    names["cafile"] = "OS_CACERT"
    found = {option: os.environ.get(name) for option, name in names.items()}
    found["auth_version"] = next((os.environ[it] for it in versions if os.environ.get(it)), None)
    return {name: value for name, value in found.items() if value and given.get(name) is None}


def _check_container(name: str, value: str) -> None:
    if not value or "/" in value or not value.isprintable() or value in {".", ".."}:
        raise ConfigError(f"{name} = {shown(value)}: give a name without a slash")
    if len(value.encode()) > _MAX_CONTAINER:
        raise ConfigError(f"{name} = {shown(value)}: is over {_MAX_CONTAINER} bytes")


def _checked_prefix(prefix: str) -> str:
    try:
        return validate_key(prefix.removesuffix("/")) + "/"
    except InvalidName as error:
        raise ConfigError(f"prefix: {error}") from error


def _check_url(url: str) -> None:
    if not url:
        raise ConfigError("auth_url: is missing; give Keystone's URL, or one with /auth/v1.0")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError("auth_url: is no URL; write https://HOST:PORT/PATH")
    if "@" in parts.netloc:
        raise ConfigError("auth_url: take user and password out of it; they have their options")
