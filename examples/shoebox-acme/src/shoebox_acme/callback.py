"""A callback: tells a webhook of each sealed archive."""

from __future__ import annotations

import json
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from oslo_config import cfg

from shoebox.archive import identify
from shoebox.callback import Callback
from shoebox.errors import ConfigError
from shoebox.escaping import logger

_LOG = logger(__name__)


class WebhookCallback(Callback):
    """Posts a JSON object with name, id, size and number of records of each sealed archive.

    One that can't be posted, or that is answered with an error, is named in the log and not
    posted again; it stays, and goes to storage, all the same. After a crash one may be posted
    twice, with the same id.
    """

    INTERFACE = 1

    OPTIONS = (
        # A webhook's URL often is the secret.
        cfg.StrOpt("url", required=True, secret=True, help="Where to post, with http or https."),
        cfg.FloatOpt(
            "timeout",
            default=10.0,
            min=0.001,
            help="Seconds that the other side may be silent. Until then the next archive waits.",
        ),
    )

    def __init__(self, *, url: str, timeout: float = 10.0, **_: object) -> None:
        if not _is_web(url):
            raise ConfigError("url: give one that begins with http:// or https:// and has a host")
        self._url = url
        self._timeout = timeout

    def on_close(self, path: Path) -> None:
        """Post what there is to say of the archive."""
        request = Request(  # noqa: S310 - it is of the web, as was looked at
            self._url, json.dumps(_told(path)).encode(), {"Content-Type": "application/json"}
        )
        try:
            urlopen(request, timeout=self._timeout).close()  # noqa: S310 - as above
        except (OSError, HTTPException) as error:
            _LOG.warning("the webhook was not told of archive %s: %s", path.name, error)


def _told(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        found = identify(file)
    return {
        "archive": None if found is None else found.id,
        "name": path.name,
        "size": path.stat().st_size,
        "records": None if found is None else found.records,
    }


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
