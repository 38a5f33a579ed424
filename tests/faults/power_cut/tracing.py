"""The system calls of a run, as strace tells of them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.functional.servers.debian import unpacked

_ROOT = Path(__file__).parents[3]
_SECONDS = 120

_NAMES = (
    "?open,openat,close,?dup,?dup2,dup3,fcntl,lseek,read,readv,pread64,"
    "write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,"
    "fsync,fdatasync,sync,syncfs,?mkdir,mkdirat,?rmdir,?unlink,unlinkat,"
    "?rename,?renameat,renameat2,?link,linkat,?symlink,symlinkat,"
    "sendfile,copy_file_range,splice,?fork,?vfork,clone,clone3"
)
"""A question mark stands before what not every machine has."""
_READS = "read,readv,pread64"
"""What they have read is not of interest, so it is not written down."""

_LINE = re.compile(r"(\d+) +(.*)")
_UNFINISHED = re.compile(r"(.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\w+|\?).*")
_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that succeeded; `began` and `ended` number the moments of the run."""

    name: str
    arguments: tuple[str, ...]
    result: int
    began: int
    ended: int


def record(command: Sequence[str | Path], trace: Path) -> None:
    """Run a command to its end, where the sources are, and write down its system calls."""
    strace, environment = _strace()
    subprocess.run(
        [
            *(strace, "--follow-forks", "--quiet=all", "--signal=none", "--strings-in-hex=all"),
            *(f"--string-limit={_LONGEST}", f"--raw={_READS}", f"--output={trace}"),
            f"--trace={_NAMES}",
            *("-E", "LD_LIBRARY_PATH", *command),
        ],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=_SECONDS,
    )


def calls(trace: Path) -> list[Call]:
    """Return the calls that succeeded, in the order in which they took effect.

    What a call does is taken to be done when it ends; but a descriptor that is being closed
    may be another thread's already.
    """
    found = list(_calls(trace))
    return sorted(found, key=lambda it: it.began if it.name == "close" else it.ended)


def text(argument: str) -> str:
    """Return a path out of an argument."""
    return os.fsdecode(content(argument))


def content(argument: str) -> bytes:
    """Return the bytes of an argument that is a string, or of all strings in it."""
    assert '"...' not in argument, "strace has cut a string short"
    return b"".join(
        bytes.fromhex(quoted.replace(r"\x", "")) for quoted in re.findall(r'"(.*?)"', argument)
    )


def _strace() -> tuple[Path, dict[str, str]]:
    """Return the program, and the environment that it is to run in."""
    installed = shutil.which("strace")
    if installed:
        return Path(installed), dict(os.environ)
    root = unpacked("strace") / "usr"
    libraries = {path.parent for path in root.glob("lib/**/*.so.*")}
    return root / "bin" / "strace", {
        **os.environ,
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, sorted(libraries))),
    }


def _calls(trace: Path) -> Iterator[Call]:
    begun: dict[str, tuple[int, str]] = {}
    with trace.open() as lines:
        for moment, line in enumerate(lines):
            thread, rest = _LINE.fullmatch(line.rstrip("\n")).groups()
            began = moment
            if unfinished := _UNFINISHED.fullmatch(rest):
                begun[thread] = moment, unfinished[1]
                continue
            if resumed := _RESUMED.fullmatch(rest):
                began, first = begun.pop(thread)
                rest = first + resumed[1]
            call = _CALL.fullmatch(rest)
            if call and call[3] != "?" and (result := int(call[3], 0)) >= 0:
                yield Call(call[1], tuple(_arguments(call[2])), result, began, moment)


def _arguments(listed: str) -> Iterator[str]:
    """Yield what commas part that are in no brackets; hexadecimal strings have neither."""
    depth, start = 0, 0
    for at, character in enumerate(listed):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and not depth:
            yield listed[start:at].strip()
            start = at + 1
    if listed:
        yield listed[start:].strip()
