"""Reads hostile files where memory is limited, and says what went wrong.

`python -m tests.faults.hostile.limited WORK MEGABYTES` with one of `WORKS`: the process may
take so many megabytes more than it has when it begins.
"""

from __future__ import annotations

import contextlib
import io
import logging
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from shoebox.archive import ArchiveReader, recover
from shoebox.catalog import Catalog
from shoebox.cli.main import main as shoebox
from shoebox.delivery import Deliveries, Delivery
from shoebox.selection import Selection
from shoebox.spool import DELIVERY, Spool
from shoebox.testing import MemoryBackend
from tests.faults import FULL
from tests.faults.hostile import extremes
from tests.faults.power_cut.exploring import scratch

SECONDS = 20
"""That any one file may take."""
WANTED = Selection({"host": "n1"}, since=0)
COMMANDS = [
    ["verify"],
    ["cat"],
    ["cat", "--where", "host=n1", "--format", "jsonl"],
    ["ls"],
    ["info"],
]
_FINE = {0, 1}
"""Exit codes: sound, or a data fault."""


def read(data: bytes) -> None:
    """Read, verify, search, go on in the middle, and recover."""
    for options in ({}, {"selection": WANTED}):
        with ArchiveReader(io.BytesIO(data), name="a.events", **options) as reader:
            for batch in reader.batches():
                assert len(batch.metadata) == len(batch.payloads)
    with ArchiveReader(io.BytesIO(data), name="a.events") as reader:
        list(reader.batches({b"".hex(): 1, bytes(range(16, 32)).hex(): 9}, payloads=False))
    with scratch() as folder:
        path = folder / "a.events.open"
        path.write_bytes(data)
        recover(path)


def read_file(data: bytes) -> None:
    """Read and search a real file: it allocates what it is asked for."""
    with scratch() as folder:
        path = folder / "a.events"
        path.write_bytes(data)
        for options in ({}, {"selection": WANTED}):
            with ArchiveReader(path, **options) as reader:
                for _ in reader.batches():
                    pass


def command(data: bytes) -> None:
    """Run the commands that read."""
    with scratch() as folder:
        path = folder / "a.events"
        path.write_bytes(data)
        for words in COMMANDS:
            code, said = _shoebox([words[0], str(path), *words[1:]])
            assert code in _FINE, f"{words}: {code}: {said}"
            assert "Traceback" not in said, said


def ask_catalog(data: bytes) -> None:
    """Ask a catalog everything."""
    backend = MemoryBackend()
    backend.raw_put("x.catalog", data)
    found = Catalog(backend, "x.catalog")
    assert found.able(WANTED) <= {0}
    found.everything()


def read_state(data: bytes) -> None:
    """Read a delivery's state."""
    with scratch() as folder, contextlib.closing(Spool(folder)) as spool:
        (folder / f"a.events{DELIVERY}").write_bytes(data)
        assert Deliveries(spool).read("a.events") == Delivery()


def _shoebox(words: list[str]) -> tuple[int, str]:
    """Run a command here; return its exit code and what it has said of faults."""
    out, said = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        try:
            code = shoebox(words)
        except SystemExit as ended:
            code = ended.code
    return int(code or 0), said.getvalue()


WORKS: dict[str, tuple[Callable[[bytes], None], Callable[[], Iterable[tuple[str, bytes]]]]] = {
    "read": (read, lambda: _some(1 if FULL else 9)),
    "file": (read_file, lambda: _some(1 if FULL else 10)),
    "command": (command, lambda: _some(9 if FULL else 50)),
    "catalog": (ask_catalog, extremes.catalogs),
    "state": (read_state, extremes.states),
}


def _some(step: int) -> Iterator[tuple[str, bytes]]:
    """Yield each archive that is not one of many alike, and of these one in so many."""
    for number, (name, data) in enumerate(extremes.archives()):
        if number % step == 0 or not name.startswith(("v1", "v2", "index")):
            yield name, data


def _limit(megabytes: int) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = used + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main() -> None:
    """Print each file that was not read as it should be, and how many there were."""
    work, files = WORKS[sys.argv[1]]
    # They are made where memory is not limited: a bomb is large before it is packed.
    made = list(files())
    logging.disable(logging.CRITICAL)
    _limit(int(sys.argv[2]))
    for name, data in made:
        began = time.process_time()
        try:
            work(data)
        except BaseException as error:  # noqa: BLE001 - each is one too many
            print(f"{name}: {type(error).__name__}: {error}")  # noqa: T201 - for who started it
        if time.process_time() - began > SECONDS:
            print(f"{name}: took {time.process_time() - began:.1f} s")  # noqa: T201 - the same
    print(len(made))  # noqa: T201 - the same


if __name__ == "__main__":
    main()
