"""Claims: one process at a time for each archive."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from shoebox.claims import Claims, give_back
from shoebox.spool import Spool


def descriptors():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


@pytest.fixture
def spool(tmp_path):
    (tmp_path / "a.events").write_bytes(b"a")
    return Spool(tmp_path)


def test_an_archive_is_claimed_by_one_process_at_a_time(spool):
    """Threads of one process share the claim."""
    claims, other = Claims(spool), Claims(Spool(spool.path))
    with claims.on("a.events") as held:
        assert held
        with claims.on("a.events") as again:
            assert again
        with other.on("a.events") as theirs:
            assert not theirs
    with other.on("a.events") as theirs:
        assert theirs


def test_claims_leave_no_descriptor_behind(spool):
    before = descriptors()
    claims = Claims(spool)
    for _ in range(3):
        with claims.on("a.events"), claims.on("a.events"):
            pass
        with claims.on("gone.events") as held:
            assert not held
    assert descriptors() == before


def test_a_forked_child_keeps_no_claim(spool):
    claims = Claims(spool)
    reading, writing = os.pipe()
    with claims.on("a.events"):
        pid = os.fork()
        if pid == 0:
            claims.after_fork()
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    with Claims(Spool(spool.path)).on("a.events") as held:
        assert held
    os.close(writing)
    os.waitpid(pid, 0)
    os.close(reading)


def test_a_claim_that_can_not_be_unlocked_goes_with_the_descriptor(tmp_path, monkeypatch):
    fd = os.open(tmp_path / "a", os.O_CREAT | os.O_RDWR)

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="No locks available"):
        give_back(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_after_a_fork_the_child_s_copy_of_a_claim_is_closed_and_may_be_had_anew(spool):
    before = descriptors()
    claims = Claims(spool)
    assert claims._claim("a.events")
    claims.after_fork()
    assert descriptors() == before
    with claims.on("a.events") as held:
        assert held
        with Claims(Spool(spool.path)).on("a.events") as theirs:
            assert not theirs
