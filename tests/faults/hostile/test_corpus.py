"""What fuzzing has found is read again: each decoder refuses it, or keeps what it promises."""

import pytest

from tests.faults.hostile.mending import mended
from tests.faults.hostile.seeds import CORPUS, seeds
from tests.faults.hostile.targets import TARGETS, try_on


@pytest.mark.parametrize("target", TARGETS)
def test_what_fuzzing_has_kept_is_refused_or_read_rightly(target):
    found = sorted((CORPUS / target).iterdir())
    assert found
    for path in found:
        try:
            try_on(target, path.read_bytes())
        except Exception as error:  # noqa: BLE001 - whatever it is, it leads here
            pytest.fail(f"{path}: {type(error).__name__}: {error}")


@pytest.mark.parametrize("target", TARGETS)
def test_what_we_write_is_read_rightly_and_has_no_checksum_to_mend(target):
    found = [data for of, data in seeds() if of == target]
    assert found
    for data in found:
        TARGETS[target](data)
        assert mended(target, data) == data


@pytest.mark.parametrize("target", ["head", "archive", "descent", "index", "section", "catalog"])
def test_behind_a_mended_checksum_other_faults_are_found(target):
    """The mutator is what lets a fuzzer in: else all that it changes is a checksum's fault."""
    data = max((data for of, data in seeds() if of == target), key=len)
    changed = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(len(data))]
    assert sum(mended(target, it) != it for it in changed) > len(data) // 3
