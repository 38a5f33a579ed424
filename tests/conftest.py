"""What several tests stand on: packages with plugins, and ini files."""

import ctypes
import importlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from oslo_config import cfg
from oslo_service import backend
from stevedore import _cache
from stevedore.extension import ExtensionManager

from shoebox import starting

# A machine that is busy is slow, which is no fault of what is tested.
settings.register_profile("shoebox", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shoebox")


GROUPS = {
    "roll_checker": "shoebox.roll_checkers",
    "callback": "shoebox.callbacks",
    "storage": "shoebox.storage_backends",
}

_CAPABILITY_VERSION = 0x20080522
"""Of linux/capability.h: the third."""
_OVERRIDE = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, by which modes do not bind root."""


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes `-n auto` means: half of the time a test waits."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_configure() -> None:
    """Prepare what is shared by all tests of a process."""
    # A shell that starts tests in the background has it ignored, by them and what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _import_messaging()
    tracer = threading.gettrace()
    if tracer is not None:
        _trace_work_apart(tracer)


def _trace_work_apart(tracer: Callable[..., object]) -> None:
    """Have coverage see what is done apart: it follows the threads of `threading` alone."""
    start_new_thread = starting.start_new_thread

    def start_traced(work: Callable[[], None], _: tuple[()]) -> int:
        def run() -> None:
            sys.settrace(tracer)
            work()

        return start_new_thread(run, ())

    starting.start_new_thread = start_traced


def _import_messaging() -> None:
    """Import oslo.messaging, which warns of all that it imports and that nothing here uses."""
    with warnings.catch_warnings(action="ignore"):
        backend.init_backend(backend.BackendType.THREADING)
        importlib.import_module("oslo_messaging.opts")


@pytest.fixture
def forget_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Entry points are looked up anew; stevedore keeps them in the process and on disk."""
    monkeypatch.setattr(_cache._c, "_dir", str(tmp_path / "entry-point-cache"))
    _clear()
    yield
    _clear()


def _clear() -> None:
    ExtensionManager.ENTRY_POINT_CACHE.clear()
    _cache._c._internal.clear()
    importlib.invalidate_caches()


@pytest.fixture
def install(
    forget_entry_points: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Path]]:
    """Return a function that installs a package with one plugin, as pip would, without pip.

    `install(package, kind, name, target, source)` writes the module that `target`
    names and the package's dist-info, and returns the folder, now first on sys.path.
    """
    before = set(sys.modules)

    def install(
        package: str, kind: str, name: str, target: str, source: str = "", *, folder: str = ""
    ) -> Path:
        site = tmp_path / (folder or f"site-{package}")
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUPS[kind]}]\n{name} = {target}\n")
        (site / f"{target.partition(':')[0]}.py").write_text(source)
        monkeypatch.syspath_prepend(str(site))
        _clear()
        return site

    yield install
    for module in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[module], "__file__", None) or ""):
            del sys.modules[module]


@pytest.fixture
def ini(tmp_path: Path) -> Callable[[str], cfg.ConfigOpts]:
    """Return a function that parses the text of an ini file, as a service does."""

    def parse(text: str, *more: str) -> cfg.ConfigOpts:
        arguments = []
        for number, content in enumerate((text, *more)):
            path = tmp_path / f"shoebox{number or ''}.conf"
            path.write_text(content)
            arguments += ["--config-file", str(path)]
        conf = cfg.ConfigOpts()
        conf(arguments, default_config_files=[], default_config_dirs=[])
        return conf

    return parse


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Have root be bound by modes as everybody is, in this thread."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    capabilities = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, capabilities) == 0
    before = capabilities[0]
    capabilities[0] = before & ~_OVERRIDE
    assert libc.capset(header, capabilities) == 0
    yield
    capabilities[0] = before
    assert libc.capset(header, capabilities) == 0
