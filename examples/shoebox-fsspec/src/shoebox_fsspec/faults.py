"""What a driver raises, as what a backend may raise."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from shoebox.errors import (
    ObjectNotFound,
    StorageDenied,
    StorageError,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.storage import shown

Kinds = Mapping[int, type[StorageError]]
"""By the number of the operating system; every other one is StorageUnavailable."""

_ANYTIME: Kinds = {
    errno.EACCES: StorageDenied,
    errno.EPERM: StorageDenied,
    errno.EROFS: StorageDenied,
}
PUTTING: Kinds = {
    **_ANYTIME,
    errno.ENAMETOOLONG: StorageRejected,
    errno.EFBIG: StorageRejected,
    errno.EEXIST: StorageRejected,  # a part of the key is an object
    errno.ENOTDIR: StorageRejected,  # the same
    errno.EISDIR: StorageRejected,  # the key is a folder
}
FINDING: Kinds = {
    **_ANYTIME,
    errno.ENAMETOOLONG: ObjectNotFound,
    errno.ENOENT: ObjectNotFound,
    errno.ENOTDIR: ObjectNotFound,
    errno.EISDIR: ObjectNotFound,
}
CONNECTING: Kinds = {
    **_ANYTIME,
    errno.ENOENT: StorageDenied,  # the file of a key or a certificate
    errno.EINVAL: StorageDenied,  # options that the driver can't use
}

_CLASSES: Mapping[type, int] = {
    TypeError: errno.EINVAL,
    ValueError: errno.EINVAL,
    FileNotFoundError: errno.ENOENT,
    PermissionError: errno.EACCES,
    FileExistsError: errno.EEXIST,
    NotADirectoryError: errno.ENOTDIR,
    IsADirectoryError: errno.EISDIR,
}
_STATUSES: Mapping[int, int] = {401: errno.EACCES, 403: errno.EACCES, 404: errno.ENOENT}
_REFUSALS = frozenset({"AuthenticationException", "BadHostKeyException"})
"""Of paramiko, which is not imported where it isn't used."""

_REMEDIES: Mapping[type[StorageError], str] = {
    StorageDenied: "check the credentials, the options and what they permit",
    StorageRejected: "change the key_template, or remove what is in its way",
    ObjectNotFound: "there is no such object",
    StorageUnavailable: "look at the service and at the folder there; it is tried again",
}


@contextmanager
def translated(what: str, kinds: Kinds) -> Iterator[None]:
    """Raise what a backend may raise in place of what the driver did."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        kind = kinds.get(_number(error), StorageUnavailable)
        said = shown(str(error) or type(error).__name__)
        raise kind(f"{what}: {said}; {_REMEDIES[kind]}") from error


def _number(error: Exception) -> int:
    """Return the operating system's number for it, 0 if there is none.

    Drivers raise OSErrors that have only a class, and errors of HTTP that have a status.
    """
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        return number
    for kind in type(error).__mro__:
        if kind in _CLASSES:
            return _CLASSES[kind]
        if kind.__name__ in _REFUSALS:
            return errno.EACCES
    return next((_STATUSES[it] for it in _statuses(error) if it in _STATUSES), 0)


def _statuses(error: Exception) -> Iterator[int]:
    for name in ("status_code", "status", "code"):
        status = getattr(error, name, None)
        if isinstance(status, int):
            yield status
