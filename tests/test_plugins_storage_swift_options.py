"""The options of the Swift backend, as an ini file has them."""

import pytest
from oslo_config import cfg

from shoebox_plugins.storage.swift.options import OPTIONS
from shoebox_plugins.storage.swift.settings import Settings


@pytest.fixture
def parsed(ini):
    def parse(text):
        conf = ini(f"[swift]\n{text}")
        conf.register_opts(OPTIONS, group="swift")
        return conf.swift

    return parse


def test_the_settings_have_a_field_for_each_option():
    assert {option.dest for option in OPTIONS} == set(Settings.__dataclass_fields__)


def test_the_defaults_are_those_of_the_settings(parsed):
    needed = {
        "container": "c",
        "auth_url": "http://a",
        "username": "u",
        "password": "p",
        "project_name": "n",
    }
    found = parsed("\n".join(f"{name} = {value}" for name, value in needed.items()))
    assert Settings.of(**dict(found.items())) == Settings(**needed)


def test_what_is_secret_is_masked():
    secret = {option.dest for option in OPTIONS if option.secret}
    assert secret == {"password", "application_credential_secret"}


@pytest.mark.parametrize(
    "line",
    [
        "auth_version = 2",
        "interface = private",
        "segment_size_mb = 0",
        "segment_size_mb = 5121",
        "delete_after = 0",
        "timeout = 0",
        "max_concurrency = 0",
    ],
)
def test_a_value_that_can_not_be_used_is_refused(parsed, line):
    found = parsed(f"container = c\n{line}")
    with pytest.raises((cfg.ConfigFileValueError, ValueError)):
        dict(found.items())
