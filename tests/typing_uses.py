"""Typical uses, for the type checker; nothing here is ever run."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from oslo_config import cfg

from shoebox import app, config, roll_checker, roll_manager
from shoebox.callback import Callback, CallbackList
from shoebox.errors import ShoeboxError
from shoebox.storage import ObjectInfo, StorageBackend
from shoebox.testing import (
    CallbackTests,
    DueTests,
    FakeArchive,
    Fault,
    FaultyBackend,
    MemoryBackend,
    PartsTests,
    RollCheckerTests,
    StorageBackendTests,
)


class Every(roll_checker.RollChecker):
    """A third party's checker."""

    OPTIONS = (cfg.IntOpt("every", default=10),)

    def __init__(self, *, every: int = 10, **_: object) -> None:
        self._every = every

    def check(self, archive: roll_checker.Archive) -> bool:
        return archive.records % self._every == 0

    def deadline(self) -> float | None:
        return None


class Print(Callback):
    """A third party's callback."""

    def on_close(self, path: Path) -> Path | None:
        print(path)  # noqa: T201
        return None


def write_as_in_the_readme() -> None:
    checker = roll_checker.SizeRollChecker(roll_size_mb=100)
    x = roll_manager.WritingRollManager("test_%c.events", checker)
    for index in range(10):
        x.write({"index": str(index)}, f"payload_{index}")
    x.close()


def read_as_in_the_readme() -> None:
    manager = roll_manager.ReadingRollManager("test_*.events")
    while True:
        try:
            _metadata, _json_payload = manager.read()
        except roll_manager.NoMoreFiles:
            break


def write_with_everything(directory: Path) -> None:
    with roll_manager.WritingRollManager(
        "a_%f.events",
        roll_checker.AnyRollChecker([Every(every=3), roll_checker.NeverRollChecker()]),
        directory=directory,
        archive_callback=CallbackList([Print()]),
        durability="record",
        compression="none",
    ) as writer:
        writer.write({"a": "b"}, b"bytes", timestamp=datetime.now(UTC))
        writer.write_many([({"a": "b"}, "text"), ({}, b"bytes", 1_700_000_000_000_000_000)])
        writer.flush()
        writer.sync()
        writer.roll()


def select(directory: str) -> Iterator[tuple[dict[str, str], str | bytes]]:
    with roll_manager.ReadingRollManager(
        "*.events", directory=directory, where={"a": "b*"}, since=datetime.now(UTC)
    ) as reader:
        yield from reader
        for fault in reader.faults:
            print(fault.archive, fault.kind, fault.start, fault.end, fault.reason)  # noqa: T201


def records() -> Iterator[tuple[int | None, str | bytes]]:
    with roll_manager.ReadingRollManager("*.events") as reader:
        for record in reader.records():
            yield record.timestamp, record.payload


def json_lines() -> None:
    writer = roll_manager.WritingJSONRollManager(
        "n_[[TIMESTAMP]]_[[CRC]].json", directory=".", destination_directory="done"
    )
    writer.write({"left": "out"}, "{}")
    writer.close()


def configured(arguments: list[str]) -> list[ObjectInfo]:
    conf = cfg.ConfigOpts()
    config.register_opts(conf)
    conf(arguments)
    try:
        with app.build_writer(conf, group="shoebox") as writer:
            writer.write({}, "payload")
    except ShoeboxError as error:
        print(error)  # noqa: T201
    backend: StorageBackend = app.build_backend(conf, "hot")
    with backend:
        return list(backend.list("prefix/"))


class TestEvery(RollCheckerTests, DueTests):
    """How a third party tests its checker."""

    def make(self, **more: object) -> Every:
        return Every(every=5, **more)

    def make_due(self, archive: FakeArchive) -> None:
        archive.records = 5


class TestPrint(CallbackTests):
    """How a third party tests its callback."""

    def make(self, **_more: object) -> Print:
        return Print()


class TestMemory(StorageBackendTests, PartsTests):
    """How a third party tests its backend, which it also gives as a fixture."""

    memory = MemoryBackend()
    limit = 50_000

    def raw_put(self, key: str, data: bytes) -> None:
        self.memory.raw_put(key, data)

    def raw_get(self, key: str) -> bytes | None:
        return self.memory.raw_get(key)

    def raw_leftovers(self) -> list[str]:
        return []


def fail_on_command(path: Path) -> None:
    backend = FaultyBackend(MemoryBackend(), [Fault("put", "lost_reply", 2, onward=True)])
    backend.put("key", path)
    backend.assert_all_met()


def count(split: roll_manager.Split) -> int:
    with split.open() as reader:
        return sum(1 for _metadata, _payload in reader)


def read_in_two_processes() -> int:
    with (
        roll_manager.ReadingRollManager("*.events", where={"host": "web*"}) as manager,
        ProcessPoolExecutor(2) as pool,
    ):
        return sum(pool.map(count, manager.splits(2)))
