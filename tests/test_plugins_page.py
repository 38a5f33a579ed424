"""docs/plugins.md says all that an author of a plugin needs, in words and in code that is run."""

import re
import tomllib
from inspect import isfunction, ismethod
from pkgutil import resolve_name

import pytest

from shoebox import interfaces, plugins, testing
from shoebox.cli.commands import GROUP
from tests.program import ROOT

PAGE = ROOT / "docs" / "plugins.md"
TEXT = PAGE.read_text()
EXAMPLE = ROOT / "examples" / "shoebox-acme"
BLOCK = re.compile(r"^```\{literalinclude\} (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INCLUDED = [(PAGE.parent / path, options) for path, options in BLOCK.findall(TEXT)]


@pytest.mark.parametrize("kind", interfaces.INTERFACES)
def test_each_interface_is_named_with_all_its_methods(kind):
    name = interfaces.INTERFACES[kind]
    interface = resolve_name(name)
    shown = "".join([TEXT, *(path.read_text() for path, _ in INCLUDED)])
    assert f"`{name.replace(':', '.')}`" in TEXT
    for method, value in vars(interface).items():
        if not method.startswith("_") and (isfunction(value) or ismethod(value)):
            assert f"{method}(" in shown


@pytest.mark.parametrize("name", testing.__all__)
def test_each_name_of_the_conformance_tests_is_used_or_explained(name):
    shown = "".join([TEXT, *(path.read_text() for path, _ in INCLUDED)])
    explained = {"Fault": "FaultyBackend"}
    assert explained.get(name, name) in shown


def test_the_version_is_that_of_the_interfaces():
    assert f"`shoebox.interfaces.VERSION`, now {interfaces.VERSION}." in TEXT


def test_the_example_declares_a_plugin_of_each_kind():
    declared = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]
    assert set(declared) == {*plugins.GROUPS.values(), GROUP}


@pytest.mark.parametrize("target", sorted(EXAMPLE.glob("src/shoebox_acme/[a-z]*.py")))
def test_each_module_of_the_example_is_shown_and_says_its_version(target):
    assert target.resolve() in {path.resolve() for path, _ in INCLUDED}
    assert f"INTERFACE = {interfaces.VERSION}\n" in target.read_text()
