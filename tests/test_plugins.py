"""The loader: one name is one class of one package, or an error that says what to do."""

import subprocess
import sys

import pytest

from shoebox import plugins
from shoebox.errors import ConfigError, PluginError, SpoolFull
from shoebox.roll_checker import NeverRollChecker, RollChecker

CHECKER = """
from shoebox.roll_checker import RollChecker

class Checker(RollChecker):
    def __init__(self, **options):
        self.options = options

    def __len__(self):
        return 0

    def check(self, archive):
        return True
"""


def test_a_plugin_that_comes_with_shoebox_is_found_by_its_name():
    assert plugins.load("roll_checker", "never") is NeverRollChecker


def test_a_third_partys_plugin_is_found_by_its_name(install):
    install("acme", "roll_checker", "acme", "acme_checker:Checker", CHECKER)
    plugin = plugins.load("roll_checker", "acme")
    assert plugin.__module__ == "acme_checker"
    assert issubclass(plugin, RollChecker)


def test_a_plugin_is_built_with_its_values_even_if_it_is_falsy(install):
    install("acme", "roll_checker", "acme", "acme_checker:Checker", CHECKER)
    checker = plugins.build("roll_checker", "acme", {"size": "3"})
    assert not checker
    assert checker.options == {"size": "3"}


def test_an_unknown_name_is_answered_with_the_nearest_one():
    with pytest.raises(PluginError, match="no roll_checker plugin is called 'sise'.*'size'"):
        plugins.load("roll_checker", "sise")


def test_a_name_like_no_other_is_answered_with_all_of_them():
    with pytest.raises(PluginError, match="known are: cron, idle, never, records, size, time"):
        plugins.load("roll_checker", "qqqqqq")


def test_two_packages_that_claim_one_name_are_an_error_naming_both(install):
    install("acme", "roll_checker", "same", "acme_checker:Checker", CHECKER)
    install("beta", "roll_checker", "between", "beta_between:Checker", CHECKER)
    install("gamma", "roll_checker", "same", "gamma_checker:Checker", CHECKER)
    with pytest.raises(PluginError, match=r"'same' is claimed by (?=.*acme 1\.0)(?=.*gamma 1\.0)"):
        plugins.load("roll_checker", "same")


def test_two_packages_that_claim_one_name_for_one_class_are_an_error_too(install):
    install("acme", "roll_checker", "same", "acme_checker:Checker", CHECKER)
    install("beta", "roll_checker", "same", "acme_checker:Checker", CHECKER)
    with pytest.raises(PluginError, match=r"(?=.*acme 1\.0)(?=.*beta 1\.0)"):
        plugins.load("roll_checker", "same")


def test_one_package_that_claims_a_name_for_two_classes_is_an_error(install):
    site = install("acme", "roll_checker", "same", "acme_checker:Checker", CHECKER)
    with (site / "acme-1.0.dist-info" / "entry_points.txt").open("a") as file:
        file.write("same = acme_checker:Other\n")
    with pytest.raises(PluginError, match=r"claimed by acme 1\.0:"):
        plugins.load("roll_checker", "same")


def test_a_package_that_is_on_the_path_twice_is_no_conflict(install):
    install("acme", "roll_checker", "acme", "acme_checker:Checker", CHECKER, folder="one")
    install("acme", "roll_checker", "acme", "acme_checker:Checker", CHECKER, folder="two")
    assert plugins.load("roll_checker", "acme").__name__ == "Checker"


def test_shoebox_would_not_let_itself_be_replaced(install):
    install("acme", "roll_checker", "size", "acme_checker:Checker", CHECKER)
    with pytest.raises(PluginError, match=r"'size' is claimed by (?=.*acme)(?=.*shoebox)"):
        plugins.load("roll_checker", "size")


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def (", "SyntaxError: "),
        ("", "AttributeError: "),
        ("raise SystemExit('not here')", "SystemExit: not here"),
        ("raise OSError('two\\nlines')", "OSError: two lines;"),
    ],
)
def test_a_plugin_that_cannot_be_imported_names_package_cause_and_remedy(install, source, cause):
    install("acme", "roll_checker", "acme", "acme_checker:Checker", source)
    with pytest.raises(PluginError) as caught:
        plugins.load("roll_checker", "acme")
    assert "acme 1.0" in str(caught.value)
    assert cause in str(caught.value)
    assert "reinstall the package" in str(caught.value)


@pytest.mark.parametrize("source", ["class Checker: pass", "Checker = 3", "def Checker(): pass"])
def test_a_plugin_that_is_no_subclass_of_its_interface_is_refused(install, source):
    install("acme", "roll_checker", "acme", "acme_checker:Checker", source)
    with pytest.raises(PluginError, match="no subclass of shoebox.roll_checker:RollChecker"):
        plugins.load("roll_checker", "acme")


