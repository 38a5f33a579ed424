"""The example over fsspec keeps the duties of every backend on a real SSH server."""

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shoebox.errors import StorageUnavailable
from shoebox.testing import DeniedTests, RaceTests, StorageBackendTests, UnavailableTests
from shoebox_fsspec import FsspecBackend
from tests.functional.servers.process import run

REPOSITORY = Path(__file__).parents[2]
UNWANTED = shutil.ignore_patterns("__pycache__", "*.so")
CONTENT = b"content" * 500_000


def options(server, **others):
    return {
        "host": server.host,
        "port": server.port,
        "username": server.username,
        "key_filename": str(server.keyfile),
        "known_hosts": str(server.known_hosts),
        "allow_agent": False,
        "look_for_keys": False,
    } | others


class OnSftp:
    """A folder of its own for each test, and the disk to bypass the backend."""

    @pytest.fixture(autouse=True)
    def place(self, sshd):
        self.server, self.root = sshd, sshd.new_folder()

    def built(self, **others):
        return FsspecBackend(
            protocol="sftp", path=str(self.root), options=options(self.server, **others)
        )

    @pytest.fixture
    def backend(self, place):
        with self.built() as backend:
            yield backend

    def raw_put(self, key, data):
        *folders, name = key.split("/")
        path = self.root
        for folder in folders:
            path /= folder
            path.mkdir(exist_ok=True)
            self.server.give(path)
        (path / name).write_bytes(data)

    def raw_get(self, key):
        path = self.root / key
        return path.read_bytes() if path.is_file() else None


class TestOnSftp(OnSftp, StorageBackendTests, RaceTests):
    many = 300


class TestOfAReader(OnSftp, DeniedTests):
    @pytest.fixture
    def denied_backend(self, place):
        with self.built(key_filename=str(self.server.reader_keyfile)) as backend:
            yield backend


class TestOfAStranger(OnSftp, DeniedTests):
    @pytest.fixture
    def denied_backend(self, place):
        with self.built(key_filename=str(self.server.stranger_keyfile)) as backend:
            yield backend


class TestAtAnUnknownServer(OnSftp, DeniedTests):
    """Its key is in no list of known ones: whoever it is, nothing is sent there."""

    @pytest.fixture
    def denied_backend(self, place, tmp_path):
        with self.built(known_hosts=str(tmp_path / "known_hosts")) as backend:
            yield backend


class TestWithoutAServer(OnSftp, UnavailableTests):
    @pytest.fixture
    def unavailable_backend(self, place):
        with self.built(port=1) as backend:
            yield backend


class TestWithoutAFolder(OnSftp, UnavailableTests):
    @pytest.fixture(params=["missing", "a file"])
    def unavailable_backend(self, request, place):
        self.root /= "mount"
        if request.param == "a file":
            self.root.touch()
        with self.built() as backend:
            yield backend


class TestConnections(OnSftp):
    """What happens to a connection costs that one request."""

    @pytest.fixture
    def far(self, place, proxy, tmp_path):
        """Put a proxy before the server; let the backend take its key for that of the server."""
        self.proxy = proxy(f"tcp://{self.server.host}:{self.server.port}")
        port = urlsplit(self.proxy.url).port
        known = tmp_path / "known_hosts"
        known.write_text(
            self.server.known_hosts.read_text().replace(f":{self.server.port} ", f":{port} ")
        )
        with self.built(port=port, known_hosts=str(known)) as backend:
            yield backend

    @pytest.fixture
    def source(self, tmp_path):
        path = tmp_path / "source"
        path.write_bytes(CONTENT)
        return path

    @pytest.mark.parametrize("after", [100, 3000, 1 << 20])
    def test_a_connection_that_breaks_in_a_put_stores_nothing(self, far, source, after):
        """Be it while it is made, before the file is sent, or in the middle of it."""
        self.proxy.reset(after=after)
        with pytest.raises(StorageUnavailable):
            far.put("a/b", source, {"k": "v"})
        assert self.raw_get("a/b") is None
        self.proxy.forward()
        far.put("a/b", source, {"k": "v"})
        assert self.raw_get("a/b") == CONTENT

    def test_a_file_that_is_open_outlives_its_connection(self, far, source):
        far.put("a", source)
        with far.open("a") as file:
            assert file.read(100) == CONTENT[:100]
            self.proxy.refuse()
            with pytest.raises(StorageUnavailable):
                file.read()
            self.proxy.forward()
            file.seek(100)
            assert file.read() == CONTENT[100:]

    def test_a_server_that_was_away_is_found_again(self, place, source):
        with self.built() as backend:
            backend.put("a", source)
            backend.close()
            self.server.stop()
            with pytest.raises(StorageUnavailable):
                backend.stat("a")
            self.server.start()
            assert backend.stat("a").size == len(CONTENT)

    def test_files_and_folders_are_their_owners_alone(self, backend, source):
        backend.put("a/b", source, {"k": "v"})
        modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in self.root.rglob("*")}
        assert modes == {True: 0o700, False: 0o600}


class TestInstalled(OnSftp):
    """The package is all it takes: from a wheel, into an environment of its own."""

    @pytest.fixture
    def commands(self, tmp_path):
        """Return the folder with the commands of an environment that has both packages."""
        sources = tmp_path / "sources"
        # a build leaves its traces where the source is
        shutil.copytree(REPOSITORY / "examples/shoebox-fsspec", sources / "example")
        for name in ("shoebox", "shoebox_plugins"):
            shutil.copytree(REPOSITORY / name, sources / name, ignore=UNWANTED)
        for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(REPOSITORY / name, sources)
        venv, log = tmp_path / "venv", tmp_path / "pip.log"
        pip = [venv / "bin/python", "-m", "pip", "--disable-pip-version-check"]
        run([sys.executable, "-m", "venv", venv], log)
        run([*pip, "wheel", "--no-deps", "-w", tmp_path, sources / "example"], log)
        wheel = next(tmp_path.glob("shoebox_fsspec-*.whl"))
        run([*pip, "install", "--no-compile", sources, f"{wheel}[sftp]"], log, SHOEBOX_COMPILE="0")
        return venv / "bin"

    @pytest.fixture
    def ini(self, tmp_path):
        (tmp_path / "spool").mkdir(mode=0o700)
        path = tmp_path / "shoebox.conf"
        path.write_text(
            f"[shoebox]\ndirectory = {tmp_path}/spool\nstorage = far:fsspec\n"
            f"[shoebox_storage_far]\nprotocol = sftp\npath = {self.root}\n"
            f"options = {json.dumps(options(self.server))}\n"
            'secrets = {"passphrase": "none is needed"}\n'
        )
        return path

    def test_an_archive_is_shipped_and_found_by_the_ini_alone(self, commands, ini, tmp_path):
        def shoebox(*arguments, **more):
            done = subprocess.run(
                [commands / "shoebox", *arguments, "--config-file", ini],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
                **more,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        assert "fsspec" in shoebox("plugins")
        assert "none is needed" not in shoebox("check-config")
        shoebox("check-backend", "far")
        shoebox("write", input="one\ntwo\n")
        assert list((tmp_path / "spool").iterdir()) == []
        assert shoebox("cat", f"fsspec://{self.root}") == "one\ntwo\n"
