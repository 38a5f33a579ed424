"""Tokens for Swift: from Keystone (version 3), or from Swift's own auth (version 1)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import urlsplit

import keystoneauth1.identity.v3 as keystone
from keystoneauth1.access import AccessInfo
from keystoneauth1.exceptions import EndpointNotFound
from keystoneauth1.session import Session
from swiftclient.client import HTTPConnection
from swiftclient.exceptions import ClientException

from shoebox.errors import StorageDenied
from shoebox.storage import scrub
from shoebox_plugins.storage.swift.connections import answer_headers, connect
from shoebox_plugins.storage.swift.errors import SDK_ERRORS, login_failed
from shoebox_plugins.storage.swift.settings import Settings

_SERVICE = "object-store"


@dataclass(eq=False)
class Token:
    """A token, and the URL of the account that it is for."""

    url: str
    value: str = field(repr=False)
    proven: bool = False
    """Whether it was ever accepted: one that is refused later has expired."""


class Login(ABC):
    """Keeps a token for all threads, and asks for another when it has to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._auth_url = settings.auth_url
        self._lock = Lock()
        self._token: Token | None = None

    def token(self) -> Token:
        """Return a token that has not expired, as far as is known."""
        with self._lock:
            try:
                self._token = self._current(self._token)
            except SDK_ERRORS as error:
                scrub(error, *self._settings.secrets)
                raise login_failed(error, self._auth_url) from error
            return self._token

    def forget(self, token: Token) -> None:
        """Throw away a token that was refused, unless another thread has done so."""
        with self._lock:
            if self._token is token:
                self._token = None
                self._renounce()

    @abstractmethod
    def _current(self, token: Token | None) -> Token:
        """Return this token if it will do, else a new one."""

    @abstractmethod
    def _renounce(self) -> None:
        """Have the SDK forget its token, too."""

    @abstractmethod
    def close(self) -> None:
        """Give the connection back."""

    def _for(self, url: str, value: str) -> Token:
        """Return a token; behind a TLS proxy, a service's name for itself lacks the s."""
        auth, storage = urlsplit(self._auth_url), urlsplit(url)
        if auth.netloc == storage.netloc:
            url = storage._replace(scheme=auth.scheme).geturl()
        return Token(url.rstrip("/"), value)


class KeystoneLogin(Login):
    """Keystone's token, by password or application credential."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._auth = _plugin(settings)
        # A redirect would take the password to where nobody has said it may go.
        self._session = Session(
            auth=self._auth,
            verify=settings.verify,
            timeout=settings.timeout,
            redirect=False,
            split_loggers=False,
        )

    def _current(self, token: Token | None) -> Token:
        access = self._auth.get_access(self._session)
        value = access.auth_token or ""
        if token is not None and token.value == value:
            return token
        return self._for(self._endpoint(access), value)

    def _endpoint(self, access: AccessInfo) -> str:
        try:
            return str(
                access.service_catalog.url_for(
                    service_type=_SERVICE,
                    interface=self._settings.interface,
                    region_name=self._settings.region_name,
                )
            )
        except EndpointNotFound as error:
            asked = f"{self._settings.interface} {_SERVICE}"
            raise StorageDenied(
                f"{self._auth_url}: no {asked} in region {self._settings.region_name or 'any'}; "
                f"correct region_name, interface or the project: {_known(access)}"
            ) from error

    def _renounce(self) -> None:
        self._auth.invalidate()

    def close(self) -> None:
        """Give the connection back."""
        self._session.close()


class SwiftLogin(Login):
    """A token from Swift's own auth, version 1."""

    def _current(self, token: Token | None) -> Token:
        if token is not None:
            return token
        connection = connect(self._auth_url, self._settings)
        try:
            headers = self._ask(connection)
        finally:
            connection.close()
        value = headers.get("x-storage-token") or headers.get("x-auth-token")
        url = headers.get("x-storage-url")
        if not url or not value:
            raise StorageDenied(
                f"{self._auth_url}: gives no token; correct auth_url or auth_version"
            )
        return self._for(url, value)

    def _ask(self, connection: HTTPConnection) -> dict[str, str]:
        credentials = {
            "X-Auth-User": self._settings.username,
            "X-Auth-Key": self._settings.password,
        }
        connection.request("GET", urlsplit(self._auth_url).path or "/", "", credentials)
        answer = connection.getresponse()
        body = answer.read()
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - as HTTP has it
            raise ClientException.from_response(answer, "no token", body)
        return answer_headers(connection)

    def _renounce(self) -> None:
        """Do nothing: the SDK keeps none."""

    def close(self) -> None:
        """Do nothing: no connection is kept."""


def login(settings: Settings) -> Login:
    """Return the login that the settings ask for."""
    return SwiftLogin(settings) if settings.auth_version == "1" else KeystoneLogin(settings)


def _plugin(settings: Settings) -> keystone.Password | keystone.ApplicationCredential:
    if settings.application_credential_id:
        return keystone.ApplicationCredential(
            settings.auth_url,
            application_credential_id=settings.application_credential_id,
            application_credential_secret=settings.application_credential_secret,
        )
    by_id = bool(settings.project_id)
    return keystone.Password(
        settings.auth_url,
        username=settings.username,
        password=settings.password,
        user_domain_name=settings.user_domain_name,
        project_id=settings.project_id or None,
        project_name=None if by_id else settings.project_name,
        project_domain_name=None if by_id else settings.project_domain_name,
    )


def _known(access: AccessInfo) -> str:
    """Return the interfaces and regions in which there is a Swift."""
    found = access.service_catalog.get_endpoints_data(service_type=_SERVICE)
    places = sorted(
        {f"{it.interface} in {it.region_name}" for each in found.values() for it in each}
    )
    return f"there is {', '.join(places)}" if places else "this one has no Swift at all"
