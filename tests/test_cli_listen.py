"""`shoebox listen` as a process: how it ends, and what it says of a wrong ini."""

import signal
import socket
from contextlib import suppress
from time import monotonic, sleep

import pytest

from tests.program import run, start, workers
from tests.web import get

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


def neighbouring_ports():
    """Return the first of two ports that follow each other and are free."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            with suppress(OSError, OverflowError):
                two.bind(("127.0.0.1", port + 1))
                return port


def measured(ini, port):
    ini.write_text(
        ini.read_text().replace(
            "[shoebox]\n", f"[shoebox]\nmetrics = prometheus\nmetrics_port = {port}\n"
        )
    )


def test_each_worker_can_be_measured_at_a_port_of_its_own(ini):
    port = neighbouring_ports()
    measured(ini, port)
    process = start("listen", "--config-file", ini)
    try:
        answers = [answer_of(f"http://127.0.0.1:{port + number}", process) for number in range(2)]
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert answers == [(200, "ok\n")] * 2


def answer_of(url, process):
    """Return what the worker answers as soon as it does."""
    end = monotonic() + PATIENCE
    while True:
        assert process.poll() is None, process.stderr.read()
        try:
            text = get(f"{url}/metrics")[1]
        except OSError:
            assert monotonic() < end
            sleep(0.05)
        else:
            assert "shoebox_spool_bytes" in text
            return get(f"{url}/healthz")


def test_a_port_that_is_taken_is_told_before_anything_starts(ini):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        measured(ini, taken.getsockname()[1])
        ended = run("listen", "--config-file", ini)
    assert ended.code == 2
    assert "name another metrics_host or metrics_port" in ended.err


def test_a_wrong_ini_is_told_and_nothing_starts(ini):
    ini.write_text(ini.read_text().replace("fake:", "nonsense:"))
    ended = run("listen", "--config-file", ini)
    assert ended.code == 2
    assert ended.err.endswith("transport_url: oslo.messaging has no driver 'nonsense'\n")


def test_its_section_is_known_to_other_commands(ini):
    text = run("check-config", "--config-file", ini).text
    assert "[shoebox_listen]\ntransport_url =\n" in text
    assert "workers = 2\n" in text