@pytest.mark.parametrize("declared", ["['size']", "('size',)", "3", "{}"])
def test_options_that_are_no_tuple_of_options_are_refused(install, declared):
    source = f"{CHECKER}    OPTIONS = {declared}\n"
    install("acme", "roll_checker", "acme", "acme_checker:Checker", source)
    with pytest.raises(PluginError, match=r"acme 1\.0 .*:Checker.OPTIONS must be a tuple"):
        plugins.load("roll_checker", "acme")


def test_a_plugin_of_a_later_interface_is_refused_with_its_package(install):
    source = f"{CHECKER}    INTERFACE = 99\n"
    install("acme", "roll_checker", "acme", "acme_checker:Checker", source)
    with pytest.raises(PluginError, match=r"'acme' of acme 1\.0 .* for version 99 .*: upgrade"):
        plugins.load("roll_checker", "acme")


def test_a_plugin_without_options_is_told_from_one_with_none(install):
    install("acme", "roll_checker", "acme", "acme_checker:Checker", CHECKER)
    assert plugins.options(plugins.load("roll_checker", "acme")) is None
    assert plugins.options(NeverRollChecker) == ()


def test_what_a_constructor_refuses_is_told_with_its_package(install):
    source = CHECKER.replace("self.options = options", "raise ValueError('seven is too many')")
    install("acme", "roll_checker", "acme", "acme_checker:Checker", source)
    with pytest.raises(PluginError, match=r"of acme 1\.0 .*ValueError: seven is too many"):
        plugins.build("roll_checker", "acme", {})


def test_a_class_that_lacks_a_method_is_told_with_its_package(install):
    source = CHECKER.replace("def check(", "def chek(")
    install("acme", "roll_checker", "acme", "acme_checker:Checker", source)
    with pytest.raises(PluginError, match=r"'acme' of acme 1\.0 .*:Checker lacks check of"):
        plugins.load("roll_checker", "acme")


def test_a_module_that_is_missing_when_it_is_built_is_told_as_if_it_were_missed_before(install):
    source = CHECKER.replace("self.options = options", "import no_such_module")
    install("acme", "roll_checker", "acme", "acme_checker:Checker", source)
    with pytest.raises(PluginError, match=r"acme 1\.0 .*'no_such_module'; reinstall the package"):
        plugins.build("roll_checker", "acme", {})


def test_a_constructor_that_would_end_the_program_does_not(install):
    source = CHECKER.replace("self.options = options", "raise SystemExit('no licence')")
    install("acme", "roll_checker", "acme", "acme_checker:Checker", source)
    with pytest.raises(PluginError, match="SystemExit: no licence"):
        plugins.build("roll_checker", "acme", {})


def test_an_error_of_ours_passes_as_it_is(install):
    source = "from shoebox.errors import SpoolFull\n" + CHECKER.replace(
        "self.options = options", "raise SpoolFull('no room')"
    )
    install("acme", "roll_checker", "acme", "acme_checker:Checker", source)
    with pytest.raises(SpoolFull, match="^no room$"):
        plugins.build("roll_checker", "acme", {})


def test_names_are_listed_without_importing_a_plugin(install):
    install("acme", "storage", "acme", "acme_broken:Backend", "raise SystemExit(9)")
    assert "acme" in plugins.names("storage")


def test_all_that_is_installed_is_listed_and_what_is_broken_says_why(install):
    install("acme", "callback", "acme", "acme_broken:Callback", "import no_such_module")
    listed = {(it.kind, it.name): it for it in plugins.installed()}
    size, broken = listed["roll_checker", "size"], listed["callback", "acme"]
    assert (size.package, size.options, size.error) == ("shoebox", ("roll_size_mb",), None)
    assert broken.options is None
    assert (broken.package, broken.version) == ("acme", "1.0")
    assert "no_such_module" in broken.error


def test_a_plugin_that_no_ini_can_name_is_listed_as_such(install):
    install("acme", "roll_checker", "odd name", "acme_checker:Checker", CHECKER)
    [odd] = [it for it in plugins.installed() if it.package == "acme"]
    assert "'odd name' of acme 1.0 can't be used: no ini can name it" in odd.error


def test_a_conflict_is_listed_once_for_each_package(install):
    install("acme", "roll_checker", "same", "acme_checker:Checker", CHECKER)
    install("beta", "roll_checker", "same", "beta_checker:Checker", CHECKER)
    same = [it for it in plugins.installed() if it.name == "same"]
    assert {it.package for it in same} == {"acme", "beta"}
    assert all("claimed by" in it.error for it in same)


def test_a_plugin_error_is_a_configuration_error():
    assert issubclass(PluginError, ConfigError)


def test_a_plugin_that_nobody_asked_for_is_not_imported(install, tmp_path):
    site = install("acme", "roll_checker", "acme", "acme_checker:Checker", CHECKER)
    program = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "from shoebox import plugins\n"
        "plugins.load('roll_checker', 'never')\n"
        "print('acme' in plugins.names('roll_checker'), 'acme_checker' in sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["True", "False"]
