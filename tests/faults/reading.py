"""What is there after a fault: every record, once by its identity, with no hole."""

from collections import defaultdict

from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager
from shoebox_plugins.storage.local import LocalBackend

TEMPLATE = "%Y%m%d_%f.events"
CLOSE = 60
"""Seconds that a start without a fault has to ship what is left."""


def records(*directories, pattern="*.events*"):
    """Return every record that can be read; nothing may be at fault."""
    found = []
    for directory in directories:
        with ReadingRollManager(pattern, directory) as reader:
            found += list(reader.records())
            assert reader.faults == []
    return found


def once_by_identity(found):
    """Return the payloads, after making sure that a number stands for one record."""
    by_identity = {}
    for record in found:
        identity = record.writer, record.sequence
        assert by_identity.setdefault(identity, record.payload) == record.payload
    payloads = list(by_identity.values())
    assert len(payloads) == len(set(payloads)), "a record has two numbers"
    return payloads


def without_a_hole(found):
    """Make sure that what is there of each writer are all numbers up to the last."""
    numbers = defaultdict(set)
    for record in found:
        numbers[record.writer].add(record.sequence)
    for some in numbers.values():
        assert some == set(range(len(some)))


def start_over(spool, *stores):
    """Do what the next start does when no fault is left: recover, ship, and leave nothing."""
    manager = WritingRollManager(
        TEMPLATE,
        NeverRollChecker(),
        spool,
        storage=[LocalBackend(path=store) for store in stores],
        close_timeout=CLOSE,
    )
    manager.close()
    waiting = manager.unshipped
    assert not waiting, f"{len(waiting)} deliveries wait, first {waiting[0]}"


def left_in(spool):
    """Return the names that are in a spool, but for the tails that were cut off."""
    return [path.name for path in spool.iterdir() if not path.name.endswith(".torn")]
