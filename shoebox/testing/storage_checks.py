"""The checks that hold a storage backend to its duties, for pytest and for a command.

Each is a function that takes a `Subject` over something empty, raises `Failed` (or what
the backend raised) if a duty is not kept, and else returns what was seen.
"""

from __future__ import annotations

from collections.abc import Callable

from shoebox.testing import fault_checks, put_checks, read_checks, use_checks
from shoebox.testing.subject import Failed, Subject

__all__ = ["DENIED", "DUTIES", "PARTS", "RACE", "UNAVAILABLE", "Check", "Failed", "Subject"]

Check = Callable[[Subject], str]

PARTS: tuple[Check, ...] = (
    put_checks.a_file,
    put_checks.metadata,
    put_checks.other_content,
    put_checks.equal_content,
    put_checks.a_strangers_object,
    put_checks.a_wrong_checksum,
    put_checks.a_file_that_is_cut,
    read_checks.a_strangers_object_is_read,
    read_checks.a_get_is_whole,
    read_checks.ranges,
    use_checks.many_threads_put_the_same,
)
"""Those that also hold for a file that is put in parts."""

DUTIES: tuple[Check, ...] = (
    use_checks.a_tolerant_constructor,
    put_checks.an_empty_file,
    put_checks.one_byte,
    *PARTS,
    put_checks.odd_keys,
    use_checks.hostile_keys,
    put_checks.refused_metadata,
    put_checks.a_missing_file,
    read_checks.missing,
    read_checks.a_delete,
    read_checks.a_get_replaces_nothing,
    read_checks.a_list,
    read_checks.a_long_list,
    use_checks.many_threads,
    use_checks.closed_twice,
)
"""Those that every backend passes."""

RACE: tuple[Check, ...] = (use_checks.many_threads_put_different,)
"""Those of a service that can itself refuse to replace an object."""

DENIED: tuple[Check, ...] = (
    fault_checks.a_put_is_denied,
    fault_checks.a_delete_is_denied,
    fault_checks.a_read_is_denied_or_right,
)
"""Those of a backend whose credentials may neither write nor delete."""

UNAVAILABLE: tuple[Check, ...] = (fault_checks.everything_is_unavailable,)
"""Those of a backend whose service can't be reached."""
