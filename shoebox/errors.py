"""Every exception that shoebox raises, under `ShoeboxError`.

A message says what happened, to what, and what to do. Whatever names and texts of others are
in it, it can be logged and shown. Where a caller expects a builtin (`ValueError` for a bad
value, `OSError` for a disk), the class is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shoebox.escaping import sentence

if TYPE_CHECKING:
    from shoebox.archive import Fault


class ShoeboxError(Exception):
    """The root: catch it to catch everything that shoebox raises.

    Of several messages each is a line of its text.
    """

    def __str__(self) -> str:
        return "\n".join(map(sentence, self.args))


class RecordTypeError(ShoeboxError, TypeError):
    """A record's metadata or payload is of a type that an archive can't hold."""


class RecordValueError(ShoeboxError, ValueError):
    """A record's metadata, payload or timestamp is over a limit or can't be encoded."""


class InvalidName(ShoeboxError, ValueError):
    """A template, file name or key that could leave its directory or can't be stored."""


class BadWorkingDirectory(ShoeboxError):
    """The spool directory is missing, not a directory, or not safe to write in."""


class WriterClosed(ShoeboxError, ValueError):
    """A write to a writer that has been closed."""


class DurabilityError(ShoeboxError, OSError):
    """The disk refused to write or sync; `in_doubt` records may be lost in a power cut."""

    def __init__(self, message: str, in_doubt: int = 0) -> None:
        super().__init__(message)
        self.in_doubt = in_doubt


class SpoolFull(ShoeboxError, OSError):
    """The spool holds as many bytes as it may; the record was not taken."""


class SpoolTooSmall(SpoolFull):
    """The record alone is more than the spool may ever hold; it is in vain to try again."""


class ReentrantCall(ShoeboxError, RuntimeError):
    """A call of a writer out of one of its own that it has interrupted; nothing was done."""


class NoMoreFiles(ShoeboxError, EOFError):
    """Every record of every archive has been read."""


class NoValidFile(ShoeboxError, FileNotFoundError):
    """Nothing that matches is an archive that can be read."""


class FormatError(ShoeboxError, ValueError):
    """Bytes that do not follow the format; readers turn it into a fault with its place."""


class Cut(FormatError):
    """A frame that goes on beyond the end of the file."""


class NoFrame(FormatError):
    """Bytes that no frame begins with."""


class UnknownVersion(FormatError):
    """A frame of a version that is not known."""


class ArchiveError(ShoeboxError, ValueError):
    """Bytes that are not what an archive should hold; `fault` says where and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class NotOurs(ShoeboxError, OSError):
    """What lies under a name of ours is no file; it was left alone."""


class ArchiveGone(ShoeboxError, OSError):
    """An open archive was taken out of its spool, or removed there, by somebody else."""


class RecoveryError(ShoeboxError):
    """An abandoned archive could not be recovered; it was left as it is."""


class StorageError(ShoeboxError):
    """The root of what a storage backend may raise."""


class ObjectNotFound(StorageError, KeyError):
    """No object has this key."""

    __str__ = ShoeboxError.__str__


class StorageDenied(StorageError, PermissionError):
    """The service refused the credentials, or what they may do."""


class StorageRejected(StorageError):
    """The service refused this object, for good."""


class KeyCollision(StorageError):
    """The key is taken by an object with other content; nothing was replaced."""


class StorageUnavailable(StorageError, ConnectionError):
    """The service can't be reached or is overloaded: the only error that is retried.

    `retry_after` is the number of seconds that the service asked to be left alone.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ConfigError(ShoeboxError, ValueError):
    """The configuration can't be used; the message names the section and the key."""


class PluginError(ConfigError):
    """A plugin that was asked for can't be used; the message names its package."""
