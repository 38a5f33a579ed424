"""Fuzzes one decoder, and keeps the inputs that reach most of it.

`python -m tests.faults.hostile.fuzz TARGET [--seconds N]` begins with the corpus in
tests/data/fuzz/TARGET, and leaves there the smallest inputs that reach what was reached; an
input that shows a fault too, and then test_corpus.py fails. It needs atheris (`pip install
atheris`), which nothing else does.
"""

from __future__ import annotations

import argparse
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.hostile.seeds import CORPUS, add
from tests.faults.hostile.targets import TARGETS

LONGEST = 6 << 10
"""Bytes of an input: golden archives are shorter."""
KEPT = 12 << 10
"""Bytes of a target's corpus, which is for a quick run."""


def fuzz(target: str, seconds: int) -> str:
    """Fuzz a target; return a line that says what came of it."""
    with tempfile.TemporaryDirectory(prefix="shoebox-fuzz-") as folder:
        work, least = Path(folder) / "work", Path(folder) / "least"
        shutil.copytree(CORPUS / target, work)
        least.mkdir()
        said = _run(target, f"-max_total_time={seconds}", f"-artifact_prefix={folder}/fault-", work)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        faults = sorted(Path(folder).glob("fault-*"))
        kept = [add(target, path.read_bytes()) for path in faults]
        _run(target, "-merge=1", least, work)
        _keep(target, [path.read_bytes() for path in least.iterdir()], kept)
    executions = _last(r"stat::number_of_executed_units: +(\d+)", said)
    coverage = _last(r"cov: (\d+)", said)
    found = "".join(f", {path}" for path in kept)
    if kept:
        print(said[-4000:], file=sys.stderr)  # noqa: T201 - where the fault is
    processor = round(used.ru_utime + used.ru_stime)
    return (
        f"{target}: {seconds} s, {processor} s of a processor, {executions} executions, "
        f"coverage {coverage}{found}"
    )


def _run(target: str, *arguments: str | Path) -> str:
    """Run libFuzzer; return what it says."""
    command = [sys.executable, "-m", "tests.faults.hostile.engine", target]
    options = [f"-max_len={LONGEST}", "-print_final_stats=1", "-timeout=20", "-rss_limit_mb=1500"]
    done = subprocess.run(
        [*command, *options, *arguments], capture_output=True, text=True, check=False
    )
    return done.stderr + done.stdout


def _keep(target: str, found: list[bytes], faults: list[Path]) -> None:
    """Put the smallest of the inputs into the corpus in place of what is there."""
    if not found:
        return
    for path in (CORPUS / target).iterdir():
        if path not in faults:
            path.unlink()
    left = KEPT
    for data in sorted(found, key=len):
        left -= len(data)
        if left < 0:
            return
        add(target, data)


def _last(pattern: str, text: str) -> str:
    return (re.findall(pattern, text) or ["?"])[-1]


def main() -> None:
    """Fuzz the target of the command line, and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    wanted = parser.parse_args()
    print(fuzz(wanted.target, wanted.seconds))  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
