"""A bucket by way of boto3: every request, and every error of the SDK, passes through here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, BinaryIO, NoReturn

import boto3
import botocore.exceptions as sdk
from botocore.config import Config

from shoebox.errors import ConfigError, KeyCollision, StorageUnavailable
from shoebox.storage import hide_debug_log, scrub, shown
from shoebox_plugins.storage.s3.errors import SDK_ERRORS, Place, answer, translate
from shoebox_plugins.storage.s3.settings import Settings

_ABSENT = 404
_DENIED = 403
_MUTE = {301, 307, 400, _DENIED, _ABSENT}
"""States that an answer to HEAD, which has no body, gives no reason for."""


class Bucket:
    """Makes requests; raises what a backend may raise. Keys are without the prefix."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = _client(settings)
        self._place = Place(self._client.meta.endpoint_url, settings.bucket)
        self._mode = {} if settings.checksum == "md5" else {"ChecksumMode": "ENABLED"}

    def __str__(self) -> str:
        return str(self._place)

    def call(self, operation: str, key: str, /, **parameters: Any) -> dict[str, Any]:
        """Return the answer to an operation on an object."""
        with self.translated(key, parameters.get("Body")):
            return self._call(operation, key, **parameters)

    def head(self, key: str) -> dict[str, Any]:
        """Return what is known of an object."""
        with self.translated(key):
            try:
                return self._call("head_object", key, **self._mode)
            except sdk.ClientError as error:
                self._explain(error, key)
                raise

    def find(self, key: str) -> dict[str, Any] | None:
        """Return what is known of an object; None if there is none, or none that may be seen.

        Who may not list gets 403 for an object that is not there.
        """
        with self.translated(key):
            try:
                return self._call("head_object", key, **self._mode)
            except sdk.ClientError as error:
                if answer(error).state in {_ABSENT, _DENIED}:
                    return None
                self._explain(error, key)
                raise

    def _explain(self, error: sdk.ClientError, key: str) -> None:
        """Raise what a GET is answered, where a HEAD has been refused without a reason."""
        if answer(error).state in _MUTE:
            self._call("get_object", key, Range="bytes=0-0")["Body"].close()

    @contextmanager
    def body(self, key: str, etag: str, span: str = "") -> Iterator[BinaryIO]:
        """Yield the content of an object, or the span of it, if it still has this ETag."""
        ranged = {"Range": span} if span else {}
        try:
            with (
                self.translated(key),
                closing(self._call("get_object", key, IfMatch=etag, **ranged)["Body"]) as body,
            ):
                yield body
        except KeyCollision:
            raise StorageUnavailable(
                f"{self._place}: {shown(key)}: changed while it was read; try again"
            ) from None

    def pages(self, operation: str, prefix: str) -> Iterator[dict[str, Any]]:
        """Yield the answers to an operation that lists what begins with the prefix."""
        with self.translated(prefix):
            yield from self._client.get_paginator(operation).paginate(
                Bucket=self._settings.bucket, Prefix=self._settings.prefix + prefix
            )

    @contextmanager
    def translated(self, key: str, body: Any = None) -> Iterator[None]:
        """Raise what a backend may raise, or what reading the request's body has raised."""
        try:
            yield
        except SDK_ERRORS as error:
            if body is not None and body.error is not None:
                raise body.error from None
            scrub(error, *_secrets(self._client))
            self._renew(error)
            # What an HTTP client says of headers shows secrets: such a cause is left out.
            plain = type(error) is sdk.HTTPClientError
            raise translate(error, self._place, key) from (None if plain else error)

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        self._client.close()

    def _call(self, operation: str, key: str, **parameters: Any) -> dict[str, Any]:
        method: Callable[..., dict[str, Any]] = getattr(self._client, operation)
        name = self._settings.prefix + key
        return _Said(self._place, method(Bucket=self._settings.bucket, Key=name, **parameters))

    def _renew(self, error: Exception) -> None:
        """Have boto3 look for credentials again if it found those that are refused now.

        It keeps what it has read from its files, although others renew what stands there.
        """
        found = self._settings.aws_access_key_id is None
        if found and isinstance(error, sdk.ClientError) and answer(error).stale:
            with suppress(ConfigError):
                self._client = _client(self._settings)


class _Said(dict[str, Any]):
    """An answer; what is looked for in it and is not there was cut, or is no S3's."""

    def __init__(self, place: Place, said: dict[str, Any]) -> None:
        super().__init__(said)
        self._place = place

    def __missing__(self, name: str) -> NoReturn:
        raise StorageUnavailable(f"{self._place}: the answer lacks {name}; try again")


def _secrets(client: Any) -> list[str]:
    """Return what must be seen nowhere of the credentials in use, wherever they were found."""
    # Asking boto3 for them might send it looking for others.
    credentials = client._request_signer._credentials  # noqa: SLF001
    names = ("secret_key", "token", "_secret_key", "_token")
    found = {} if credentials is None else vars(credentials)
    return [found[name] for name in names if found.get(name)]


def _client(settings: Settings) -> Any:
    """Return a client; raise ConfigError for options that it refuses."""
    hide_debug_log("boto3", "botocore", "urllib3", "s3transfer")
    try:
        session = boto3.Session(
            aws_access_key_id=settings.aws_access_key_id,
            aws_secret_access_key=settings.aws_secret_access_key,
            aws_session_token=settings.aws_session_token,
            region_name=settings.region_name,
            profile_name=settings.profile_name,
        )
        client = _connected(session, settings, {})
        if client.meta.endpoint_url.startswith("https://"):
            # TLS and our checksum guard the content: no third pass over it, to sign it.
            client = _connected(session, settings, {"payload_signing_enabled": False})
    except (sdk.BotoCoreError, ValueError) as error:
        raise ConfigError(
            f"boto3 refuses the options of bucket {settings.bucket}: {error}"
        ) from None
    hide_debug_log("boto3", "botocore", "urllib3", "s3transfer")
    return client


def _connected(session: Any, settings: Settings, more: dict[str, Any]) -> Any:
    return session.client(
        "s3",
        endpoint_url=settings.endpoint_url,
        verify=False if settings.insecure else settings.cafile,
        config=Config(
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            max_pool_connections=max(10, 2 * settings.max_concurrency),
            # Retrying is done in one layer, and that is not here.
            retries={"total_max_attempts": 1, "mode": "standard"},
            # Each upload brings its own checksum; what is read is compared by who reads it.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": settings.addressing_style, **more},
        ),
    )
