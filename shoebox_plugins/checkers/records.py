"""Rolls by the number of records."""

from __future__ import annotations

from typing import ClassVar

from oslo_config import cfg

from shoebox.roll_checker import Archive, RollChecker, positive


class RecordsRollChecker(RollChecker):
    """Rolls when the archive holds `roll_records` records."""

    OPTIONS: ClassVar[tuple[cfg.Opt, ...]] = (
        cfg.IntOpt(
            "roll_records",
            default=1_000_000,
            min=1,
            help="Roll when the archive holds this many records.",
        ),
    )

    def __init__(self, *, roll_records: int = 1_000_000, **_: object) -> None:
        self._limit = positive("roll_records", roll_records)
        self.reason = f"records: {roll_records} reached"

    def check(self, archive: Archive) -> bool:
        """Compare the number of records with the limit."""
        return archive.records >= self._limit
