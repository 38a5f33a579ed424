"""Progress bars, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Advance(Protocol):
    """What moves a bar on."""

    def __call__(self, size: int, label: str | None = None, /) -> None:
        """Move it on by a number of bytes, and have the label stand before it if one is given."""


@contextmanager
def progress(label: str, total: int | None, *, quiet: bool) -> Iterator[Advance]:
    """Yield a function that moves a bar on; None is an unknown total."""
    if quiet or not sys.stderr.isatty():
        yield lambda _size, _label=None: None
        return
    from rich import progress as bars  # noqa: PLC0415 - slow to import
    from rich.console import Console  # noqa: PLC0415 - the same

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn(binary_units=True),
        bars.TransferSpeedColumn(),
        bars.TimeElapsedColumn(),
    )
    # What is printed to a terminal must not run into the bar, nor what goes elsewhere into it.
    bar = bars.Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda size, label=None: bar.update(task, advance=size, description=label)
