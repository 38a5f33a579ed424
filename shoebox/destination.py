"""A backend as a destination of archives: its name, and how it calls them."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from string import Formatter
from typing import Literal

from shoebox.archive.identity import Identity
from shoebox.errors import ConfigError, InvalidName
from shoebox.spool import check_directives
from shoebox.storage import StorageBackend, shown, validate_key

_FIELDS = ("stem", "suffix", "name", "id", "host", "records")
_MAY_LACK = ("host", "records")
"""Fields that not every archive can fill."""

_SAMPLE = Identity("0" * 32, 2, 0, "host", 0, 0, 0)


@dataclass(frozen=True)
class Destination:
    """A backend under the name that the configuration gives it, and how its keys are made.

    `key_template` may have strftime's directives, for the archive's creation in UTC, and
    {stem} and {suffix} (the archive's name up to its last dot, and the rest), {name}
    (both), {id} (the archive's id), {host} (where it was written) and {records} (how many
    it holds). `verify` says how what was stored is compared: by "stat", what the service
    says of it, or by "get", reading it back.
    """

    name: str
    backend: StorageBackend
    key_template: str = "{stem}-{id}{suffix}"
    reopen: Callable[[], StorageBackend] | None = None
    """Builds the backend anew, for a forked child, which can't use its parent's."""
    verify: Literal["stat", "get"] = "stat"

    def reopened(self) -> Destination:
        """Return the destination with connections of its own."""
        return self if self.reopen is None else replace(self, backend=self.reopen())

    def __post_init__(self) -> None:
        """Refuse at once a template that no archive could be shipped with."""
        try:
            self._check_fields()
            check_directives(self.key_template)
            self.key("archive.events", _SAMPLE)
        except ValueError as error:
            raise ConfigError(
                f"storage {self.name}: key_template = {shown(self.key_template)}: {error}"
            ) from error

    def key(self, name: str, identity: Identity) -> str:
        """Return the archive's key, the same each time; raise InvalidName if it can't be one."""
        stem, suffix = os.path.splitext(name)  # noqa: PTH122  (Path.suffix drops a last dot)
        self._check_known(name, identity)
        return validate_key(
            self._dated(identity).format(
                stem=stem,
                suffix=suffix,
                name=name,
                id=identity.id,
                host=identity.host,
                records=identity.records,
            )
        )

    def _dated(self, identity: Identity) -> str:
        """Return the template with its directives replaced; names come later, as they are."""
        if "%" not in self.key_template or identity.created is None:
            return self.key_template
        when = datetime.fromtimestamp(identity.created // 1_000_000_000, UTC)
        return when.strftime(self.key_template)

    def _check_known(self, name: str, identity: Identity) -> None:
        """Refuse an archive that does not say what the template asks for."""
        lacking = [field for field in _MAY_LACK if getattr(identity, field) is None]
        missing = [field for field in lacking if field in self._fields()]
        if "%" in self.key_template and identity.created is None:
            missing.append("its creation time")
        if missing:
            raise InvalidName(
                f"{shown(name)}: of version {identity.version} of the format, or compressed, it "
                f"does not say {', '.join(missing)}, which key_template asks for"
            )

    def _fields(self) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(self.key_template) if name is not None}

    def _check_fields(self) -> None:
        for _, name, spec, conversion in Formatter().parse(self.key_template):
            if name is not None and (name not in _FIELDS or spec or conversion):
                fields = ", ".join(f"{{{field}}}" for field in _FIELDS)
                raise ValueError(f"use {fields}, and nothing else in braces")


def destinations(storage: Iterable[StorageBackend | Destination]) -> list[Destination]:
    """Return the destinations; a backend that was given no name gets its class's, numbered.

    Raise ConfigError if two were given the same name: the state of a delivery is kept by it.
    """
    found: list[Destination] = []
    for it in storage:
        destination = it if isinstance(it, Destination) else _named(it, found)
        if destination.name in {other.name for other in found}:
            raise ConfigError(
                f"two storage destinations are called {destination.name}; name them apart"
            )
        found.append(destination)
    return found


def _named(backend: object, others: Iterable[Destination]) -> Destination:
    if not isinstance(backend, StorageBackend):
        raise ConfigError(f"storage has {backend!r}; give StorageBackend or Destination objects")
    kind = type(backend).__name__.removesuffix("Backend").lower()
    taken = {other.name for other in others}
    names = (f"{kind}-{number}" if number > 1 else kind for number in count(1))
    return Destination(next(name for name in names if name not in taken), backend)
