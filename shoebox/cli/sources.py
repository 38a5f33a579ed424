"""From the SOURCEs of a command line to the archives that they name."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from shoebox import stores
from shoebox.archive import ArchiveReader
from shoebox.cli import exits, messages
from shoebox.files import TEMPORARY_SUFFIX
from shoebox.sources import Archive, File
from shoebox.spool import ASIDE, DELIVERY
from shoebox.storage import StorageBackend

_NEVER = (DELIVERY, TEMPORARY_SUFFIX)
"""What is left out even where a shell's glob has named it: it holds no records."""


@dataclass(slots=True)
class Found:
    """What SOURCEs name."""

    archives: list[Archive]
    code: int = exits.FINE
    """The exit code that is due already, since one of the SOURCEs matched nothing."""


@contextmanager
def found(sources: Sequence[str], config_files: list[str]) -> Iterator[Found]:
    """Yield the archives, each once, in the order of the SOURCEs.

    A SOURCE that matches nothing is complained of.
    """
    with ExitStack() as stack:
        result, archives = Found([]), dict[str, Archive]()
        for source in [it for it in sources if not it.endswith(_NEVER)] or sources:
            matched = list(_matches(source, config_files, stack))
            if not matched:
                result.code = missing(source)
            archives.update((it.name, it) for it in matched if it.name not in archives)
        result.archives = list(archives.values())
        yield result


def missing(source: str) -> int:
    """Complain of a SOURCE that matches nothing, and return the exit code."""
    messages.complain(
        f"{source}: matches no archive; name a file, directory, glob or URL that does"
    )
    return exits.DATA


@contextmanager
def reading(archive: Archive, **options: Any) -> Iterator[ArchiveReader]:
    """Yield a reader of the archive, to which a growing tail is no fault if its writer lives."""
    with archive.reader(growing=archive.growing, **options) as reader:
        yield reader


def open_store(location: stores.Location, config_files: Sequence[str]) -> StorageBackend:
    """Return the backend of a URL, with what the ini says of its bucket."""
    # That it was asked again is of no use to who hears in the end that it can't be reached.
    messages.speak_for("shoebox.retrying")
    return stores.open_store(location, _options(location, config_files))


def _matches(source: str, config_files: list[str], stack: ExitStack) -> Iterator[Archive]:
    location = stores.parse(source)
    if location is not None:
        backend = stack.enter_context(open_store(location, config_files))
        yield from stores.objects(backend, location.prefix, location.root)
        return
    yield from _files(source)


def _options(location: stores.Location, config_files: Sequence[str]) -> dict[str, Any]:
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


def _files(source: str) -> list[File]:
    path = Path(source)
    if path.is_dir():
        return _listed(path.iterdir())
    if os.path.lexists(path):
        return [] if path.name.endswith(_NEVER) else [File(path)]
    named = len(list(takewhile(lambda part: not glob.has_magic(part), path.parts)))
    found = map(Path, glob.glob(source, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute one
    return _listed(found, named)


def _listed(paths: Iterable[Path], named: int | None = None) -> list[File]:
    """Return what may be archives; of their parts as many were named, and not come across."""
    found = [it for it in sorted(paths) if _may_be_archive(it)]
    if named is not None:
        found = list(dict.fromkeys(_link_to(it, named) for it in found))
    return [File(it, listed=True) for it in found]


def _link_to(path: Path, named: int) -> Path:
    """Return the first link that a path leads through, which is not followed; else the path."""
    ways = [*reversed(path.parents[: len(path.parts) - named - 1]), path]
    return next((it for it in ways if it.is_symlink()), path)


def _may_be_archive(path: Path) -> bool:
    """Tell whether it is one by its name; what can't be one, such as a link, is said to be none."""
    return not (path.name.startswith(".") or path.name.endswith(ASIDE) or path.is_dir())
