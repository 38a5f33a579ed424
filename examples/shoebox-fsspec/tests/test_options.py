"""The options say which driver, where, and with what; nothing of the secrets is ever shown."""

from traceback import format_exception

import fsspec
import pytest

from shoebox.errors import ConfigError, StorageDenied
from shoebox_fsspec import FsspecBackend
from shoebox_fsspec.options import driver_options


def test_options_and_secrets_are_one_for_the_driver():
    assert driver_options('{"host": "h", "port": 22}', {"password": "p"}) == {
        "host": "h",
        "port": 22,
        "password": "p",
    }


@pytest.mark.parametrize("secrets", ["hunter2", '{"password": "hunter2"', '["hunter2"]'])
def test_secrets_that_are_no_object_are_not_shown(secrets):
    with pytest.raises(ConfigError, match="secrets: is") as caught:
        FsspecBackend(protocol="memory", path="/x", secrets=secrets)
    assert "hunter2" not in "".join(format_exception(caught.value))


@pytest.mark.parametrize("path", ["", "a*", "a/[b]", "a?", "sftp://host/a", "zip::memory"])
def test_a_path_that_means_something_to_fsspec_is_refused(path):
    with pytest.raises(ConfigError, match="plain path"):
        FsspecBackend(protocol="memory", path=path)


def test_a_driver_that_is_unknown_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match=r"protocol = stpf: .* sftp"):
        FsspecBackend(protocol="stpf", path="/x")


def test_a_driver_whose_package_is_missing_says_which():
    fsspec.register_implementation(
        "absent", "absent_driver.System", errtxt="install absent-driver", clobber=True
    )
    with pytest.raises(ConfigError, match="protocol = absent: install absent-driver"):
        FsspecBackend(protocol="absent", path="/x")


def test_an_option_that_the_driver_does_not_know_pauses_the_backend():
    backend = FsspecBackend(protocol="sftp", path="/x", options={"host": "127.0.0.1", "hots": 1})
    with pytest.raises(StorageDenied, match="hots"):
        backend.stat("a")


def test_a_url_names_the_path(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    backend = FsspecBackend.from_url(str(tmp_path), protocol="local", path="/elsewhere")
    assert [it.key for it in backend.list()] == ["a"]
