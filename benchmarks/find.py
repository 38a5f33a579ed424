"""How fast shoebox finds one record among 200,000, beside DuckDB and `zcat | grep`.

`python -m benchmarks.find`. All search for one request id, warm, in rounds that are
interleaved; medians are compared. Then what a search fetches from a store is counted.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.counting import CountingBackend
from benchmarks.records import Record, notifications
from shoebox import cataloging
from shoebox.archive import ArchiveWriter
from shoebox.roll_checker import NeverRollChecker
from shoebox.roll_manager import ReadingRollManager, WritingRollManager

FILES, EACH = 10, 20_000
ARCHIVES, SMALL = 10_000, 20


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        wanted = prepare(here)
        compare(here, wanted, options.rounds)
        count_ranges(here, wanted)
        count_with_catalog(here)


def prepare(here: Path) -> str:
    """Write the same records as an archive, as Parquet and as JSON lines; return one's id."""
    wanted = ""
    schema = pa.schema([(it, pa.string()) for it in (*COLUMNS, "payload")])
    with (
        WritingRollManager("bench.events", NeverRollChecker(), directory=here) as archive,
        pq.ParquetWriter(here / "bench.parquet", schema, compression="zstd") as parquet,
        gzip.open(here / "bench.jsonl.gz", "wt", compresslevel=6) as lines,
    ):
        for seed in range(1, FILES + 1):
            records = notifications(EACH, seed)
            archive.write_many(records)
            parquet.write_table(table(records, schema))
            lines.writelines(payload + "\n" for _, payload in records)
            if seed == FILES // 2:
                wanted = records[EACH // 2][0]["request_id"]
    return wanted


COLUMNS = ("event_type", "tenant", "request_id", "host")


def table(records: list[Record], schema: pa.Schema) -> pa.Table:
    """Return records as columns."""
    columns = [[metadata[key] for metadata, _ in records] for key in COLUMNS]
    return pa.table([*columns, [payload for _, payload in records]], schema=schema)


def compare(here: Path, wanted: str, rounds: int) -> None:
    """Time each of them."""
    database = duckdb.connect()
    query = f"select payload from '{here}/bench.parquet' where request_id = ?"  # noqa: S608 - our own path
    searches: dict[str, Callable[[], str]] = {
        "shoebox": lambda: search(here, wanted),
        "DuckDB": lambda: database.execute(query, [wanted]).fetchall()[0][0],
        "zcat | grep": lambda: grep(here, wanted),
    }
    assert len({json.loads(it())["message_id"] for it in searches.values()}) == 1  # noqa: S101
    taken: dict[str, list[float]] = {name: [] for name in searches}
    for number in range(rounds):
        for name, it in searches.items():
            if name != "zcat | grep" or number < 3:  # noqa: PLR2004 - it is slow
                taken[name].append(timed(it))
    medians = {name: statistics.median(it) for name, it in taken.items()}
    for name, seconds in medians.items():
        ratio = seconds / medians["shoebox"]
        print(f"{name:12} {seconds * 1000:9.2f} ms  {ratio:7.1f} times shoebox's")


def search(here: Path, wanted: str) -> str:
    """Return the payload that shoebox finds."""
    with ReadingRollManager("bench.events", here, where={"request_id": wanted}) as reader:
        [(_, payload)] = reader
    return str(payload)


def grep(here: Path, wanted: str) -> str:
    """Return the line that grep finds."""
    command = f"zcat {here}/bench.jsonl.gz | grep -F {wanted}"
    return subprocess.run(command, shell=True, capture_output=True, check=True, text=True).stdout  # noqa: S602 - as it is typed


def timed(run: Callable[[], object]) -> float:
    """Return the seconds of one run."""
    start = perf_counter()
    run()
    return perf_counter() - start


def count_ranges(here: Path, wanted: str) -> None:
    """Count what a search of the archive in a store takes."""
    store = CountingBackend()
    path = here / "bench.events"
    store.put("a/bench.events", path)
    store.reset()
    with ReadingRollManager("a/", storage=store, where={"request_id": wanted}) as reader:
        assert len(list(reader)) == 1  # noqa: S101
    share = store.fetched / path.stat().st_size
    print(f"in a store: {store.fetched:,} bytes, {share:.2%} of it, {store.requests} requests")


def count_with_catalog(here: Path) -> None:
    """Count what a search of many archives takes, with a catalog and without."""
    store = CountingBackend()
    wanted = ""
    for number, records in enumerate(portions()):
        path = here / "small.events"
        path.unlink(missing_ok=True)
        with ArchiveWriter(path) as writer:
            for record in records:
                writer.write(*record)
        store.put(f"a/{number:06}.events", writer.path)
        wanted = records[0][0]["request_id"] if number == ARCHIVES // 2 else wanted
    for name in ("without a catalog", "with one"):
        store.reset()
        seconds = timed(lambda: found(store, wanted))
        print(f"{ARCHIVES} archives {name}: {store.requests} requests, {seconds:.2f} s")
        if name != "with one":
            print(f"the catalog takes {timed(lambda: cataloging.refresh(store, 'a/')):.1f} s")


def portions() -> Iterator[list[Record]]:
    """Yield the records of each small archive."""
    for seed in range(ARCHIVES * SMALL // EACH):
        records = notifications(EACH, seed)
        yield from (records[at : at + SMALL] for at in range(0, EACH, SMALL))


def found(store: CountingBackend, wanted: str) -> None:
    """Search a prefix."""
    with ReadingRollManager("a/", storage=store, where={"request_id": wanted}) as reader:
        assert len(list(reader)) == 1  # noqa: S101


if __name__ == "__main__":
    sys.exit(main())
