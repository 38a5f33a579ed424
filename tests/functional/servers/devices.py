"""Folders for what Swift stores, where files may have attributes as large as it needs."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.functional.servers import environments

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of our own is made in it)
ATTRIBUTE = bytes(1 << 14)
"""As much as the metadata of any object of ours takes; ext4 holds a fourth of it."""
ROOM = 2 << 30
"""Bytes that the largest of the tests may store."""


@contextmanager
def device() -> Iterator[Path]:
    """Make a folder for a while: in memory where that can hold it, else in the cache."""
    parent = SHARED_MEMORY if _suits(SHARED_MEMORY) else environments.cache()
    folder = Path(tempfile.mkdtemp(prefix="shoebox-swift-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _suits(parent: Path) -> bool:
    """Tell whether there is room for data and attributes, which tmpfs has since Linux 6.6."""
    if not os.access(parent, os.W_OK) or shutil.disk_usage(parent).free < ROOM:
        return False
    with tempfile.NamedTemporaryFile(dir=parent) as file:
        try:
            os.setxattr(file.name, "user.shoebox", ATTRIBUTE)
        except OSError:
            return False
    return True
