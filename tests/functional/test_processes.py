"""Servers are installed and started whole, or it is said why not."""

import sys
import zipfile

import pytest

from tests.functional.servers import environments
from tests.functional.servers.ports import reserve
from tests.functional.servers.process import Process, Server, ServerFailedError


@pytest.fixture
def requirements(tmp_path, monkeypatch):
    """Return what an environment is to have: a package of this test's, and a cache for it."""
    monkeypatch.setenv("SHOEBOX_SERVERS", str(tmp_path / "cache"))
    wheel = tmp_path / "acme-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("acme.py", "")
        file.writestr(
            "acme-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n"
        )
        file.writestr("acme-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        file.writestr("acme-1.0.dist-info/RECORD", "")
    return (f"acme @ {wheel.as_uri()}",)


def test_an_environment_is_made_once_and_made_again_when_it_is_not_whole(requirements):
    folder = environments.installed(requirements).parent
    assert [*folder.glob("lib/*/site-packages/acme.py")]
    (folder / "left").touch()
    assert environments.installed(requirements).parent == folder
    assert (folder / "left").exists()
    # as if the run that made it had been killed
    (folder / "whole").unlink()
    environments.installed(requirements)
    assert not (folder / "left").exists()


def test_an_environment_that_cannot_be_made_is_a_failure_that_shows_the_log(requirements, tmp_path):
    missing = (f"acme @ {(tmp_path / 'missing.whl').as_uri()}",)
    with pytest.raises(ServerFailedError, match=r"(?s)pip install.*the end of .*missing\.whl"):
        environments.installed(missing)


def python(tmp_path, program, ready, **options):
    return Server(
        processes=(
            Process([sys.executable, "-c", program], tmp_path / "server.log", ready, **options),
        )
    )


def test_a_server_that_ends_is_a_failure_that_shows_the_log(tmp_path):
    server = python(tmp_path, "raise SystemExit('no room')", lambda: False)
    with pytest.raises(ServerFailedError, match="(?s)server ended by itself with code 1.*no room"):
        server.start()


def test_a_server_that_does_not_end_when_it_is_asked_to_is_ended(tmp_path):
    program = (
        "import pathlib, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "pathlib.Path('ready').touch(); signal.pause()"
    )
    server = python(tmp_path, program, (tmp_path / "ready").exists, grace=0.1)
    with server.running():
        pass
    # started anew, so the old one was given up
    (tmp_path / "ready").unlink()
    with server.running():
        assert (tmp_path / "ready").exists()


def test_no_port_is_given_twice():
    ports = [reserve(10_000) for _ in range(20)]
    assert len({*ports, *(port + 10_000 for port in ports)}) == 40
