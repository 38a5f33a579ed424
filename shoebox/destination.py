"""A backend as a destination of archives: its name, and how it calls them."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import count
from string import Formatter

from shoebox.errors import ConfigError
from shoebox.storage import StorageBackend, shown, validate_key

_FIELDS = frozenset({"stem", "id", "suffix", "name"})


@dataclass(frozen=True)
class Destination:
    """A backend under the name that the configuration gives it, and how its keys are made.

    `key_template` may use {stem} and {suffix} (the archive's name up to its last dot,
    and the rest), {name} (both) and {id} (the archive's id).
    """

    name: str
    backend: StorageBackend
    key_template: str = "{stem}-{id}{suffix}"
    reopen: Callable[[], StorageBackend] | None = None
    """Builds the backend anew, for a forked child, which can't use its parent's."""

    def reopened(self) -> Destination:
        """Return the destination with connections of its own."""
        return self if self.reopen is None else replace(self, backend=self.reopen())

    def __post_init__(self) -> None:
        """Refuse at once a template that no archive could be shipped with."""
        try:
            self._check_fields()
            self.key("archive.events", "0")
        except ValueError as error:
            raise ConfigError(
                f"storage {self.name}: key_template = {shown(self.key_template)}: {error}"
            ) from error

    def key(self, name: str, archive_id: str) -> str:
        """Return the archive's key, the same each time; raise InvalidName if it can't be one."""
        stem, suffix = os.path.splitext(name)  # noqa: PTH122  (Path.suffix drops a last dot)
        return validate_key(
            self.key_template.format(stem=stem, suffix=suffix, name=name, id=archive_id)
        )

    def _check_fields(self) -> None:
        for _, name, spec, conversion in Formatter().parse(self.key_template):
            if name is not None and (name not in _FIELDS or spec or conversion):
                raise ValueError(
                    "use {stem}, {suffix}, {name} and {id}, and nothing else in braces"
                )


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
