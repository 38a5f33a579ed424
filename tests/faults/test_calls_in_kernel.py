"""Calls that fail in the kernel, by strace: also those that C makes, and interrupted ones."""

import json
import os
import select
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.faults import FULL
from tests.faults.calls import Calls
from tests.faults.children import until
from tests.faults.stages import STAGES
from tests.functional.servers import debian

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

SECONDS = 60

RETRIED = (
    "openat",
    "read",
    "write",
    "writev",
    "fsync",
    "fdatasync",
    "ftruncate",
    "flock",
    "fchmod",
)
"""What Python calls again when a signal has interrupted it (PEP 475)."""

FAILING = {
    "openat": "EMFILE",
    "read": "EIO",
    "pread64": "EIO",
    "lseek": "EIO",
    "write": "ENOSPC",
    "writev": "EFBIG",
    "fsync": "EIO",
    "fdatasync": "ENOSPC",
    "ftruncate": "EIO",
    "renameat": "EDQUOT",
    "linkat": "ENOSPC",
    "unlinkat": "EROFS",
    "mkdirat": "ENOSPC",
    "fchmod": "EPERM",
    "flock": "ENOLCK",
    "getdents64": "EIO",
    "newfstatat": "EACCES",
}
"""What is injected, of each call that strace knows by this name."""


STAGE = "each record"
NUMBERS = range(1, 13) if FULL else (1, 2)
WHOLE = {"left", "after", *map(str, range(6))}


@pytest.fixture(scope="module")
def strace():
    """Return the program, unpacked where it is not installed."""
    return shutil.which("strace") or debian.unpacked("strace") / "usr/bin/strace"


class Kernel(Calls):
    """The kernel's own faults: they begin when this process is traced, and end with that."""

    def __init__(self, call, come, say):
        super().__init__()
        self._call, self._come, self._say = call, come, say

    def begin(self):
        """Wait until the process is traced."""
        self.tell(b"b")
        self._wait()

    def lift(self):
        """Have it traced no more."""
        self.tell(b"l")
        self._wait()

    def tell(self, what):
        """Write, by the call that does not fail."""
        if self._call == "write":
            os.writev(self._say, [what])
        else:
            os.write(self._say, what)

    def _wait(self):
        if self._call == "read":
            os.readv(self._come, [bytearray(1)])
        else:
            os.read(self._come, 1)


def _child(call, come, say, folder):
    kernel = Kernel(call, come, say)
    try:
        kernel.tell(json.dumps(STAGES[STAGE].run(folder, kernel)).encode())
    except BaseException as error:  # noqa: BLE001 - said to the parent
        kernel.tell(repr(error).encode())
    finally:
        os._exit(0)


def traced(strace, folder, call, injection):
    """Run the stage while strace makes a call fail; return what was promised, and how often."""
    come, go = os.pipe()
    said, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(call, come, say, folder)
    os.close(come)
    os.close(say)
    assert os.read(said, 1) == b"b"
    options = ["-f", "-q", "-o", folder / "trace", "-e", f"trace={call}", "-e"]
    tracer = subprocess.Popen(
        [strace, *options, f"inject={call}:{injection}", "-p", str(pid)], stderr=subprocess.DEVNULL
    )
    assert until(lambda: "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text())
    os.write(go, b"x")
    ended = bool(select.select([said], [], [], SECONDS)[0]) and os.read(said, 1) == b"l"
    tracer.terminate()
    tracer.wait(SECONDS)
    os.write(go, b"x")
    promised = b""
    while ended and select.select([said], [], [], SECONDS)[0] and (part := os.read(said, 4096)):
        promised += part
    if not promised:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(said)
    os.close(go)
    assert promised.startswith(b"["), promised or "it hangs"
    return json.loads(promised), (folder / "trace").read_text().count("(INJECTED)")


@pytest.mark.parametrize("call", [*FAILING] if FULL else [*FAILING][::4])
def test_a_call_that_fails_in_the_kernel_loses_nothing(tmp_path, strace, call):
    """The k-th of each thread, once and for ever from then on."""
    came = 0
    for number in [f"{it}{then}" for it in NUMBERS for then in ("", "+")]:
        folder = tmp_path / f"{number}"
        folder.mkdir()
        safe, injected = traced(strace, folder, call, f"error={FAILING[call]}:when={number}")
        came += injected
        STAGES[STAGE].check(folder, safe)
    assert came


@pytest.mark.parametrize("call", RETRIED if FULL else RETRIED[::4])
def test_what_a_signal_interrupts_is_done_again_and_nothing_is_seen_of_it(tmp_path, strace, call):
    """Python calls it again itself (PEP 475)."""
    came = 0
    for number in NUMBERS:
        folder = tmp_path / f"{number}"
        folder.mkdir()
        safe, injected = traced(strace, folder, call, f"error=EINTR:when={number}")
        came += injected
        assert set(safe) == WHOLE
        STAGES[STAGE].check(folder, safe)
    assert came
