"""`shoebox listen` as a process: how it ends, and what it says of a wrong ini."""

import signal
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.program import run, start

PATIENCE = 60.0


@pytest.fixture
def ini(tmp_path):
    (tmp_path / "spool").mkdir(0o700)
    path = tmp_path / "shoebox.conf"
    path.write_text(
        f"[DEFAULT]\ntransport_url = fake://\n[shoebox]\ndirectory = {tmp_path}/spool\n"
        "[shoebox_listen]\nworkers = 2\n"
    )
    return path


def wait_for_workers(process, number):
    """Wait until it has so many workers; threads of it fork them."""
    end = monotonic() + PATIENCE
    while len(workers(process)) != number:
        assert process.poll() is None, process.stderr.read()
        assert monotonic() < end
        sleep(0.05)


def workers(process):
    tasks = Path(f"/proc/{process.pid}/task")
    return [it for task in tasks.iterdir() for it in (task / "children").read_text().split()]


def test_it_starts_its_workers_reads_the_ini_again_and_ends_when_it_is_asked_to(ini):
    process = start("listen", "--config-file", ini)
    try:
        wait_for_workers(process, 2)
        ini.write_text("neither section nor key")
        process.send_signal(signal.SIGHUP)
        told = [process.stderr.readline() for _ in range(2)]
        assert all(b"what was in force stays so" in line for line in told), told
    finally:
        process.terminate()
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err.decode()) == (0, "")


def test_a_wrong_ini_is_told_and_nothing_starts(ini):
    ini.write_text(ini.read_text().replace("fake:", "nonsense:"))
    ended = run("listen", "--config-file", ini)
    assert ended.code == 2
    assert ended.err.endswith("transport_url: oslo.messaging has no driver 'nonsense'\n")


def test_its_section_is_known_to_other_commands(ini):
    text = run("check-config", "--config-file", ini).text
    assert "[shoebox_listen]\ntransport_url =\n" in text
    assert "workers = 2\n" in text
