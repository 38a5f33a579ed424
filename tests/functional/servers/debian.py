"""Programs of Debian's packages: unpacked into the cache, and nothing installed."""

import shutil
from pathlib import Path

from tests.functional.servers.environments import once
from tests.functional.servers.process import run


def unpacked(package: str) -> Path:
    """Return a folder with what the package, and what it needs and isn't here, would install.

    Nothing of the system is changed: apt keeps its lists and files in the cache as well.
    Raises ServerFailedError if apt or dpkg fails.
    """
    # Where what is in the folder changes, so must its name: caches outlive versions of this file.
    return once(f"debian-root-{package}", lambda folder: _unpack(package, folder)) / "root"


def _unpack(package: str, folder: Path) -> None:
    log = folder.with_suffix(".log")
    log.unlink(missing_ok=True)
    for name in ("lists/partial", "archives/partial", "root"):
        (folder / name).mkdir(parents=True)
    options = {
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder,
        "Debug::NoLocking": "true",
        "APT::Sandbox::User": "root",  # apt's own user can't write where we can
    }
    apt = "apt-get", "--quiet", *(f"--option={name}={value}" for name, value in options.items())
    run([*apt, "update"], log)
    run([*apt, "install", "--download-only", "--no-install-recommends", "--yes", package], log)
    for archive in (folder / "archives").glob("*.deb"):
        run(["dpkg-deb", "--extract", archive, folder / "root"], log)
    shutil.rmtree(folder / "lists")
