"""Packages of Debian that are unpacked into the cache, with what they need, and not installed."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.functional.servers import environments
from tests.functional.servers.process import ServerFailedError, run

_KINDS = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")


def unpacked(package: str, *needs: str) -> Path:
    """Return the folder that stands for / in the files of a package.

    Of what it needs in its turn that is unpacked with it whose name begins with one of
    `needs`. Raises ServerFailedError where apt-get can't download it, for which it needs no root.
    """
    return environments.once(
        f"debian-{package}", lambda folder: _unpack(folder, _names(package, needs))
    )


def _names(package: str, needs: tuple[str, ...]) -> list[str]:
    command = ["apt-cache", "depends", "--recurse", *(f"--no-{it}" for it in _KINDS), package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerFailedError(f"{package}: apt-cache knows it not: {done.stderr.strip()}")
    # What a package needs is indented below it, and has a line of its own as well.
    names = {line for line in done.stdout.splitlines() if line[:1].isalpha()}
    return sorted(name for name in names if name == package or name.startswith(needs))


def _unpack(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir()
    log = folder.with_suffix(".log")
    log.unlink(missing_ok=True)
    # As root it would hand the work to a user who may not write here.
    options = ("-o", "APT::Sandbox::User=root")
    run(["env", f"--chdir={folder}", "apt-get", "-qq", *options, "download", *names], log)
    for archive in folder.glob("*.deb"):
        run(["dpkg", "-x", archive, folder], log)
        archive.unlink()
