"""Rolls by the size of the file."""

from __future__ import annotations

from typing import ClassVar

from oslo_config import cfg

from shoebox.roll_checker import Archive, RollChecker, positive

MIB = 2**20


class SizeRollChecker(RollChecker):
    """Rolls when the archive's file has reached `roll_size_mb` x 2**20 bytes."""

    OPTIONS: ClassVar[tuple[cfg.Opt, ...]] = (
        cfg.FloatOpt(
            "roll_size_mb",
            default=100.0,
            min=0.001,
            help="Roll when the file has this many MB (2**20 bytes); fractions are allowed.",
        ),
    )

    def __init__(self, *, roll_size_mb: float = 100.0, **_: object) -> None:
        self._limit = positive("roll_size_mb", roll_size_mb) * MIB
        self.reason = f"size: {roll_size_mb:g} MB reached"

    def check(self, archive: Archive) -> bool:
        """Compare the size with the limit."""
        return archive.size >= self._limit
