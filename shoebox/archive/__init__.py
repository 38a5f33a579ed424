"""One archive: write it, read it whatever state it is in, recover it."""

from shoebox.archive.header import Header
from shoebox.archive.identity import Identity, identify
from shoebox.archive.reader import ArchiveReader
from shoebox.archive.record import Fault, Position, Record
from shoebox.archive.recovery import Recovery, recover, recover_all
from shoebox.archive.writer import ArchiveWriter

__all__ = [
    "ArchiveReader",
    "ArchiveWriter",
    "Fault",
    "Header",
    "Identity",
    "Position",
    "Record",
    "Recovery",
    "identify",
    "recover",
    "recover_all",
]
