"""Every call fails: the k-th of each kind, once and for ever, with each error it can fail with."""

import itertools
import shutil

import pytest

from tests.faults import FULL
from tests.faults.calls import ERRORS, Calls
from tests.faults.children import run
from tests.faults.stages import STAGES

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

SOME = 1
"""Runs of each kind of call in a stage, where not all are made."""


def runs(stage, kind, made):
    """Return the faults of a kind that are tried, of the calls that a run makes without one."""
    every = list(itertools.product(range(1, made + 2), ERRORS[kind], [False, True]))
    if FULL:
        return every
    # Different ones for each kind, the same each time.
    step = max(1, len(every) // SOME)
    return every[(len(stage) + len(kind)) % step :: step]


@pytest.mark.parametrize("stage", STAGES)
def test_any_call_may_fail_and_what_was_promised_is_there_afterwards(tmp_path, capsys, stage):
    """No error but those that callers expect, no hang; what it was doing goes on by itself."""
    it = STAGES[stage]

    def counted():
        calls = Calls()
        safe = it.run(tmp_path, calls)
        return [safe, calls.made]

    found, wrong = run(counted)
    assert not wrong, wrong[0]
    safe, made = found
    it.check(tmp_path, safe)
    failed, done, came = [], 0, 0
    for kind in made:
        for number, (k, code, for_ever) in enumerate(runs(stage, kind, made[kind])):
            folder = tmp_path / f"{kind}-{number}"
            folder.mkdir()
            calls = Calls(kind, code, k, for_ever=for_ever)

            def faulty(folder=folder, calls=calls):
                safe = it.run(folder, calls)
                return [safe, calls.made[calls.kind]]

            done += 1
            try:
                found, wrong = run(faulty)
                assert not wrong, wrong[0]
                safe, reached = found
                came += reached >= k
                it.check(folder, safe)
            except AssertionError as error:
                failed.append(f"{kind} {k} {code} {'for ever' if for_ever else 'once'}: {error}")
            else:
                shutil.rmtree(folder)
    with capsys.disabled():
        print(  # noqa: T201 - what `tox -e faults` is run for
            f"\n{stage}: {sum(made.values())} calls of {len(made)} kinds, {done} runs, "
            f"{came} in which the fault came, {len(failed)} failed"
        )
    assert not failed, "\n".join(failed)
