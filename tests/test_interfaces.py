"""What a class must be to be a plugin: each fault is told with the class, and what to do."""

import pytest
from oslo_config import cfg

from shoebox import interfaces, plugins
from shoebox.callback import Callback
from shoebox.roll_checker import RollChecker
from shoebox.testing import MemoryBackend


class Checker(RollChecker):
    def check(self, archive):
        return False


def checker(**attributes):
    return type("Checker", (Checker,), attributes)


@pytest.mark.parametrize(
    ("kind", "plugin"),
    [
        ("roll_checker", Checker),
        ("callback", Callback),
        ("storage", MemoryBackend),
        ("roll_checker", checker(OPTIONS=())),
        ("roll_checker", checker(OPTIONS=None)),
        ("roll_checker", checker(OPTIONS=(cfg.StrOpt("a-b"), cfg.IntOpt("c")))),
        ("roll_checker", checker(INTERFACE=interfaces.VERSION)),
        ("roll_checker", checker(check=lambda self, archive, more=0, **_: True)),
        ("roll_checker", checker(check=staticmethod(lambda archive: True))),
        ("roll_checker", checker(check=print)),
    ],
)
def test_what_is_of_its_interface_has_no_fault(kind, plugin):
    assert interfaces.fault(kind, plugin) is None


@pytest.mark.parametrize("kind", plugins.GROUPS)
def test_every_plugin_that_comes_with_shoebox_is_of_its_interface(kind):
    assert all(plugins.load(kind, name) for name in plugins.names(kind))


def test_each_kind_of_plugin_has_an_interface():
    assert interfaces.INTERFACES.keys() == plugins.GROUPS.keys()


def test_a_plugin_that_does_not_say_was_written_for_the_first_version():
    assert not hasattr(Checker, "INTERFACE")
    assert interfaces.version_fault(Checker) is None


def test_a_version_from_the_future_is_refused_with_both_remedies():
    fault = interfaces.version_fault(checker(INTERFACE=interfaces.VERSION + 1))
    assert f"written for version {interfaces.VERSION + 1} of the interfaces" in fault
    assert f"this shoebox has version {interfaces.VERSION}" in fault
    assert "upgrade shoebox, or install an older version of the package" in fault


@pytest.mark.parametrize("version", ["1", 1.0, True, 0, -1, None, (1,)])
def test_a_version_that_is_none_is_refused(version):
    assert f"its INTERFACE is {version!r}" in interfaces.version_fault(checker(INTERFACE=version))


@pytest.mark.parametrize("plugin", [Callback, Checker(), 3, print, None])
def test_what_is_no_subclass_is_refused(plugin):
    assert "is no subclass of shoebox.roll_checker:RollChecker" in interfaces.fault(
        "roll_checker", plugin
    )


def test_a_class_that_lacks_methods_is_refused_with_their_names():
    lacking = type("Lacking", (RollChecker,), {})
    assert ":Lacking lacks check of shoebox" in interfaces.fault("roll_checker", lacking)


@pytest.mark.parametrize(
    ("kind", "plugin", "method"),
    [
        ("roll_checker", checker(check=lambda self: True), "check"),
        ("roll_checker", checker(start=lambda self, archive, more: None), "start"),
        ("callback", type("C", (Callback,), {"on_close": lambda self: None}), "on_close"),
        ("storage", type("S", (MemoryBackend,), {"put": lambda self, key, path: None}), "put"),
    ],
)
def test_a_method_that_can_not_be_called_as_the_interfaces_is_refused(kind, plugin, method):
    fault = interfaces.fault(kind, plugin)
    assert f".{method} does not take the arguments of shoebox." in fault
    assert f".{method}, (self" in fault


@pytest.mark.parametrize(
    "declared", [["size"], ("size",), 3, {}, [cfg.StrOpt("a")], cfg.StrOpt("a"), (cfg.StrOpt,)]
)
def test_options_that_are_no_tuple_of_options_are_refused(declared):
    fault = interfaces.fault("roll_checker", checker(OPTIONS=declared))
    assert "Checker.OPTIONS must be a tuple of oslo.config options" in fault


@pytest.mark.parametrize(
    ("kind", "base", "names", "told"),
    [
        ("roll_checker", Checker, ("a", "b", "a"), "'a', which is declared twice"),
        ("roll_checker", Checker, ("a-b", "a_b"), "'a_b', which is declared twice"),
        ("storage", MemoryBackend, ("verify",), "'verify', which every storage has"),
        ("roll_checker", Checker, ("a b",), "'a b' is no name of a keyword argument"),
    ],
)
def test_an_option_whose_name_is_taken_or_none_is_refused(kind, base, names, told):
    plugin = type("Plugin", (base,), {"OPTIONS": tuple(map(cfg.StrOpt, names))})
    assert told in interfaces.fault(kind, plugin)
