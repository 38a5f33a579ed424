"""Importing shoebox is quick, and imports neither a plugin nor an SDK."""

import os
import subprocess
import sys

import pytest

import shoebox
from shoebox.format import section

HEAVY = [
    "boto3",
    "swiftclient",
    "stevedore",
    "oslo_config",
    "opentelemetry",
    "prometheus_client",
    "shoebox_plugins",
]


def python(program: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    ).stdout


@pytest.mark.parametrize(
    "module", ["shoebox", "shoebox.roll_manager", "shoebox.roll_checker", "shoebox.archive"]
)
def test_an_import_brings_neither_a_plugin_nor_an_sdk(module):
    program = f"import sys, {module}; print(*({HEAVY} & sys.modules.keys()))"
    assert python(program.replace(str(HEAVY), str(set(HEAVY)))).split() == []


def test_it_is_told_whether_the_modules_are_compiled():
    assert shoebox.compiled() == (not section.__file__.endswith(".py"))


def test_building_from_an_ini_brings_no_sdk_that_it_does_not_name():
    program = "import sys, shoebox.app; print(*({'boto3', 'swiftclient'} & sys.modules.keys()))"
    assert python(program).split() == []


def test_a_checker_is_looked_up_when_it_is_used():
    program = (
        "import sys\nfrom shoebox import roll_checker\n"
        "before = 'shoebox_plugins.checkers.size' in sys.modules\n"
        "roll_checker.SizeRollChecker\n"
        "print(before, 'shoebox_plugins.checkers.size' in sys.modules)"
    )
    assert python(program).split() == ["False", "True"]


def test_the_roll_managers_are_imported_quickly(tmp_path):
    """Within 60 ms of processor time, or where that is slow, half as long again as asyncio.

    Without the interpreter's own start, and compiled once, as installed.
    """
    took, asyncio = (fastest_import(it, tmp_path) for it in ("shoebox.roll_manager", "asyncio"))
    assert took < max(0.060, 1.5 * asyncio)


def fastest_import(module, folder):
    program = (
        f"import time\nstart = time.process_time()\nimport {module}\n"
        "print(time.process_time() - start)"
    )
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder)}
    return min([float(python(program, **compiled)) for _ in range(6)][1:])
