"""Which records are missing: as a set of their numbers would tell, and as fast for many."""

from hypothesis import given
from hypothesis import strategies as st

from shoebox.archive.missing import Missing

STEPS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=30)


@given(steps=STEPS)
def test_what_was_jumped_over_is_missing_until_it_is_met(steps):
    missing, numbers, end = Missing(), set(), 0
    for start, count in steps:
        met = range(start, start + count)
        if start >= end:
            if start > end:
                missing.add(range(end, start))
                numbers |= {*range(end, start)}
            end = met.stop
            continue
        assert missing.hold(met) == (numbers >= {*met})
        if missing.hold(met):
            missing.take(met)
            numbers -= {*met}
    assert [missing.hold(range(at, at + 1)) for at in range(80)] == [
        at in numbers for at in range(80)
    ]


def test_what_lies_before_a_beginning_is_missing():
    missing = Missing(range(5))
    assert missing.hold(range(5))
    assert not missing.hold(range(3, 6))
    missing.take(range(1, 3))
    assert [at for at in range(6) if missing.hold(range(at, at + 1))] == [0, 3, 4]
