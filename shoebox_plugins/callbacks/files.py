"""Callbacks that do something to the sealed archive's file.

None overwrites anything: where a name is taken, be it by a state of another archive,
the next free one with `-0001` and so on before its extension is used. Each may be killed
at any point and run again: the archive is whole under one of its names at every moment.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, cast

import zstandard
from isal import igzip
from isal.igzip_lib import IsalError
from oslo_config import cfg

from shoebox.callback import Callback
from shoebox.errors import ConfigError, DurabilityError
from shoebox.files import (
    ASIDE,
    FOLDER_MODE,
    NO_FILE,
    OPEN,
    Directory,
    copy,
    drafting,
    temporary_name,
)

_EXTENSION = re.compile(r"\.?[A-Za-z0-9_=+-][A-Za-z0-9._=+-]*")
# What a spool takes for something else than a sealed archive.
_SPOOL_STATES = frozenset(state.removeprefix(".") for state in (OPEN, *ASIDE))


class ChangeExtensionCallback(Callback):
    """Gives the archive another extension, with or without its dot: `done` and `.done` are one."""

    OPTIONS: ClassVar[tuple[cfg.Opt, ...]] = (
        cfg.StrOpt(
            "new_extension",
            default="done",
            help="The extension that a sealed archive gets in place of its own.",
        ),
    )

    def __init__(self, *, new_extension: str = "done", **_: object) -> None:
        bare = new_extension.removeprefix(".")
        if not _EXTENSION.fullmatch(new_extension) or bare.rpartition(".")[2] in _SPOOL_STATES:
            raise ConfigError(
                f"new_extension = {new_extension!r}: give letters, digits and _ = + -, and none "
                f"of {', '.join(sorted(_SPOOL_STATES))}"
            )
        self._suffix = f".{bare}"

    def on_close(self, path: Path) -> Path:
        """Rename the archive where it is."""
        stem, _ = os.path.splitext(path.name)  # noqa: PTH122  (Path.stem keeps a last dot)
        return _move(path, path.parent, stem.rstrip(".") + self._suffix)


class MoveFileCallback(Callback):
    """Moves the archive to a folder, which may be on another device.

    The folder is made, 0700, if its parent is there.
    """

    keeps_file = False

    OPTIONS: ClassVar[tuple[cfg.Opt, ...]] = (
        cfg.StrOpt(
            "destination_folder",
            required=True,
            sample_default="/var/spool/shoebox-done",
            help="The folder that sealed archives are moved to.",
        ),
    )

    def __init__(self, *, destination_folder: str | os.PathLike[str], **_: object) -> None:
        self._folder = Path(destination_folder).absolute()

    def on_close(self, path: Path) -> Path:
        """Move the archive."""
        if not self._folder.is_dir():
            self._folder.mkdir(FOLDER_MODE, exist_ok=True)  # another process may be as far
            with Directory(self._folder.parent) as parent:
                parent.sync()
        return _move(path, self._folder, path.name)


class DeleteFileCallback(Callback):
    """Deletes the archive; put it last, since none after it finds a file."""

    keeps_file = False

    OPTIONS: ClassVar[tuple[cfg.Opt, ...]] = ()

    def __init__(self, **_: object) -> None:
        """Take no option."""

    def on_close(self, path: Path) -> None:
        """Delete the archive."""
        with Directory(path.parent) as directory:
            directory.remove(path.name)
            directory.sync()


class CompressFileCallback(Callback):
    """Compresses the whole archive into a file with `.gz` or `.zst` after its name.

    The archive is removed when the compressed file is durable and was read back.
    Memory doesn't grow with the archive.
    """

    OPTIONS: ClassVar[tuple[cfg.Opt, ...]] = (
        cfg.StrOpt(
            "compression",
            default="zstd",
            choices=("gzip", "zstd"),
            help="How the whole file is compressed; worth it for archives written with none.",
        ),
    )

    def __init__(self, *, compression: str = "zstd", **_: object) -> None:
        if compression not in _CODECS:
            raise ConfigError(f"compression = {compression!r}: give one of {', '.join(_CODECS)}")
        self._codec = _CODECS[compression]

    def on_close(self, path: Path) -> Path:
        """Compress the archive where it is; one that is compressed already is left as it is."""
        with Directory(path.parent) as directory:
            if directory.read(path.name, 4).startswith(_COMPRESSED):
                return path
            with directory.reading(path.name) as file:
                taken = _copy(file, directory, path.name + self._codec.suffix, self._codec)
            directory.remove(path.name)
            directory.sync()
        return path.parent / taken


@dataclass(frozen=True)
class _Codec:
    """How a copy is written, and read back to compare it."""

    suffix: str
    errors: tuple[type[Exception], ...]
    writer: Callable[[BinaryIO], AbstractContextManager[BinaryIO]]
    reader: Callable[[BinaryIO], AbstractContextManager[BinaryIO]]


def _gzip_writer(file: BinaryIO) -> BinaryIO:
    # Neither time nor name, so that the same archive gives the same file.
    packed = igzip.IGzipFile(filename="", mode="wb", fileobj=file, mtime=0)  # type: ignore[no-untyped-call]
    return cast("BinaryIO", packed)


def _gzip_reader(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", igzip.IGzipFile(mode="rb", fileobj=file))  # type: ignore[no-untyped-call]


def _zstd_writer(file: BinaryIO) -> BinaryIO:
    compressor = zstandard.ZstdCompressor(write_checksum=True)
    return compressor.stream_writer(file, closefd=False)


def _zstd_reader(file: BinaryIO) -> BinaryIO:
    return zstandard.ZstdDecompressor().stream_reader(file, closefd=False)


_COMPRESSED = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
"""What gzip and zstd files begin with."""

# Its stub calls the class an instance.
_GZIP_ERROR = cast("type[Exception]", IsalError)
_PLAIN = _Codec("", (), nullcontext, nullcontext)
_CODECS = {
    "gzip": _Codec(".gz", (gzip.BadGzipFile, EOFError, _GZIP_ERROR), _gzip_writer, _gzip_reader),
    "zstd": _Codec(".zst", (zstandard.ZstdError,), _zstd_writer, _zstd_reader),
}
_NOT_THERE = NO_FILE | {errno.ENOENT}
"""What is met where a name is free, or that of something else than a file."""


def _move(path: Path, folder: Path, name: str) -> Path:
    with Directory(path.parent) as source, Directory(folder) as target:
        if name == path.name and os.path.samestat(os.fstat(source.fd), os.fstat(target.fd)):
            return path
        taken = _link_or_copy(source, path.name, target, name)
        source.remove(path.name)
        source.sync()
    return folder / taken


def _link_or_copy(source: Directory, name: str, target: Directory, wanted: str) -> str:
    with source.reading(name) as file:
        try:
            taken = target.link_free(source, name, wanted)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return _copy(file, target, wanted, _PLAIN)
        _sync(target, taken, file)
        return taken


def _copy(file: BinaryIO, target: Directory, wanted: str, codec: _Codec) -> str:
    """Return the name in `target` of the file's durable copy, compared with the file."""
    sha256 = _sha256(file)
    if _is_there(target, wanted, sha256, codec):
        return wanted
    file.seek(0)
    draft = temporary_name()
    with drafting(target, draft) as copied:
        with codec.writer(copied) as packed:
            copy(file, packed)
        copied.flush()
        os.fsync(copied.fileno())
        if not _holds(copied, sha256, codec):
            raise DurabilityError(
                f"{target.path / wanted}: the copy does not read back as the archive, which "
                "stays as it is: check the disk"
            )
        taken = target.link_free(target, draft, wanted)
        target.remove(draft)
        _sync(target, taken, copied)
    return taken


def _is_there(directory: Directory, name: str, sha256: str, codec: _Codec) -> bool:
    """Tell whether an earlier try, which was killed, came to its end; make it durable.

    What can't be read just now may be that: raise OSError, so that it is tried again.
    """
    try:
        there = directory.reading(name)
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
        return False
    with there:
        same = _holds(there, sha256, codec)
        if same:
            _sync(directory, name, there)
    return same


def _holds(file: BinaryIO, sha256: str, codec: _Codec) -> bool:
    """Tell whether the file decodes to bytes of this checksum."""
    file.seek(0)
    try:
        with codec.reader(file) as decoded:
            return _sha256(decoded) == sha256
    except codec.errors:
        return False


def _sha256(file: BinaryIO) -> str:
    return hashlib.file_digest(cast("io.BufferedReader", file), "sha256").hexdigest()


def _sync(directory: Directory, name: str, file: BinaryIO) -> None:
    """Make a file durable under its new name, or take that back.

    The archive stays then, and the next try begins anew: a second sync promises nothing.
    """
    with directory.removing_on_error(name, file.fileno()):
        os.fsync(file.fileno())
        directory.sync()
