"""Lengths, counts and bombs: each ends with an error or a fault, soon, and within the memory set.

The process that reads may take so many megabytes more than it begins with; one payload may be
128 MiB, and is there as bytes and as text.
"""

import subprocess
import sys

import pytest

from tests.faults.hostile.limited import WORKS
from tests.program import ROOT, environment

MEGABYTES = 400


@pytest.mark.parametrize("work", WORKS)
def test_what_claims_the_most_or_unpacks_to_it_is_read_within_limits(work):
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.hostile.limited", work, str(MEGABYTES)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    *wrong, count = done.stdout.splitlines() or ["nothing was read"]
    assert (wrong, done.returncode) == ([], 0), done.stderr
    assert int(count) >= 3
