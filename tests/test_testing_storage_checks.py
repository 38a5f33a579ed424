"""The checks as a whole: each is in a group, says its duty, and needs no pytest."""

import inspect

import pytest

from shoebox.testing import fault_checks, put_checks, read_checks, storage_checks, use_checks
from tests.test_import import python

GROUPS = ("DUTIES", "RACE", "DENIED", "UNAVAILABLE")
CHECKS = [check for group in GROUPS for check in getattr(storage_checks, group)]


def test_every_check_is_in_one_group():
    """One that nobody runs finds nothing."""
    written = {
        function
        for module in (fault_checks, put_checks, read_checks, use_checks)
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and list(inspect.signature(function).parameters) == ["it"]
        and not name.startswith("_")
    }
    assert written == set(CHECKS)
    assert len(CHECKS) == len(set(CHECKS))
    assert set(storage_checks.PARTS) < set(storage_checks.DUTIES)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_check_says_its_duty_in_a_sentence(check):
    sentence = inspect.getdoc(check)
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_the_checks_need_no_pytest():
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "import shoebox.testing as t\n"
        "from shoebox.testing import storage_checks\n"
        "print(t.MemoryBackend().__class__.__name__, len(storage_checks.DUTIES) > 20)\n"
        "try: t.StorageBackendTests\n"
        "except ImportError as error: print(error.name)"
    )
    assert python(program).split() == ["MemoryBackend", "True", "pytest"]
