"""SOURCEs of the form SCHEME://BUCKET/PREFIX, by the storage plugin that the scheme names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from time import sleep
from typing import Any, cast

from shoebox import plugins
from shoebox.catalog import Catalog, is_catalog
from shoebox.errors import ConfigError, PluginError, StorageUnavailable
from shoebox.retrying import RetryingBackend
from shoebox.sources import Object
from shoebox.spool import ASIDE, OPEN, without_directives
from shoebox.storage import StorageBackend

TRIES = 6
"""How often a request is made while the service is unavailable, before a reader gives up."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_MAGIC = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class Location:
    """The parts of such a SOURCE."""

    scheme: str
    bucket: str
    """As the plugin takes it; after three slashes, the whole path."""
    prefix: str
    """What keys begin with; with `*`, `?` or `[`, a glob that they match, segment by segment."""

    @property
    def root(self) -> str:
        """The URL that keys are appended to."""
        return f"{self.scheme}://{self.bucket}/"


def parse(source: str) -> Location | None:
    """Return the parts of a URL, None for everything else."""
    match = _URL.fullmatch(source)
    if match is None:
        return None
    scheme, rest = match.groups()
    # A folder is a bucket of local storage; an absolute one has no end that could be seen.
    bucket, _, prefix = (rest, "", "") if rest.startswith("/") else rest.partition("/")
    if not bucket:
        raise ConfigError(f"{source}: names no bucket; write {scheme}://BUCKET/PREFIX")
    return Location(scheme, bucket, prefix)


def open_store(location: Location, options: Mapping[str, Any] | None = None) -> StorageBackend:
    """Return the backend of the location, which is patient while its service is unavailable.

    `options` are the plugin's; what is missing comes from its SDK's environment.
    """
    plugin = plugins.load("storage", location.scheme)
    try:
        with plugins.building("storage", location.scheme):
            made = plugin.from_url(location.bucket, **(options or {}))
    except PluginError as error:
        raise PluginError(f"{location.root}: {error}") from error
    return RetryingBackend(cast("StorageBackend", made), _wait, tries=TRIES)


def objects(backend: StorageBackend, pattern: str, root: str = "") -> list[Object]:
    """Return the archives whose keys begin with the pattern, or match it if it is a glob.

    strftime's directives in it stand for anything within a segment. `root` is put before
    the keys to make the names. The catalogs that are listed as well go with the archives.
    """
    pattern = without_directives(pattern)
    matches = _matcher(pattern)
    infos = list(backend.list(_MAGIC.split(pattern)[0]))
    catalogs = tuple(Catalog(backend, it.key) for it in infos if is_catalog(it.key))
    return [
        Object(root + it.key, it.key, it.size, backend, catalogs)
        for it in infos
        # An open archive in a store is a copy of one that goes on elsewhere.
        if not it.key.endswith((OPEN, *ASIDE)) and matches(it.key)
    ]


def _matcher(pattern: str) -> Callable[[str], bool]:
    if not _MAGIC.search(pattern):
        return lambda key: key.startswith(pattern)
    globs = [re.compile(translate(segment)).fullmatch for segment in pattern.split("/")]

    def matches(key: str) -> bool:
        segments = key.split("/")
        return len(segments) == len(globs) and all(
            match(segment) for match, segment in zip(globs, segments, strict=True)
        )

    return matches


def _wait(seconds: float, _: StorageUnavailable) -> bool:
    sleep(seconds)
    return False
