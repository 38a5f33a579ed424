"""The tree of exceptions: what each is besides, and what it carries."""

import inspect
import pickle

import pytest

from shoebox import errors
from shoebox.archive import Fault
from shoebox.errors import (
    ArchiveError,
    ConfigError,
    DurabilityError,
    ObjectNotFound,
    PluginError,
    ShoeboxError,
    StorageError,
    StorageUnavailable,
)

EVERY = [it for _, it in inspect.getmembers(errors, inspect.isclass)]
BUILTINS = {
    "ArchiveError": ValueError,
    "ConfigError": ValueError,
    "DurabilityError": OSError,
    "FormatError": ValueError,
    "InvalidName": ValueError,
    "NoMoreFiles": EOFError,
    "NoValidFile": FileNotFoundError,
    "ArchiveGone": OSError,
    "NotOurs": OSError,
    "ObjectNotFound": KeyError,
    "PluginError": ValueError,
    "RecordTypeError": TypeError,
    "ReentrantCall": RuntimeError,
    "RecordValueError": ValueError,
    "SpoolFull": OSError,
    "StorageDenied": PermissionError,
    "StorageUnavailable": ConnectionError,
    "WriterClosed": ValueError,
}
STORAGE = {
    "KeyCollision",
    "ObjectNotFound",
    "StorageDenied",
    "StorageRejected",
    "StorageUnavailable",
}


@pytest.mark.parametrize("error", EVERY)
def test_everything_is_caught_by_the_root_and_is_the_builtin_that_a_caller_expects(error):
    """And no other: whoever catches OSError for the disk does not catch a bad value."""
    assert issubclass(error, ShoeboxError)
    named = [it.__name__ for it in error.__mro__ if it.__name__ in BUILTINS]
    wanted = BUILTINS[named[0]] if named else Exception
    others = (TypeError, ValueError, OSError, EOFError, LookupError)
    assert issubclass(error, wanted)
    assert [it for it in others if issubclass(error, it)] == [
        it for it in others if issubclass(wanted, it)
    ]


@pytest.mark.parametrize("error", EVERY)
def test_each_says_in_a_sentence_when_it_is_raised(error):
    first, *_ = error.__doc__.splitlines()
    assert len(first) > 20


def test_a_backend_may_raise_five_kinds():
    """A plugin that can't be used is a matter of configuration."""
    found = {it.__name__ for it in EVERY if issubclass(it, StorageError)} - {"StorageError"}
    assert found == STORAGE
    assert issubclass(PluginError, ConfigError)


@pytest.mark.parametrize("error", [it for it in EVERY if it is not ArchiveError])
def test_the_message_is_shown_as_it_was_given(error):
    """ObjectNotFound too, although a KeyError would put it into quotes."""
    message = "hot: there is no object 'a/b'; list the prefix"
    assert str(error(message)) == message


def test_an_object_that_is_not_found_is_a_key_error_without_its_quotes():
    with pytest.raises(KeyError) as caught:
        raise ObjectNotFound("no object 'a'")
    assert str(caught.value) == "no object 'a'"


def test_a_failed_sync_says_how_many_records_are_in_doubt():
    assert DurabilityError("x").in_doubt == 0
    assert DurabilityError("x", in_doubt=3).in_doubt == 3


def test_an_unreachable_service_may_say_when_to_come_back():
    assert StorageUnavailable("x").retry_after is None
    assert StorageUnavailable("x", retry_after=0.0).retry_after == 0.0


def test_a_bad_archive_has_its_fault_and_shows_it():
    fault = Fault("a.events", "corrupt", 10, 20, "checksum")
    assert ArchiveError(fault).fault is fault
    assert str(ArchiveError(fault)) == str(fault)


@pytest.mark.parametrize("error", [DurabilityError("x", 3), StorageUnavailable("x", 1.5)])
def test_what_an_error_carries_passes_between_processes(error):
    found = pickle.loads(pickle.dumps(error))  # noqa: S301 - it is our own
    assert (type(found), str(found), vars(found)) == (type(error), "x", vars(error))
