"""A place outside, and a limit on the time of each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.hostile.planting import Outside, in_time


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    return Outside(tmp_path / "outside")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def limited() -> Iterator[None]:
    with in_time():
        yield
