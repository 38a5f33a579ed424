"""Running `shoebox` as users do: in a process of its own."""

import ctypes
import os
import subprocess
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).parent.parent
COMMAND = [
    sys.executable,
    "-c",
    "import sys; from shoebox.cli.main import main; sys.exit(main(sys.argv[1:]))",
]

_LIBC = ctypes.CDLL(None)
_DROP_FOR_EVER = 24
"""PR_CAPBSET_DROP of linux/prctl.h."""
_OVERRIDES = 1, 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, by which modes do not bind root."""


@dataclass
class Ended:
    """How a run ended."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


def environment(*folders: Path) -> dict[str, str]:
    """Return the environment of a run, in which the packages in these folders are installed."""
    path = os.pathsep.join(map(str, (*folders, ROOT)))
    return {**os.environ, "PYTHONPATH": path, "TERM": "xterm", "COLUMNS": "100"}


def run(
    *arguments: str | Path,
    stdin: bytes = b"",
    folders: tuple[Path, ...] = (),
    stdout: int = subprocess.PIPE,
    limit: Callable[[], None] | None = None,
) -> Ended:
    """Run `shoebox` to its end; `limit` is called in the new process before it begins."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment(*folders),
        preexec_fn=limit,
        check=False,
        timeout=120,
    )
    return Ended(done.returncode, done.stdout or b"", done.stderr.decode())


def bound_by_modes() -> None:
    """Have root be bound by modes as everybody is, in what this process then runs."""
    for it in _OVERRIDES:
        _LIBC.prctl(_DROP_FOR_EVER, it, 0, 0, 0)


def start(
    *arguments: str | Path,
    folders: tuple[Path, ...] = (),
    stderr: int | BinaryIO = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start `shoebox`, with pipes to all that it reads and writes, or its log elsewhere."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=pipe,
        stdout=pipe,
        stderr=stderr,
        env=environment(*folders),
    )


def workers(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the pids of what a process has forked, whichever of its threads did."""
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return [int(pid) for it in tasks for pid in (it / "children").read_text().split()]


def on_terminal(*arguments, stream="stderr", columns=80, code=0):
    """Return what a run has printed on a stream that is a terminal, so many columns wide."""
    terminal, end = os.openpty()
    termios.tcsetwinsize(end, (24, columns))
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL) | {stream: end},
        env=environment(),
    ) as program:
        os.close(end)
        shown = b""
        try:
            while chunk := os.read(terminal, 4096):
                shown += chunk
        except OSError:  # how a terminal says that nobody is there any more
            pass
    os.close(terminal)
    assert program.returncode == code
    return shown.decode()
