"""Small archives, written and read whole: what tests of reading stand on."""

from shoebox.archive import ArchiveWriter
from shoebox.roll_manager import ReadingRollManager


def write(directory, name, items, **options):
    """Write one sealed archive; return its path."""
    with ArchiveWriter(directory / name, **options) as writer:
        for item in items:
            writer.write({"n": item}, item)
    return writer.path


def write_blocks(directory, name, blocks, **options):
    """Write one sealed archive with these blocks; return its path."""
    with ArchiveWriter(directory / name, **options) as writer:
        for block in blocks:
            for item in block:
                writer.write({"n": item}, item)
            writer.flush()
    return writer.path


def read(sources, directory=".", **options):
    """Return the payloads of all records."""
    with ReadingRollManager(sources, directory, **options) as manager:
        return [payload for _, payload in manager]
