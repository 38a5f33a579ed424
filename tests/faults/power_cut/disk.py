"""A disk as folders of names and files of bytes, and the changes that are made to it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = 0
"""The inode of the folder that all of it is in."""


@dataclass(frozen=True, slots=True)
class Named:
    """A file or a folder gets a name in a folder, and loses the one that it had there before."""

    place: int
    name: str
    inode: int
    before: str | None = None
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A name is removed from a folder."""

    place: int
    name: str


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes are written into a file."""

    place: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A file is given a size."""

    place: int
    size: int


Change = Named | Unnamed | Written | Cut
"""`place` is the inode of the folder or file that a sync of makes it durable."""


@dataclass
class Image:
    """Folders as tables of names, and files as their bytes, both by inode."""

    folders: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})
    files: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path) -> Image:
        """Return what is below a folder; what has two names is one inode."""
        image = cls()
        known = {root.lstat().st_ino: ROOT}
        for path in sorted(root.rglob("*")):
            status = path.lstat()
            inode = known.setdefault(status.st_ino, len(known))
            image.folders[known[path.parent.lstat().st_ino]][path.name] = inode
            if stat.S_ISDIR(status.st_mode):
                image.folders[inode] = {}
            else:
                image.files[inode] = path.read_bytes()
        return image

    def copy(self) -> Image:
        """Return one that can be changed by itself."""
        return Image({it: dict(names) for it, names in self.folders.items()}, dict(self.files))

    def apply(self, change: Change) -> None:
        """Make a change, whatever of those before it is missing."""
        if isinstance(change, Named):
            names = self.folders.setdefault(change.place, {})
            if change.before is not None and names.get(change.before) == change.inode:
                del names[change.before]
            names[change.name] = change.inode
            if change.is_folder:
                self.folders.setdefault(change.inode, {})
        elif isinstance(change, Unnamed):
            self.folders.setdefault(change.place, {}).pop(change.name, None)
        elif isinstance(change, Written):
            there = self.files.get(change.place, b"")
            end = change.offset + len(change.data)
            head = there[: change.offset].ljust(change.offset, b"\0")
            self.files[change.place] = head + change.data + there[end:]
        else:
            there = self.files.get(change.place, b"")
            self.files[change.place] = there[: change.size].ljust(change.size, b"\0")

    def paths(self, folder: int = ROOT, above: str = "") -> Iterator[tuple[str, int]]:
        """Yield the path and inode of all that has a name, folders before what is in them."""
        for name, inode in sorted(self.folders[folder].items()):
            yield above + name, inode
            if inode in self.folders:
                yield from self.paths(inode, f"{above}{name}/")

    def digest(self) -> bytes:
        """Return what differs for images whose paths, contents or second names differ."""
        first: dict[int, int] = {}
        digest = hashlib.sha256()
        for number, (path, inode) in enumerate(self.paths()):
            content = b"" if inode in self.folders else self.files.get(inode, b"")
            which = (path, inode in self.folders, first.setdefault(inode, number), len(content))
            digest.update(repr(which).encode() + content)
        return digest.digest()

    def write_to(self, root: Path) -> None:
        """Make all of it below an empty folder."""
        made: dict[int, Path] = {}
        for name, inode in self.paths():
            path = root / name
            if inode in self.folders:
                path.mkdir(0o700)
            elif inode in made:
                os.link(made[inode], path)
            else:
                path.write_bytes(self.files.get(inode, b""))
                made[inode] = path
