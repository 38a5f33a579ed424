"""The ini file: what is in it, what is wrong with it, and what it says by default."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from oslo_config import cfg

from shoebox import config
from shoebox.errors import ConfigError, PluginError

ETC = Path(__file__).parent.parent / "etc" / "shoebox"
BACKEND = """
from oslo_config import cfg
from shoebox.roll_checker import RollChecker

class Checker(RollChecker):
    OPTIONS = (cfg.StrOpt("password", secret=True), cfg.ListOpt("hosts", default=["a", "b"]))

    def __init__(self, **options):
        self.options = options

    def check(self, archive):
        return False
"""
WITHOUT_OPTIONS = BACKEND.replace("OPTIONS = ", "UNUSED = ")


def problems(conf, group="shoebox"):
    with pytest.raises(ConfigError) as caught:
        config.check(conf, group)
    return str(caught.value).splitlines()


def test_the_defaults_are_those_that_are_promised(ini):
    found = config.settings(ini("[shoebox]\n"))
    assert found == {
        "directory": None,
        "filename_template": "events_%Y%m%dT%H%M%S_%f.events",
        "roll_checkers": ["size"],
        "callbacks": [],
        "storage": [],
        "durability": "interval",
        "sync_interval": 1.0,
        "compression": "zstd",
        "format_version": 2,
        "index_keys": [],
        "spool_limit_mb": None,
        "trust_directory": False,
        "on_full": "raise",
        "on_full_timeout": 30.0,
        "close_timeout": 10.0,
        "metrics": "none",
        "metrics_host": "127.0.0.1",
        "metrics_port": 9465,
        "health_max_age": 3600.0,
    }


def test_options_can_be_registered_twice():
    conf = cfg.ConfigOpts()
    config.register_opts(conf)
    config.register_opts(conf)
    assert conf.shoebox.compression == "zstd"


def test_the_options_listed_are_copies():
    config.list_opts()[0][1][0].default = "changed"
    assert config.list_opts()[0][1][0].default is None


def test_every_installed_plugins_options_are_listed_a_broken_one_is_named_and_skipped(
    install, caplog
):
    install("acme", "roll_checker", "acme", "acme_checker:Checker", BACKEND)
    install("beta", "roll_checker", "beta", "beta_checker:Checker", "import no_such_module")
    listed = {section: [it.dest for it in found] for section, found in config.list_opts()}
    assert listed["shoebox_roll_checker_acme"] == ["password", "hosts"]
    assert listed["shoebox_roll_checker_size"] == ["roll_size_mb"]
    assert listed["shoebox_storage_local"] == ["key_template", "verify", "path"]
    assert "shoebox_roll_checker_beta" not in listed
    assert "beta 1.0" in caplog.text


def test_a_name_alone_is_the_plugins_and_a_name_of_its_own_has_its_own_section(ini):
    conf = ini("[shoebox]\nstorage = local, cold:local\n")
    assert [(it.name, it.plugin, it.section) for it in config.instances(conf, "storage")] == [
        ("local", "local", "shoebox_storage_local"),
        ("cold", "local", "shoebox_storage_cold"),
    ]


def test_a_list_left_empty_names_nothing(ini):
    assert config.instances(ini("[shoebox]\nstorage =\n"), "storage") == []


@pytest.mark.parametrize("entry", ["hot:", ":local", "a b", "a:b:c", "../a", "hot:lo/cal"])
def test_what_is_neither_a_name_nor_a_name_with_a_plugin_is_refused(ini, entry):
    with pytest.raises(ConfigError, match=r"\[shoebox\] storage: .* is neither NAME nor NAME:PLUG"):
        config.instances(ini(f"[shoebox]\nstorage = {entry}\n"), "storage")


def test_a_name_given_twice_is_refused(ini):
    with pytest.raises(ConfigError, match=r"\[shoebox\] storage: 'hot' is named twice"):
        config.instances(ini("[shoebox]\nstorage = hot:local, Hot:local\n"), "storage")


def test_an_instance_is_configured_by_its_own_section(ini):
    conf = ini(
        "[shoebox]\nroll_checkers = size, small:size\n"
        "[shoebox_roll_checker_small]\nroll_size_mb = 0.5\n"
    )
    size, small = config.instances(conf, "roll_checker")
    assert config.arguments(conf, size) == {"roll_size_mb": 100.0}
    assert config.arguments(conf, small) == {"roll_size_mb": 0.5}


def test_a_plugin_without_options_gets_its_keys_as_strings(install, ini):
    install("acme", "roll_checker", "acme", "acme_checker:Checker", WITHOUT_OPTIONS)
    conf = ini(
        "[shoebox]\nroll_checkers = acme\n"
        "[shoebox_roll_checker_acme]\nsize = 3\nmixed-Case = a$$b\n_hidden = x\n"
    )
    [acme] = config.instances(conf, "roll_checker")
    assert config.arguments(conf, acme) == {"size": "3", "mixed-Case": "a$b", "_hidden": "x"}


def test_the_key_template_is_the_cores_and_not_the_backends(ini):
    conf = ini(
        "[shoebox]\nstorage = local\n[shoebox_storage_local]\npath = /a\nkey_template = x/{id}"
    )
    [local] = config.instances(conf, "storage")
    assert config.destination(conf, local) == {"key_template": "x/{id}", "verify": "stat"}
    assert config.arguments(conf, local) == {"path": "/a"}


def test_a_backend_without_options_is_not_handed_the_key_template(install, ini):
    source = "from shoebox_plugins.storage.local import LocalBackend as Backend\nBackend = type("
    source += "'Backend', (Backend,), {'OPTIONS': None})\n"
    install("acme", "storage", "acme", "acme_backend:Backend", source)
    conf = ini("[shoebox]\nstorage = acme\n[shoebox_storage_acme]\npath = /a\nkey_template = {id}")
    [acme] = config.instances(conf, "storage")
    assert config.arguments(conf, acme) == {"path": "/a"}
    assert config.destination(conf, acme)["key_template"] == "{id}"


def test_a_backend_is_found_by_the_name_in_the_list_or_by_its_plugins(ini):
    conf = ini("[shoebox]\nstorage = cold:local\n")
    assert config.storage_instance(conf, "cold").plugin == "local"
    assert config.storage_instance(conf, "local").plugin == "local"
    with pytest.raises(ConfigError, match="names no 'clod'; did you mean 'cold'"):
        config.storage_instance(conf, "clod")


def test_a_sound_ini_has_nothing_wrong(ini):
    config.check(
        ini(
            "[DEFAULT]\ndebug = true\n"
            "[shoebox]\ndirectory = /a\nstorage = cold:local\n"
            "[shoebox_storage_cold]\npath = /b\n"
            "[oslo_messaging_rabbit]\nwhatever = 1\n"
        )
    )


@pytest.mark.parametrize("line", ["", "directory ="])
def test_a_missing_directory_is_named(ini, line):
    [line] = problems(ini(f"[shoebox]\n{line}\n"))
    assert "[shoebox] directory: not set" in line


def test_an_unknown_key_is_told_with_file_section_and_nearest_key(ini):
    [line] = problems(ini("[shoebox]\ndirectory = /a\ncompresion = zstd\n"))
    assert "shoebox.conf: [shoebox] compresion: " in line
    assert "'compression'" in line


def test_an_unknown_key_of_a_plugin_is_told_likewise(ini):
    [line] = problems(
        ini("[shoebox]\ndirectory = /a\n[shoebox_roll_checker_size]\nroll_size = 3\n")
    )
    assert "shoebox.conf: [shoebox_roll_checker_size] roll_size: " in line
    assert "'roll_size_mb'" in line


@pytest.mark.parametrize(
    ("section", "meant"),
    [
        ("shoebox_roll_checker_sise", "shoebox_roll_checker_size"),
        ("shoebox_roll_checkers_size", "shoebox_roll_checker_size"),
        ("shoebox_storage_clod", "shoebox_storage_cold"),
        ("shoebox_storage_", "shoebox_storage_"),
        ("shoebox-storage-cold", "shoebox_storage_cold"),
        ("shoeboxes", "shoebox"),
    ],
)
def test_an_unknown_section_is_told_with_its_file_and_the_nearest_one(ini, section, meant):
    conf = ini(
        "[shoebox]\ndirectory = /a\nstorage = cold:local\n"
        f"[shoebox_storage_cold]\npath = /b\n[{section}]\nx = 1\n"
    )
    [line] = problems(conf)
    assert f"shoebox.conf: [{section}]: " in line
    assert f"did you mean '{meant}" in line


def test_the_section_of_an_installed_plugin_that_no_list_names_is_fine(ini):
    config.check(ini("[shoebox]\ndirectory = /a\n[shoebox_storage_local]\npath = /b\n"))


def test_a_value_out_of_range_is_told_with_section_and_key(ini):
    [line] = problems(ini("[shoebox]\ndirectory = /a\nformat_version = 3\n"))
    assert "[shoebox] format_version: " in line


def test_an_unknown_plugin_is_told_with_its_list_and_the_nearest_one(ini):
    [line] = problems(ini("[shoebox]\ndirectory = /a\nroll_checkers = sise\n"))
    assert "[shoebox] roll_checkers: no roll_checker plugin is called 'sise'" in line
    assert "'size'" in line


def test_everything_that_is_wrong_is_told_at_once(ini):
    lines = problems(
        ini(
            "[shoebox]\non_full = wait\ntypo = 1\nroll_checkers = sise\nstorage = cold:local\n"
            "[shoebox_storage_cold]\nkey = 1\n[shoebox_storage_code]\n"
        )
    )
    assert len(lines) == 6


def test_a_listener_that_would_hear_nothing_is_refused(ini):
    conf = ini("[shoebox]\ndirectory = /a\n[shoebox_listen]\ntopics =\n")
    assert problems(conf) == ["[shoebox_listen] topics: is empty; name what is to be listened to"]


def test_what_is_read_again_changes_only_where_it_may_and_nothing_does_where_it_is_wrong(
    ini, tmp_path
):
    text = "[shoebox_listen]\nrequeue_pause = 7\nworkers = 2\n"
    conf = ini(text)
    assert config.listening(conf)["requeue_pause"] == 7.0
    (tmp_path / "shoebox.conf").write_text(text.replace("7", "8").replace("2", "3"))
    assert config.reread(conf)["requeue_pause"] == 8.0
    assert config.listening(conf)["workers"] == 2
    (tmp_path / "shoebox.conf").write_text(text.replace("7", "0"))
    with pytest.raises(ConfigError, match=r"\[shoebox_listen\] requeue_pause"):
        config.reread(conf)
    assert config.listening(conf)["requeue_pause"] == 8.0


def test_a_broken_plugin_that_is_not_asked_for_does_no_harm(install, ini):
    install("acme", "roll_checker", "acme", "acme_checker:Checker", "import no_such_module")
    config.check(ini("[shoebox]\ndirectory = /a\n"))


def test_a_plugin_whose_option_the_service_has_is_refused(install, ini):
    install("acme", "roll_checker", "acme", "acme_checker:Checker", BACKEND)
    conf = ini("[shoebox]\nroll_checkers = acme\n")
    conf.register_opts([cfg.IntOpt("hosts")], group="shoebox_roll_checker_acme")
    [acme] = config.instances(conf, "roll_checker")
    with pytest.raises(PluginError, match="declares the option 'hosts', which is taken"):
        config.arguments(conf, acme)


def test_another_group_has_its_own_sections_and_leaves_the_others_alone(ini):
    conf = ini(
        "[shoebox]\nno = 1\n[audit]\ndirectory = /a\nroll_checkers = size\n"
        "[audit_roll_checker_size]\nroll_size_mb = 7\n[auditing]\nx = 1\n"
    )
    config.check(conf, "audit")
    [size] = config.instances(conf, "roll_checker", "audit")
    assert config.arguments(conf, size) == {"roll_size_mb": 7.0}
    assert len(problems(ini("[audit]\ndirectory = /a\n[audit_storage_locl]\n"), "audit")) == 1


def test_two_groups_of_which_one_begins_like_the_other_are_told_apart(ini):
    conf = ini(
        "[shoebox]\ndirectory = /a\n[shoebox_two]\ndirectory = /b\n"
        "[shoebox_two_roll_checker_size]\nroll_size_mb = 7\n"
    )
    config.register_opts(conf, "shoebox_two")
    config.check(conf)
    config.check(conf, "shoebox_two")


def test_what_is_in_force_is_shown_with_secrets_masked(install, ini):
    install("acme", "roll_checker", "acme", "acme_checker:Checker", BACKEND)
    conf = ini(
        "[shoebox]\ndirectory = /a\nroll_checkers = acme\n"
        "[shoebox_roll_checker_acme]\npassword = s3cr3t\n"
    )
    shown = {(section, key): value for section, key, value in config.effective(conf)}
    assert shown["shoebox", "directory"] == "/a"
    assert shown["shoebox", "compression"] == "zstd"
    assert shown["shoebox", "spool_limit_mb"] == ""
    assert shown["shoebox_roll_checker_acme", "password"] == "****"
    assert shown["shoebox_roll_checker_acme", "hosts"] == "a, b"


def test_of_a_plugin_without_options_no_value_is_shown(install, ini):
    install("acme", "roll_checker", "acme", "acme_checker:Checker", WITHOUT_OPTIONS)
    conf = ini("[shoebox]\nroll_checkers = acme\n[shoebox_roll_checker_acme]\ntoken = s3cr3t\n")
    assert ("shoebox_roll_checker_acme", "token", "****") in config.effective(conf)


def test_the_process_wide_conf_is_left_alone(ini):
    config.check(ini("[shoebox]\ndirectory = /a\n"))
    assert "shoebox" not in cfg.CONF


def test_the_generated_sample_is_what_the_generator_writes(tmp_path):
    """Write it again with `tox -e genconfig` when this fails."""
    generated = tmp_path / "shoebox.conf.sample"
    tool = Path(sys.executable).parent / "oslo-config-generator"
    subprocess.run(
        [
            tool,
            "--config-file",
            ETC.parent / "oslo-config-generator.conf",
            "--output-file",
            generated,
        ],
        check=True,
        capture_output=True,
    )
    assert (ETC / "shoebox.conf.sample").read_text() == generated.read_text()


@pytest.mark.parametrize(("name", "command"), [("listen", "listen"), ("ship", "ship --watch")])
def test_the_units_of_systemd_may_write_where_the_example_has_them_write(name, command):
    unit = (ETC.parent / "systemd" / f"shoebox-{name}.service").read_text()
    assert f" --config-file /etc/shoebox/{(ETC / 'shoebox.conf').name} {command}\n" in unit
    allowed = re.search(r"^ReadWritePaths=(.*)$", unit, re.MULTILINE)[1].split()
    text = (ETC / "shoebox.conf").read_text()
    written = re.findall(r"^(?:directory|path) = (\S+)$", text, re.MULTILINE)
    assert len(written) == 2
    assert {it.removeprefix("-") for it in allowed} == {*written}


@pytest.mark.parametrize("name", ["shoebox.conf", "shoebox.conf.sample"])
def test_the_files_that_come_with_shoebox_are_valid(name):
    tool = Path(sys.executable).parent / "oslo-config-validator"
    subprocess.run(
        [tool, "--namespace", "shoebox", "--input-file", ETC / name],
        check=True,
        capture_output=True,
    )


def test_the_example_has_nothing_wrong():
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(ETC / "shoebox.conf")], default_config_dirs=[])
    config.check(conf)


def test_a_sample_with_every_line_in_force_has_nothing_unknown(ini):
    text = (ETC / "shoebox.conf.sample").read_text()
    settings = "\n".join(
        line.removeprefix("#") for line in text.splitlines() if not line.startswith("# ")
    )
    config.check(ini(settings.replace("<None>", "")))
