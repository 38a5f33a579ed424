"""The options that select records, for the commands that have them."""

from __future__ import annotations

import argparse
from typing import TypedDict

from shoebox.cli import arguments
from shoebox.selection import Glob, Time


class Selected(TypedDict):
    """What a reader is asked for."""

    where: list[tuple[str, Glob]]
    since: Time | None
    until: Time | None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add `--where`, `--since`, `--until` and `--limit`."""
    add = parser.add_argument
    add(
        "--where",
        action="append",
        default=[],
        type=arguments.condition,
        metavar="KEY=GLOB",
        help="only records with such metadata, or with KEY!=GLOB those without; of several "
        "all must match",
    )
    when = "ISO 8601, in UTC where it names no time zone, or nanoseconds since the epoch"
    add("--since", type=arguments.time, metavar="TIME", help=f"not those before: {when}")
    add("--until", type=arguments.time, metavar="TIME", help="only those before")
    add("--limit", type=arguments.amount, metavar="N", help="at most so many records")


def selected(args: argparse.Namespace) -> Selected:
    """Return what the options say."""
    return Selected(where=list(args.where), since=args.since, until=args.until)
