"""Whatever a driver raises is one of the errors that a backend may raise."""

import errno

import paramiko
import pytest

from shoebox.errors import (
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageRejected,
    StorageUnavailable,
)
from shoebox_fsspec.faults import FINDING, PUTTING, translated


class HttpError(Exception):
    """As the drivers of clouds raise them."""

    def __init__(self, status):
        super().__init__("no")
        self.status = status


@pytest.mark.parametrize(
    ("error", "putting", "finding"),
    [
        (FileNotFoundError("no errno"), StorageUnavailable, ObjectNotFound),
        (OSError(errno.ENOENT, "no class"), StorageUnavailable, ObjectNotFound),
        (NotADirectoryError("a"), StorageRejected, ObjectNotFound),
        (OSError(errno.ENAMETOOLONG, "a"), StorageRejected, ObjectNotFound),
        (PermissionError("no"), StorageDenied, StorageDenied),
        (OSError(errno.EROFS, "no"), StorageDenied, StorageDenied),
        (OSError(errno.ENOSPC, "full"), StorageUnavailable, StorageUnavailable),
        (OSError("Failure"), StorageUnavailable, StorageUnavailable),
        (EOFError(), StorageUnavailable, StorageUnavailable),
        (TimeoutError(), StorageUnavailable, StorageUnavailable),
        (paramiko.SSHException("dropped"), StorageUnavailable, StorageUnavailable),
        (paramiko.AuthenticationException("no"), StorageDenied, StorageDenied),
        (HttpError(403), StorageDenied, StorageDenied),
        (HttpError(404), StorageUnavailable, ObjectNotFound),
        (HttpError(503), StorageUnavailable, StorageUnavailable),
        (KeyCollision("ours"), KeyCollision, KeyCollision),
    ],
    ids=repr,
)
def test_each_error_has_its_kind(error, putting, finding):
    for kinds, expected in ((PUTTING, putting), (FINDING, finding)):
        with pytest.raises(expected) as caught, translated("/srv/key", kinds):
            raise error
        assert type(caught.value) is expected


def test_a_message_is_escaped_and_says_what_to_do():
    with (
        pytest.raises(StorageUnavailable, match=r"/srv/key: 'a\\nb'; look at"),
        translated("/srv/key", PUTTING),
    ):
        raise OSError("a\nb")
