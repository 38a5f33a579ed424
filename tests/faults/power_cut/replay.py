"""What system calls do to a disk, and from when on a power cut can't take it back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.power_cut.disk import Change, Cut, Image, Named, Unnamed, Written
from tests.faults.power_cut.tracing import Call, content, text

_STANDARD_OUTPUT = "1"
_HERE = "AT_FDCWD"
_WITHOUT_FOLDER = {
    "open": "openat",
    "mkdir": "mkdirat",
    "rmdir": "unlinkat",
    "unlink": "unlinkat",
    "rename": "renameat",
    "link": "linkat",
}
"""Calls that name paths alone, and those that say which folder they begin in."""


@dataclass(frozen=True, slots=True)
class Synced:
    """The changes of these numbers are durable from here on."""

    changes: frozenset[int]


@dataclass(frozen=True, slots=True)
class Said:
    """The program has said that something is promised."""

    line: str


Event = Change | Synced | Said


@dataclass(frozen=True, slots=True)
class History:
    """What was there at the start, and all that happened then; events are numbered from 0."""

    start: Image
    events: list[Event]


@dataclass(slots=True)
class _Open:
    """What a descriptor stands for; its copies share it."""

    inode: int
    appends: bool
    position: int = 0


def replay(root: Path, start: Image, calls: Iterable[Call]) -> History:
    """Return what calls have done below a folder, in which `start` was before.

    A change is durable when a sync of its file or folder, that began after it, has ended: of
    a file's own name nothing is assumed.
    """
    replayed = _Replay(os.fspath(root), start)
    for call in calls:
        replayed.take(call)
    return History(start, replayed.events)


class _Replay:
    def __init__(self, root: str, start: Image) -> None:
        self.events: list[Event] = []
        self._root = root
        self._now = start.copy()
        self._inodes = max([*start.folders, *start.files])
        self._files: dict[int, _Open] = {}
        """By descriptor; all threads have the same."""
        self._unsynced: dict[int, tuple[int, int]] = {}
        """When each change was made, and where, of those that are not durable."""

    def take(self, call: Call) -> None:
        """Do what the call did; one that is not known here could do anything."""
        name, arguments = call.name, call.arguments
        if name in _WITHOUT_FOLDER:
            name = _WITHOUT_FOLDER[name]
            paths = arguments[:2] if name in {"renameat", "linkat"} else arguments[:1]
            folders = [part for path in paths for part in (_HERE, path)]
            arguments = (*folders, *arguments[len(paths) :])
        handlers: dict[str, Callable[[Call, Sequence[str]], None]] = {
            "clone": self._clone,
            "clone3": self._clone,
            "openat": self._openat,
            "close": self._close,
            "dup": self._dup,
            "dup2": self._dup,
            "dup3": self._dup,
            "fcntl": self._fcntl,
            "lseek": self._lseek,
            "read": self._read,
            "readv": self._read,
            "pread64": lambda _call, _arguments: None,
            "write": self._write,
            "writev": self._write,
            "ftruncate": self._ftruncate,
            "fsync": self._sync,
            "fdatasync": self._sync,
            "mkdirat": self._mkdirat,
            "unlinkat": self._unlinkat,
            "renameat": self._renameat,
            "renameat2": self._renameat,
            "linkat": self._linkat,
        }
        handlers[name](call, arguments)

    def _clone(self, _: Call, arguments: Sequence[str]) -> None:
        assert "CLONE_THREAD" in "".join(arguments), "a program that is recorded may not fork"

    def _openat(self, call: Call, arguments: Sequence[str]) -> None:
        self._files.pop(call.result, None)
        place = self._place(*arguments[:2])
        if place is None:
            return
        folder, name = place
        inode = self._now.folders[folder].get(name) if name else folder
        if inode is None:
            assert "O_CREAT" in arguments[2]
            inode = self._new_inode()
            self._now.files[inode] = b""
            self._change(call, Named(folder, name, inode))
        self._files[call.result] = _Open(inode, "O_APPEND" in arguments[2])

    def _close(self, _: Call, arguments: Sequence[str]) -> None:
        self._files.pop(int(arguments[0]), None)

    def _dup(self, call: Call, arguments: Sequence[str]) -> None:
        self._files.pop(call.result, None)
        if file := self._file(arguments):
            self._files[call.result] = file

    def _fcntl(self, call: Call, arguments: Sequence[str]) -> None:
        if arguments[1].startswith("F_DUPFD"):
            self._dup(call, arguments)

    def _lseek(self, call: Call, arguments: Sequence[str]) -> None:
        if file := self._file(arguments):
            file.position = call.result

    def _read(self, call: Call, arguments: Sequence[str]) -> None:
        if file := self._file(arguments):
            file.position += call.result

    def _write(self, call: Call, arguments: Sequence[str]) -> None:
        data = content(arguments[1])[: call.result]
        if arguments[0] == _STANDARD_OUTPUT:
            self.events += [Said(line) for line in data.decode().splitlines()]
        elif file := self._file(arguments):
            if file.appends:
                file.position = len(self._now.files[file.inode])
            self._change(call, Written(file.inode, file.position, data))
            file.position += call.result

    def _ftruncate(self, call: Call, arguments: Sequence[str]) -> None:
        if file := self._file(arguments):
            self._change(call, Cut(file.inode, int(arguments[1])))

    def _sync(self, call: Call, arguments: Sequence[str]) -> None:
        if file := self._file(arguments):
            durable = frozenset(
                number
                for number, (ended, place) in self._unsynced.items()
                if place == file.inode and ended < call.began
            )
            for number in durable:
                del self._unsynced[number]
            self.events.append(Synced(durable))

    def _mkdirat(self, call: Call, arguments: Sequence[str]) -> None:
        if place := self._place(*arguments[:2]):
            self._change(call, Named(*place, self._new_inode(), is_folder=True))

    def _unlinkat(self, call: Call, arguments: Sequence[str]) -> None:
        if place := self._place(*arguments[:2]):
            self._change(call, Unnamed(*place))

    def _renameat(self, call: Call, arguments: Sequence[str]) -> None:
        before, after = self._place(*arguments[:2]), self._place(*arguments[2:4])
        if before and after:
            assert before[0] == after[0], "a rename from folder to folder is two changes"
            inode = self._now.folders[before[0]][before[1]]
            self._change(call, Named(*after, inode, before[1]))

    def _linkat(self, call: Call, arguments: Sequence[str]) -> None:
        before, after = self._place(*arguments[:2]), self._place(*arguments[2:4])
        if before and after:
            self._change(call, Named(*after, self._now.folders[before[0]][before[1]]))

    def _change(self, call: Call, change: Change) -> None:
        self._now.apply(change)
        self._unsynced[len(self.events)] = call.ended, change.place
        self.events.append(change)

    def _file(self, arguments: Sequence[str]) -> _Open | None:
        return self._files.get(int(arguments[0], 0))

    def _new_inode(self) -> int:
        self._inodes += 1
        return self._inodes

    def _place(self, folder: str, path: str) -> tuple[int, str] | None:
        """Return the folder's inode and the last name of a path; None if it leads elsewhere."""
        name = text(path)
        if name.startswith("/"):
            below = f"{name}/".removeprefix(f"{self._root}/")
            if below == f"{name}/":
                return None
            inode = 0
        elif folder != _HERE and (file := self._files.get(int(folder))):
            below, inode = name, file.inode
        else:
            return None
        *above, last = [part for part in below.split("/") if part not in {"", "."}] or [""]
        for part in above:
            inode = self._now.folders[inode][part]
        return inode, last
