"""Recording a run, and checking every state that a power cut could have left in it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.power_cut.checking import check
from tests.faults.power_cut.disk import Image
from tests.faults.power_cut.replay import History, replay
from tests.faults.power_cut.runs import AGAIN, prepare
from tests.faults.power_cut.states import State
from tests.faults.power_cut.tracing import calls, record

_MEMORY = Path("/dev/shm")  # noqa: S108


@dataclass
class Result:
    """What checking has come to."""

    states: int = 0
    wrong: dict[str, str] = field(default_factory=dict)
    """What was wrong, and where that was seen first."""

    def add(self, state: State, said: Sequence[str], error: Exception | None) -> None:
        """Count a state, and what was wrong with it."""
        self.states += 1
        if error is not None:
            where = f"after {state.point} events, {state.why}; promised {[*said]}"
            self.wrong.setdefault(f"{type(error).__name__}: {error}", where)


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder that is gone afterwards, in memory if there is such a place."""
    place = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="shoebox-faults-", dir=place) as folder:
        yield Path(folder).resolve()


def recorded(name: str) -> History:
    """Return what a run from nothing does to the disk."""
    with scratch() as folder:
        root = folder / "root"
        root.mkdir()
        prepare(root, name)
        start = Image.of(root)
        record(_command(name, root), folder / "trace")
        return replay(root, start, calls(folder / "trace"))


def recorded_again(starts: Sequence[State]) -> list[History]:
    """Return what starting over does to each of these disks."""
    with scratch() as folder:
        roots = []
        for number, state in enumerate(starts):
            root = folder / f"{number}"
            root.mkdir()
            state.image.write_to(root)
            roots.append(root)
        images = [Image.of(root) for root in roots]
        record(_command(AGAIN, *roots), folder / "trace")
        made = calls(folder / "trace")
        return [replay(root, image, made) for root, image in zip(roots, images, strict=True)]


def explore(found: Iterable[tuple[State, Sequence[str]]]) -> Result:
    """Check states, each with what has been promised."""
    result = Result()
    for state, said in found:
        with scratch() as root:
            state.image.write_to(root)
            error = None
            try:
                check(root, said)
            except Exception as raised:  # noqa: BLE001 - whatever it is, it is what was wrong
                error = raised
            result.add(state, said, error)
    return result


def _command(name: str, *folders: Path) -> list[str | Path]:
    return [sys.executable, "-m", "tests.faults.power_cut.runs", name, *folders]
