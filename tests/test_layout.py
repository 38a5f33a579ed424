"""The layout of the tests: each source file has a test file of its name."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# The commands are tested together, as a user meets them.
TOGETHER = ROOT / "shoebox" / "cli"


def modules():
    """Yield each module's path, and the name that its test file has."""
    for package, prefix in (("shoebox", ()), ("shoebox_plugins", ("plugins",))):
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name != "__init__.py" and TOGETHER not in path.parents:
                parts = path.relative_to(ROOT / package).with_suffix("").parts
                yield pytest.param(
                    f"test_{'_'.join((*prefix, *parts))}.py", id=str(path.relative_to(ROOT))
                )


@pytest.mark.parametrize("name", list(modules()))
def test_every_module_has_a_test_file_of_its_name(name):
    assert (ROOT / "tests" / name).is_file(), f"write tests/{name}"


def test_the_modules_are_found_at_all():
    """The test above would pass with none."""
    names = [it.values[0] for it in modules()]
    assert {"test_files.py", "test_archive_writer.py", "test_plugins_checkers_size.py"} <= {*names}
    assert len(set(names)) == len(names)
