"""A store that lies: nothing leaves the spool before it is truly stored, and all is in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from shoebox import shipper
from shoebox.archive import identify
from shoebox.destination import Destination
from shoebox.files import Directory
from shoebox.roll_manager import ReadingRollManager, WritingRollManager
from shoebox_plugins.checkers.records import RecordsRollChecker
from tests import s3_service, swift_server
from tests.faults import FULL
from tests.faults.lying_store import s3_liar, swift_liar
from tests.faults.lying_store.liar import Clock, Liar
from tests.faults.lying_store.lies import FOR_EVER, LIES, Lie, Request
from tests.faults.lying_store.s3_liar import S3Liar
from tests.faults.lying_store.swift_liar import SwiftLiar

ARCHIVES = 3
EACH = 3
SECONDS = 60.0
PLACES: dict[str, Collection[Request]] = {
    "s3": s3_liar.WHOLE.keys(),
    "s3 in parts": {*s3_liar.WHOLE, *s3_liar.PARTS},
    "s3 with md5": s3_liar.WHOLE.keys(),
    "s3 in parts with md5": {*s3_liar.WHOLE, *s3_liar.PARTS},
    "swift": swift_liar.WHOLE.keys(),
    "swift in segments": {*swift_liar.WHOLE, *swift_liar.PARTS},
    "swift with keystone": swift_liar.WHOLE.keys(),
}
QUICK = ("s3 in parts", "swift in segments")
FIGURES: Counter[str] = Counter()


@pytest.fixture(scope="module")
def s3() -> Iterator[s3_service.Service]:
    with s3_service.running() as service:
        yield service
        for backend in S3Liar.made.values():
            backend.close()
        S3Liar.made.clear()


@pytest.fixture
def liar(place: str, s3: s3_service.Service) -> Iterator[Liar]:
    with swift_server.serving() as server:
        s3.forget()
        if place.startswith("s3"):
            checksum = "md5" if "md5" in place else "crc32c"
            liar: Liar = S3Liar(s3, parts="parts" in place, checksum=checksum)
        else:
            version = "3" if "keystone" in place else "1"
            liar = SwiftLiar(server, parts="segments" in place, version=version)
        yield liar
        liar.release.set()


@pytest.fixture(scope="module", autouse=True)
def _figures(request: pytest.FixtureRequest) -> Iterator[None]:
    """Print what was tried."""
    yield
    plugins = request.config.pluginmanager
    reporter, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")
    if reporter is not None:
        with capture.global_and_fixture_disabled():
            for what, number in FIGURES.items():
                reporter.write_line(f"\na store that lies: {what}: {number:,}")


class Run:
    """Writers over one spool, which ship to stores that are asked what they really have."""

    def __init__(self, folder: Path, liars: list[Liar], lie: Lie) -> None:
        self.spool, self.liars, self.lie = folder / "spool", liars, lie
        self.spool.mkdir()
        self.written: list[tuple[str, str]] = []
        self.early: list[str] = []
        """Archives that were removed before each of the stores had them."""
        self.removed = 0
        self.waited = 0.0

    def write(self, count: int, *, heals: bool) -> WritingRollManager:
        """Write, ship all of it if that is to be done at last, and close; return the manager."""
        clock = Clock()
        for liar in self.liars:
            liar.clock = clock
            liar.wait_until = 0.0
        backends = [liar.backend(self.lie) for liar in self.liars]
        targets = [
            Destination(f"d{number}", backend, verify=self.lie.verify)
            for number, backend in enumerate(backends)
        ]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shipper, "Flag", lambda: clock)
            self._watch(patch, targets)
            with WritingRollManager(
                "%f.events",
                RecordsRollChecker(roll_records=EACH),
                self.spool,
                compression="none",
                storage=targets,
                close_timeout=SECONDS if heals else 2.0,
            ) as manager:
                for _ in range(count):
                    number = str(len(self.written))
                    self.written.append((number, f"{number} " + "x" * 400))
                    manager.write({"number": number}, self.written[-1][1])
                self._wait(manager, heals=heals)
        self.waited += clock.now
        return manager

    def _wait(self, manager: WritingRollManager, *, heals: bool) -> None:
        """Return when nothing is left in the spool, or else when a lie was met.

        Closing waits for none that denies.
        """
        manager.roll()
        shipping = manager._shipper
        assert shipping is not None
        assert shipping._wait_until(
            lambda: (
                not any(self.spool.iterdir()) if heals else any(liar.met() for liar in self.liars)
            ),
            SECONDS,
        )

    def _watch(self, patch: pytest.MonkeyPatch, targets: list[Destination]) -> None:
        """Ask the stores for each archive that is removed, before it is."""
        remove = Directory.remove

        def watched(directory: Directory, name: str) -> None:
            if name.endswith(".events") and directory.exists(name):
                self.removed += 1
                self._ask(name, targets)
            remove(directory, name)

        patch.setattr(Directory, "remove", watched)

    def _ask(self, name: str, targets: list[Destination]) -> None:
        with (self.spool / name).open("rb") as file:
            identity = identify(file)
        assert identity is not None
        content = (self.spool / name).read_bytes()
        for target, liar in zip(targets, self.liars, strict=True):
            if liar.objects().get(target.key(name, identity)) != content:
                self.early.append(f"{name} in {target.name}")

    def check(self, folder: Path) -> None:
        """See each record once in each store, and nothing else there, nor in the spool."""
        assert [it.name for it in self.spool.iterdir()] == []
        for number, liar in enumerate(self.liars):
            copies = folder / f"copies-{number}"
            copies.mkdir()
            for key, content in liar.objects().items():
                (copies / key).write_bytes(content)
            with ReadingRollManager("*", copies) as reader:
                records = list(reader.records())
                assert reader.faults == []
            found = [(it.metadata["number"], it.payload) for it in records]
            assert sorted(found, key=lambda it: int(it[0])) == self.written
            assert len({(it.writer, it.sequence) for it in records}) == len(self.written)
            assert len(liar.objects()) == -(-len(self.written) // EACH)
            assert liar.leftovers() == []
            assert liar.hasty == []


def applies(lie: Lie, place: str) -> bool:
    if "md5" in place and lie.kind == "taken" and "store" in lie.requests:
        return False  # such a service replaces what is there: only the look guards the key
    return any(it in PLACES[place] for it in lie.requests)


def bounded() -> list[tuple[str, Lie]]:
    """Return each kind of lie once, now at one of the services, now at the other."""
    kinds = {(it.requests, it.kind, it.verify, it.heals): it for it in reversed(LIES)}
    found = []
    for number, lie in enumerate(kinds.values()):
        places = [place for place in QUICK if applies(lie, place)]
        found.append((places[number % len(places)], lie))
    return found


def rows() -> list[object]:
    each = [(place, lie) for place in PLACES for lie in LIES if applies(lie, place)]
    return [
        pytest.param(place, lie, skip, id=f"{place}: {lie}, after {skip}")
        for place, lie in (each if FULL else bounded())
        for skip in ((0,) if "login" in lie.requests else (0, 1, 2) if FULL else (1,))
    ]


@pytest.mark.parametrize(("place", "lie", "skip"), rows())
def test_whatever_a_store_says_every_record_is_there_once(
    tmp_path: Path, liar: Liar, lie: Lie, skip: int
) -> None:
    run = Run(tmp_path, [liar], lie)
    liar.tell(lie, skip)
    manager = run.write(ARCHIVES * EACH, heals=lie.heals)
    assert run.early == []
    assert liar.met() > 0
    if lie.heals:
        assert manager.unshipped == []
    else:
        assert manager.unshipped
        assert run.removed < ARCHIVES
        liar.calm()
        assert run.write(EACH, heals=True).unshipped == []
    assert run.early == []
    run.check(tmp_path)
    FIGURES["lies at a place"] += 1
    FIGURES["requests that met one"] += liar.met()
    FIGURES["requests"] += liar.asked
    FIGURES["archives removed from the spool, each of which the store was asked for"] += run.removed
    FIGURES["seconds that were waited for by a clock of the tests' own"] += int(run.waited)


@pytest.fixture
def both(s3: s3_service.Service) -> Iterator[list[Liar]]:
    """Give a bucket, and a container beside it."""
    with swift_server.serving() as server:
        s3.forget()
        liars: list[Liar] = [
            S3Liar(s3, parts=False, checksum="crc32c"),
            SwiftLiar(server, parts=True, version="1"),
        ]
        yield liars
        for liar in liars:
            liar.release.set()


AWAY = Lie(("look", "store", "part", "read", "login"), "drop", FOR_EVER, heals=False)


@pytest.mark.parametrize("away", [0, 1])
def test_one_store_of_two_that_is_away_holds_up_only_itself(
    tmp_path: Path, both: list[Liar], away: int
) -> None:
    """What the other has stays here all the same, until both have it."""
    run = Run(tmp_path, both, AWAY)
    both[away].tell(AWAY)
    manager = run.write(ARCHIVES * EACH, heals=False)
    assert {it.destination for it in manager.unshipped} == {f"d{away}"}
    assert len(both[1 - away].objects()) == ARCHIVES
    assert run.removed == 0
    both[away].calm()
    assert run.write(EACH, heals=True).unshipped == []
    assert run.early == []
    run.check(tmp_path)
