"""SOURCEs of the form SCHEME://BUCKET/PREFIX, by the storage plugin that the scheme names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from shoebox import plugins
from shoebox.errors import ConfigError, ShoeboxError
from shoebox.spool import ASIDE

if TYPE_CHECKING:
    from shoebox.storage import StorageBackend

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Location:
    """The parts of such a SOURCE."""

    scheme: str
    bucket: str
    """As the plugin takes it; after three slashes, the whole path."""
    prefix: str

    @property
    def root(self) -> str:
        """The URL that keys are appended to."""
        return f"{self.scheme}://{self.bucket}/"


@dataclass(frozen=True, slots=True)
class Object:
    """An archive in a store."""

    name: str
    size: int
    key: str
    backend: StorageBackend

    @property
    def growing(self) -> bool:
        """Say that no object ever changes."""
        return False

    def open(self) -> BinaryIO:
        """Return it as a file that fetches what is read."""
        return self.backend.open(self.key)


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


def backend(location: Location, config_files: Sequence[str]) -> StorageBackend:
    """Return the backend of the scheme, with what the ini says of this bucket."""
    plugin = plugins.load("storage", location.scheme)
    try:
        made = plugin.from_url(location.bucket, **_options(location, config_files))
    except ShoeboxError:
        raise
    except Exception as error:  # what a stranger's plugin raises is its own
        raise ConfigError(f"{location.root}: {type(error).__name__}: {error}") from error
    return cast("StorageBackend", made)


def objects(location: Location, backend: StorageBackend) -> Iterator[Object]:
    """Yield the archives below the prefix."""
    for info in backend.list(location.prefix):
        if not info.key.endswith(ASIDE):
            yield Object(location.root + info.key, info.size, info.key, backend)


def _options(location: Location, config_files: Sequence[str]) -> dict[str, Any]:
    """Return the options of the storage section whose bucket this is."""
    if not config_files:
        return {}
    from shoebox import config  # noqa: PLC0415 - slow to import
    from shoebox.cli import configuration  # noqa: PLC0415 - the same

    conf = configuration.load(config_files)
    for instance in config.instances(conf, "storage"):
        if instance.plugin == location.scheme:
            found = config.arguments(conf, instance)
            if location.bucket in found.values():
                return found
    return {}
