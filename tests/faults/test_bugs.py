"""The bugs that the harness is proved with still fit the sources."""

import pytest

from tests.faults.bugs import BUGS, ROOT


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_can_be_put_in(bug):
    assert bug.source(ROOT) != (ROOT / bug.file).read_text()
    compile(bug.source(ROOT), bug.file, "exec")
    assert (ROOT / bug.tests.partition(" ")[0]).is_file()


def test_a_bug_that_does_not_fit_any_more_is_named(tmp_path):
    (tmp_path / "shoebox").mkdir()
    (tmp_path / BUGS[0].file).write_text("")
    with pytest.raises(LookupError, match="an archive is not synced: .* has 0 times"):
        BUGS[0].source(tmp_path)
